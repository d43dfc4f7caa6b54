internal import Foundation
package import InfluenceKit
package import OrderedCollections

/// The checked settings of an experiment: every one has a value of its kind, or none where it may.
///
/// Asking for a setting that was not declared, or as another kind, is a programmer's mistake and traps.
package struct Settings: Sendable, Hashable {
  /// The values by key, in the order in which the settings are declared; without those that have none.
  package let values: OrderedDictionary<String, OrderedJSON>
  /// Where each value was given, for errors that only the experiment can find.
  private let places: [String: Place]
  /// Where the file begins, for errors about what nobody gave.
  private let origin: Place

  init(
    values: OrderedDictionary<String, OrderedJSON>, places: [String: Place], origin: Place
  ) {
    self.values = values
    self.places = places
    self.origin = origin
  }

  /// The values as the properties of a type.
  ///
  /// `self-methods` is the property `selfMethods`, and `data.flip` the property `flip` of the property `data`. A
  /// setting that may be left out is an optional property. A property that no setting declares, or that is of
  /// another kind, is a programmer's mistake and traps.
  ///
  /// - Parameters:
  ///   - type: The type of the values.
  ///   - level: The level whose settings alone are taken, without its name; nil for the whole file.
  package func values<Values: Decodable>(
    as type: Values.Type = Values.self, below level: String? = nil
  ) -> Values {
    var tree = OrderedJSON.object([:])
    for (key, value) in values {
      tree.set(value, at: key.split(separator: ".").map(String.init)[...])
    }
    do {
      return try OrderedJSONDecoder(names: .kebabCase).decode(
        type, from: level.map { tree[$0] ?? .object([:]) } ?? tree)
    } catch {
      preconditionFailure("settings as \(type): \(error)")
    }
  }

  package func has(_ key: String) -> Bool { values[key] != nil }

  package func integer(_ key: String) -> Int { value(of: key) }
  package func number(_ key: String) -> Double { value(of: key) }
  /// Text, one of several words, or a path.
  package func text(_ key: String) -> String { value(of: key) }
  package func flag(_ key: String) -> Bool { value(of: key) }
  package func integers(_ key: String) -> [Int] { value(of: key) }
  package func numbers(_ key: String) -> [Double] { value(of: key) }
  /// A list of words or methods.
  package func texts(_ key: String) -> [String] { value(of: key) }

  /// A path, or nil where it has none.
  package func optionalText(_ key: String) -> String? { has(key) ? text(key) : nil }

  package var json: OrderedJSON { .object(values) }

  /// An error about a value that no single setting shows, with the place where it was given.
  package func invalid(_ key: String, _ reason: String) -> ExperimentError {
    .invalidValue(place(of: key), key: key, reason: reason)
  }

  /// Refuses more examples than a data set has.
  func require(
    _ asked: Int, of name: String, with count: Int, _ what: String = "examples",
    key: String = "data.training"
  ) throws {
    guard asked <= count else {
      throw invalid(
        key, "\(name) has \(count) \(what), and \(asked) are asked for; ask for fewer")
    }
  }

  /// Refuses a list of a setting that holds a value twice; `what` says what one value is, such as "a rank".
  func requireDistinct(_ values: [some Hashable], _ key: String, _ what: String) throws {
    guard Set(values).count == values.count else {
      throw invalid(key, "\(what) is given twice")
    }
  }

  /// An error about a value that another setting makes necessary.
  package func missing(
    _ key: String, neededBy cause: String, allowed: String, help: String
  ) -> ExperimentError {
    .missingKey(place(of: cause), key: key, allowed: allowed, help: help)
  }

  /// The folder of data sets; an error where the file names none, which says by `help` what is read from it.
  func dataFolder(
    help: String = "the folder of data sets that docs/data.md describes"
  ) throws -> URL {
    guard let path = optionalText("data.folder") else {
      throw missing(
        "data.folder", neededBy: "data.set", allowed: "the path of a folder", help: help)
    }
    return URL(filePath: path, directoryHint: .isDirectory)
  }

  /// Where a value was given; the file's beginning where it was not.
  func place(of key: String) -> Place { places[key] ?? origin }

  private func value<Value: Decodable>(of key: String) -> Value {
    guard let json = values[key] else { preconditionFailure("setting \(key) has no value") }
    do {
      return try OrderedJSONDecoder().decode(Value.self, from: json)
    } catch {
      preconditionFailure("setting \(key) is \(json.kind), and was asked for as \(Value.self)")
    }
  }
}

extension OrderedJSON {
  /// Puts a value into objects inside of objects, which are made where they are not there.
  fileprivate mutating func set(_ value: OrderedJSON, at path: ArraySlice<String>) {
    guard let key = path.first else {
      self = value
      return
    }
    var members = object ?? [:]
    members[key, default: .object([:])].set(value, at: path.dropFirst())
    self = .object(members)
  }
}
