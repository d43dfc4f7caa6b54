internal import Foundation
internal import InfluenceKit
internal import Yams

extension ConfigurationDocument.Entry {
  var isList: Bool { node.sequence != nil }

  /// The value as its setting wants it.
  ///
  /// - Throws: ``ExperimentError/invalidValue(_:key:reason:)``, or
  ///   ``ExperimentError/missingPath(_:key:path:)``.
  func value(of setting: Setting) throws -> OrderedJSON {
    switch setting.kind {
    case .integer(let range): .integer(try integer(node, range, setting))
    case .number(let range): .number(try number(node, range, setting))
    case .text: .string(try word(node, setting))
    case .choice(let words): .string(try choice(node, words, setting))
    case .flag: .boolean(try flag(setting))
    case .integers(let range, let mayBeEmpty):
      .array(
        try elements(setting, mayBeEmpty: mayBeEmpty).map {
          .integer(try integer($0, range, setting))
        })
    case .numbers(let range):
      .array(try elements(setting).map { .number(try number($0, range, setting)) })
    case .choices(let words):
      try distinct(try elements(setting).map { (try choice($0, words, setting), $0) }, setting)
    case .methods, .methodsOrNone:
      try distinct(
        try elements(setting, mayBeEmpty: setting.kind.isMethodsOrNone).map {
          (try method($0, setting), $0)
        }, setting)
    case .path: .string(try existingPath(setting))
    }
  }

  private func refuse(_ node: Node, _ reason: String) -> ExperimentError {
    guard case .file(let path, _, _) = place, node.mark != nil else {
      return .invalidValue(place, key: key, reason: reason)
    }
    return .invalidValue(ConfigurationDocument.place(of: node, in: path), key: key, reason: reason)
  }

  private func found(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar) where scalar.string.isEmpty: "nothing"
    case .scalar(let scalar): "\"\(scalar.string)\""
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .alias: "an alias"
    }
  }

  /// A scalar's text; quoted numbers are text, and no numbers.
  private func plain(_ node: Node) -> String? {
    guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else {
      return nil
    }
    return scalar.string
  }

  private func integer(_ node: Node, _ range: ClosedRange<Int>, _ setting: Setting) throws -> Int {
    guard let value = plain(node).flatMap({ Int($0) }), range.contains(value) else {
      if let value = plain(node).flatMap({ Double($0) }), range.upperBound == Setting.mostCounted,
        value > Double(range.upperBound)
      {
        throw refuse(node, "\(found(node)) is more than \(range.upperBound)")
      }
      throw refuse(node, "\(found(node)) is not \(single(setting))")
    }
    return value
  }

  private func number(
    _ node: Node, _ range: ClosedRange<Double>, _ setting: Setting
  ) throws -> Double {
    guard let value = plain(node).flatMap({ Double($0) }), value.isFinite, range.contains(value)
    else { throw refuse(node, "\(found(node)) is not \(single(setting))") }
    return value
  }

  /// What one element must be.
  private func single(_ setting: Setting) -> String {
    switch setting.kind {
    case .integers(let range, _): Setting(setting.key, .integer(range), help: "").allowed
    case .numbers(let range): Setting(setting.key, .number(range), help: "").allowed
    default: setting.allowed
    }
  }

  private func word(_ node: Node, _ setting: Setting) throws -> String {
    guard let text = node.scalar?.string, !text.isEmpty else {
      throw refuse(node, "\(found(node)) is not \(single(setting))")
    }
    return text
  }

  private func choice(_ node: Node, _ words: [String], _ setting: Setting) throws -> String {
    guard let text = node.scalar?.string, words.contains(text) else {
      throw refuse(node, "\(found(node)) is not one of \(words.joined(separator: ", "))")
    }
    return text
  }

  private func flag(_ setting: Setting) throws -> Bool {
    switch plain(node) {
    case "true": true
    case "false": false
    default: throw refuse(node, "\(found(node)) is neither true nor false")
    }
  }

  private func elements(_ setting: Setting, mayBeEmpty: Bool = false) throws -> [Node] {
    guard let sequence = node.sequence else {
      throw refuse(node, "\(found(node)) is not \(setting.allowed); write [one, two]")
    }
    guard mayBeEmpty || !sequence.isEmpty else { throw refuse(node, "the list is empty") }
    return Array(sequence)
  }

  private func distinct(_ words: [(String, Node)], _ setting: Setting) throws -> OrderedJSON {
    var seen: Set<String> = []
    for (word, node) in words where !seen.insert(word).inserted {
      throw refuse(node, "\"\(word)\" is given twice")
    }
    return .array(words.map { .string($0.0) })
  }

  private func method(_ node: Node, _ setting: Setting) throws -> String {
    let text = try word(node, setting)
    do {
      _ = try EstimatorCatalog.estimator(text)
    } catch {
      throw refuse(node, "\(error)")
    }
    return text
  }

  private func existingPath(_ setting: Setting) throws -> String {
    let path = try word(node, setting)
    guard FileManager.default.fileExists(atPath: path) else {
      throw ExperimentError.missingPath(place, key: key, path: path)
    }
    return path
  }
}
