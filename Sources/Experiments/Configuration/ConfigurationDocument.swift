internal import InfluenceKit
internal import Yams

/// A YAML mapping whose values know where they stand.
struct ConfigurationDocument {
  struct Entry {
    let key: String
    let node: Node
    let place: Place
  }

  let place: Place
  private let path: String
  private let root: Node.Mapping

  /// Parses the text of a file.
  ///
  /// - Throws: ``ExperimentError/malformed(_:problem:)`` with line and column.
  init(text: String, path: String) throws {
    self.path = path
    place = .file(path, line: 1, column: 1)
    let node: Node?
    do {
      node = try Yams.compose(yaml: ByteOrderMark.removed(from: text))
    } catch let error as YamlError {
      throw Self.malformed(error, path: path)
    }
    guard let node, node.null == nil || node.mapping != nil else {
      throw ExperimentError.malformed(place, problem: "the file is empty")
    }
    guard let mapping = node.mapping else {
      throw ExperimentError.malformed(
        Self.place(of: node, in: path), problem: "the file is not a mapping of keys to values")
    }
    root = mapping
  }

  /// Reads `key=value`, where the value is YAML.
  static func override(_ text: String) throws -> (key: String, entry: Entry) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw ExperimentError.invalidValue(
        .override, key: text, reason: "give key=value, such as model.hidden=[64]")
    }
    let key = String(parts[0])
    let node: Node?
    do {
      node = try Yams.compose(yaml: String(parts[1]))
    } catch {
      throw ExperimentError.invalidValue(
        .override, key: key, reason: "\(parts[1]) is not a YAML value")
    }
    guard let node else {
      throw ExperimentError.invalidValue(.override, key: key, reason: "there is no value")
    }
    return (key, Entry(key: key, node: node, place: .override))
  }

  /// The text of a key at the top, if it is there.
  func word(_ key: String) throws -> (text: String, place: Place)? {
    guard let entry = try value(key) else { return nil }
    let value = try entry.value(of: Setting(key, .text, help: ""))
    return (value.string ?? "", entry.place)
  }

  /// The value of a key at the top, or below a key at the top.
  func value(_ key: String, below parent: String? = nil) throws -> Entry? {
    guard let mapping = try mapping(below: parent), let node = mapping[key] else { return nil }
    return Entry(key: key, node: node, place: Self.place(of: node, in: path))
  }

  /// The values of settings by key, levels joined by dots.
  ///
  /// - Parameters:
  ///   - keys: The keys of all settings.
  ///   - others: Keys that may stand beside them, and are left alone.
  ///   - parent: The key at the top under which they stand; nil for the top itself.
  /// - Throws: ``ExperimentError/unknownKey(_:key:known:)``.
  func entries(
    of keys: [String], beside others: [String], below parent: String?
  ) throws -> [String: Entry] {
    guard let mapping = try mapping(below: parent) else { return [:] }
    var entries: [String: Entry] = [:]
    try collect(mapping, prefix: "", keys, others, into: &entries)
    return entries
  }

  private func mapping(below parent: String?) throws -> Node.Mapping? {
    guard let parent else { return root }
    guard let node = root[parent] else { return nil }
    guard let mapping = node.mapping else {
      throw ExperimentError.invalidValue(
        Self.place(of: node, in: path), key: parent, reason: "it must hold settings, key: value")
    }
    return mapping
  }

  private func collect(
    _ mapping: Node.Mapping, prefix: String, _ keys: [String], _ others: [String],
    into entries: inout [String: Entry]
  ) throws {
    for (keyNode, node) in mapping {
      let place = Self.place(of: keyNode, in: path)
      guard let name = keyNode.scalar?.string else {
        throw ExperimentError.malformed(place, problem: "a key must be a word")
      }
      let key = prefix + name
      if prefix.isEmpty, others.contains(name) { continue }
      if keys.contains(key) {
        guard entries[key] == nil else {
          throw ExperimentError.invalidValue(place, key: key, reason: "it is given twice")
        }
        entries[key] = Entry(key: key, node: node, place: Self.place(of: node, in: path))
      } else if keys.contains(where: { $0.hasPrefix(key + ".") }) {
        guard let inner = node.mapping else {
          let below = keys.filter { $0.hasPrefix(key + ".") }
          throw ExperimentError.invalidValue(
            Self.place(of: node, in: path), key: key,
            reason: "it is a level, not a value; below it stand \(below.joined(separator: ", "))")
        }
        try collect(inner, prefix: key + ".", keys, others, into: &entries)
      } else {
        throw ExperimentError.unknownKey(
          place, key: key, known: keys + (prefix.isEmpty ? others : []))
      }
    }
  }

  static func place(of node: Node, in path: String) -> Place {
    .file(path, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  private static func malformed(_ error: YamlError, path: String) -> ExperimentError {
    func at(_ mark: Mark) -> Place { .file(path, line: mark.line, column: mark.column) }
    let start = Place.file(path, line: 1, column: 1)
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let what = context.map { "\($0.text), \(problem)" } ?? problem
      return .malformed(at(mark), problem: "not valid YAML: \(what)")
    case .reader(let problem, _, _, _):
      return .malformed(start, problem: "not valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let keys, let context):
      return .malformed(
        at(context.mark),
        problem: "the mapping has a key twice: \(keys.sorted().joined(separator: ", "))")
    default:
      return .malformed(start, problem: "not valid YAML: \(error)")
    }
  }
}
