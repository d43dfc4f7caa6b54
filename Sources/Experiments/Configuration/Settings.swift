public import OrderedCollections
public import TensorFiles

/// The checked settings of an experiment: every one has a value of its kind, or none where it may.
///
/// Asking for a setting that was not declared, or as another kind, is a programmer's mistake and traps.
public struct Settings: Sendable, Hashable {
  /// The values by key, in the order in which the settings are declared; without those that have none.
  public let values: OrderedDictionary<String, OrderedJSON>
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

  /// Whether the setting has a value.
  public func has(_ key: String) -> Bool { values[key] != nil }

  /// A whole number.
  public func integer(_ key: String) -> Int { value(key) { $0.integer } }
  /// A number.
  public func number(_ key: String) -> Double { value(key) { $0.number } }
  /// Text, one of several words, or a path.
  public func text(_ key: String) -> String { value(key) { $0.string } }
  /// True or false.
  public func flag(_ key: String) -> Bool { value(key) { $0.boolean } }
  /// A list of whole numbers.
  public func integers(_ key: String) -> [Int] { list(key) { $0.integer } }
  /// A list of numbers.
  public func numbers(_ key: String) -> [Double] { list(key) { $0.number } }
  /// A list of words or methods.
  public func texts(_ key: String) -> [String] { list(key) { $0.string } }

  /// A path, or nil where it has none.
  public func optionalText(_ key: String) -> String? { has(key) ? text(key) : nil }

  /// All values as one object.
  public var json: OrderedJSON { .object(values) }

  /// An error about a value that no single setting shows: with the place where it was given.
  ///
  /// - Parameters:
  ///   - key: The setting to change.
  ///   - reason: What is wrong, and what to do about it.
  public func invalid(_ key: String, _ reason: String) -> ExperimentError {
    .invalidValue(place(of: key), key: key, reason: reason)
  }

  /// An error about a value that other settings make necessary.
  ///
  /// - Parameters:
  ///   - key: The setting that has no value.
  ///   - cause: The setting that makes it necessary.
  ///   - allowed: What it may be.
  ///   - help: What it is for.
  public func missing(
    _ key: String, neededBy cause: String, allowed: String, help: String
  ) -> ExperimentError {
    .missingKey(place(of: cause), key: key, allowed: allowed, help: help)
  }

  /// Where a value was given; the file's beginning where it was not.
  func place(of key: String) -> Place { places[key] ?? origin }

  private func value<Value>(_ key: String, _ read: (OrderedJSON) -> Value?) -> Value {
    guard let json = values[key] else { preconditionFailure("setting \(key) has no value") }
    guard let value = read(json) else {
      preconditionFailure("setting \(key) is \(json.kind), and was asked for as something else")
    }
    return value
  }

  private func list<Value>(_ key: String, _ read: (OrderedJSON) -> Value?) -> [Value] {
    value(key) { json in
      json.array.flatMap { elements in
        let values = elements.compactMap(read)
        return values.count == elements.count ? values : nil
      }
    }
  }
}

/// Where a value comes from.
public enum Place: Sendable, Hashable, CustomStringConvertible {
  /// A line and a column of a file, both from 1.
  case file(String, line: Int, column: Int)
  /// The command line.
  case commandLine

  /// The place, as errors begin.
  public var description: String {
    switch self {
    case .file(let path, let line, let column): "\(path):\(line):\(column)"
    case .commandLine: "--set"
    }
  }
}
