package import OrderedCollections
package import TensorFiles

/// The keys of a model's configuration, read with their kinds and ranges checked.
///
/// Keys have the names of `config.json`. Where they come from a file with other names, `spellings` has those, so that
/// an error names what stands in the file. A key whose value is null is as one that is absent.
package struct ConfigurationKeys: Sendable {
  /// The file, for errors.
  let path: String
  private let values: OrderedDictionary<String, OrderedJSON>
  private let spellings: [String: String]
  /// What stands before the keys of an object inside, for errors.
  private var prefix = ""
  /// What each rotary frequency is divided by, where a file says so in a tensor of its own.
  let rotaryDivisors: [Float]?
  /// The name of that tensor.
  static let rotaryDivisorsKey = "rope_freqs.weight"

  /// Takes the keys that a file has.
  package init(
    path: String, values: OrderedDictionary<String, OrderedJSON>, spellings: [String: String] = [:],
    rotaryDivisors: [Float]? = nil
  ) {
    (self.path, self.values, self.spellings) = (path, values, spellings)
    self.rotaryDivisors = rotaryDivisors
  }

  /// The value of a key; nil where it is absent or null.
  func value(_ key: String) -> OrderedJSON? {
    guard let value = values[key], value != .null else { return Optional.none }
    return value
  }

  /// Whether a key stands there, even with null.
  func mentions(_ key: String) -> Bool { values[key] != nil }

  /// Whether a key has a value.
  func has(_ key: String) -> Bool { value(key) != nil }

  /// An integer from `least` to 2³¹ − 1.
  func count(_ key: String, default fallback: Int? = nil, least: Int = 1) throws -> Int {
    guard let json = value(key) else { return try required(key, fallback) }
    guard let count = json.integer, (least...Int(Int32.max)).contains(count) else {
      throw invalid(key, expected: "an integer from \(least) to 2^31 - 1", found: json)
    }
    return count
  }

  /// A finite number above zero.
  func positive(_ key: String, default fallback: Double? = nil) throws -> Double {
    guard let json = value(key) else { return try required(key, fallback) }
    guard let number = json.number, number.isFinite, number > 0 else {
      throw invalid(key, expected: "a finite number above 0", found: json)
    }
    return number
  }

  /// A share from 0 up to below 1.
  func rate(_ key: String, default fallback: Double) throws -> Double {
    guard let json = value(key) else { return fallback }
    guard let number = json.number, number >= 0, number < 1 else {
      throw invalid(key, expected: "a share from 0 up to below 1", found: json)
    }
    return number
  }

  /// A truth value.
  func flag(_ key: String, default fallback: Bool) throws -> Bool {
    guard let json = value(key) else { return fallback }
    guard let flag = json.boolean else {
      throw invalid(key, expected: "true or false", found: json)
    }
    return flag
  }

  /// A string.
  func text(_ key: String) throws -> String {
    guard let json = value(key) else { return try required(key, nil) }
    guard let text = json.string else { throw invalid(key, expected: "a string", found: json) }
    return text
  }

  /// The keys of an object inside; nil where there is none.
  func object(_ key: String) throws -> ConfigurationKeys? {
    guard let json = value(key) else { return nil }
    guard let members = json.object else {
      throw invalid(key, expected: "an object", found: json)
    }
    var inside = ConfigurationKeys(path: path, values: members)
    inside.prefix = "\(spelling(key))."
    return inside
  }

  /// Refuses a configuration that has the key with another value than the one that is computed here.
  func require(_ key: String, toBe supported: OrderedJSON) throws {
    guard let json = value(key), json != supported,
      json.number == nil || json.number != supported.number
    else { return }
    throw unsupported(key, found: Self.text(of: json), supported: Self.text(of: supported))
  }

  /// The activation that a key names.
  func activation(_ key: String) throws -> ModelActivation {
    let name = try text(key)
    guard let activation = ModelActivation(configured: name) else {
      throw unsupported(key, found: name, supported: ModelActivation.names)
    }
    return activation
  }

  // MARK: Errors

  func invalid(_ key: String, expected: String, found: String) -> TransformerError {
    .invalidKey(path: path, key: spelling(key), expected: expected, found: found)
  }

  func invalid(_ key: String, expected: String, found: OrderedJSON) -> TransformerError {
    invalid(key, expected: expected, found: Self.text(of: found))
  }

  func unsupported(_ key: String, found: String, supported: String) -> TransformerError {
    .unsupported(path: path, key: spelling(key), found: found, supported: supported)
  }

  private func required<Value>(_ key: String, _ fallback: Value?) throws -> Value {
    guard let fallback else {
      throw TransformerError.missingKey(path: path, key: spelling(key))
    }
    return fallback
  }

  private func spelling(_ key: String) -> String { prefix + (spellings[key] ?? key) }

  private static func text(of json: OrderedJSON) -> String {
    (try? json.serialized()) ?? json.kind
  }
}
