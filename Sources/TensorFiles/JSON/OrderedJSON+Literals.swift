import OrderedCollections

// Values written in Swift as they look in JSON: ["rows": 3, "names": ["a", "b"]].

extension OrderedJSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `null`.
  public init(nilLiteral: ()) { self = .null }

  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }

  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }

  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }

  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }

  /// An array.
  public init(arrayLiteral elements: OrderedJSON...) { self = .array(elements) }

  /// An object, keys in the order given; a key must not stand twice.
  public init(dictionaryLiteral members: (String, OrderedJSON)...) {
    self = .object(OrderedDictionary(uniqueKeysWithValues: members))
  }
}
