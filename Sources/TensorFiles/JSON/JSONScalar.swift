/// A value of Swift that is one value of JSON, without members and elements.
protocol JSONScalar: Codable {
  /// What the value is called in sentences.
  static var jsonKind: String { get }
  /// The value as JSON; nil where JSON cannot hold it exactly.
  var json: OrderedJSON? { get }
  /// The value that JSON holds; nil where it is another kind, or out of range.
  static func value(of json: OrderedJSON) -> Self?
}

extension Bool: JSONScalar {
  static var jsonKind: String { "a truth value" }
  var json: OrderedJSON? { .boolean(self) }
  static func value(of json: OrderedJSON) -> Self? { json.boolean }
}

extension String: JSONScalar {
  static var jsonKind: String { "a string" }
  var json: OrderedJSON? { .string(self) }
  static func value(of json: OrderedJSON) -> Self? { json.string }
}

extension Double: JSONScalar {
  static var jsonKind: String { "a number" }
  var json: OrderedJSON? { .number(self) }
  static func value(of json: OrderedJSON) -> Self? { json.number }
}

extension Float: JSONScalar {
  static var jsonKind: String { "a number" }
  var json: OrderedJSON? { .number(Double(self)) }
  static func value(of json: OrderedJSON) -> Self? { json.number.map { Float($0) } }
}

extension JSONScalar where Self: BinaryInteger {
  static var jsonKind: String { "an integer" }
  var json: OrderedJSON? { Int(exactly: self).map { .integer($0) } }
  static func value(of json: OrderedJSON) -> Self? { json.integer.flatMap { Self(exactly: $0) } }
}

extension Int: JSONScalar {}
extension Int8: JSONScalar {}
extension Int16: JSONScalar {}
extension Int32: JSONScalar {}
extension Int64: JSONScalar {}
extension UInt: JSONScalar {}
extension UInt8: JSONScalar {}
extension UInt16: JSONScalar {}
extension UInt32: JSONScalar {}
extension UInt64: JSONScalar {}
