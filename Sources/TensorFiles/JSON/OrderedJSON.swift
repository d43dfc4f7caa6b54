public import OrderedCollections

/// A JSON value that keeps the order of keys and the exactness of integers.
///
/// Key order carries meaning in the files read here: in a gradient store's `info.json` it is the
/// order of columns. The parser (``init(parsing:path:offset:)``) is strict: RFC 8259, no duplicate
/// keys, no text after the value, at most ``depthLimit`` levels.
public enum OrderedJSON: Sendable, Hashable {
  /// `null`.
  case null
  /// `true` or `false`.
  case boolean(Bool)
  /// A number without fraction and exponent that fits in an `Int`, kept exactly.
  case integer(Int)
  /// Any other number, to the nearest `Double`; always finite when parsed.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case array([OrderedJSON])
  /// An object, keys in the order of the text.
  case object(OrderedDictionary<String, OrderedJSON>)

  /// Arrays and objects inside one another that the parser accepts.
  public static let depthLimit = 64

  /// The value of a key of an object; nil for an absent key and for anything but an object.
  public subscript(key: String) -> OrderedJSON? { object?[key] }

  /// The members, where this is an object.
  public var object: OrderedDictionary<String, OrderedJSON>? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// The elements, where this is an array.
  public var array: [OrderedJSON]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The text, where this is a string.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The integer, where this is one.
  public var integer: Int? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// The number, where this is one; an integer is rounded to the nearest `Double`.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The truth value, where this is one.
  public var boolean: Bool? {
    guard case .boolean(let value) = self else { return nil }
    return value
  }

  /// What kind of value this is, for a sentence: `a string`.
  public var kind: String {
    switch self {
    case .null: "null"
    case .boolean: "a truth value"
    case .integer: "an integer"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
