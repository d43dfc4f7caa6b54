internal import OrderedCollections

/// Encodes values as ``OrderedJSON``, whose fields stand in the order in which they are encoded.
///
/// A property `testAccuracy` is the field `test_accuracy`. An `OrderedDictionary` with strings as keys is an
/// object whose keys stay as they are. A whole number is an integer, a `Double` a number; numbers that
/// are not finite are kept, and refused when the JSON is written. A property that is nil is left out, unless
/// it is `NullWhenNil`.
package struct OrderedJSONEncoder: Sendable {
  private let names: JSONFieldNames

  package init(names: JSONFieldNames = .snakeCase) { self.names = names }

  /// The value as JSON.
  ///
  /// - Throws: `EncodingError` for an integer outside of the range of `Int`.
  package func encode(_ value: some Encodable) throws -> OrderedJSON {
    let node = JSONNode()
    try ValueEncoder(node: node, names: names, codingPath: []).encode(value)
    return node.json
  }
}

/// A dictionary whose members are written as those of an object.
private protocol EncodableMembers {
  func encodeMembers(by encoder: ValueEncoder) throws
}

extension OrderedDictionary: EncodableMembers where Key == String, Value: Encodable {
  fileprivate func encodeMembers(by encoder: ValueEncoder) throws {
    encoder.node.members = encoder.node.members ?? [:]
    for (key, value) in self {
      try encoder.member(JSONKey(key), field: key).encode(value)
    }
  }
}

/// A value that is being written: at most one of its three properties is set.
private final class JSONNode {
  var value: OrderedJSON?
  var elements: [JSONNode]?
  var members: OrderedDictionary<String, JSONNode>?

  /// What has been written; an object where nothing was, as a type without properties is.
  var json: OrderedJSON {
    if let value { return value }
    if let elements { return .array(elements.map(\.json)) }
    return .object((members ?? [:]).mapValues(\.json))
  }
}

private struct ValueEncoder: Encoder, SingleValueEncodingContainer {
  let node: JSONNode
  let names: JSONFieldNames
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    node.members = node.members ?? [:]
    return KeyedEncodingContainer(MemberEncoder<Key>(encoder: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.elements = node.elements ?? []
    return ElementEncoder(encoder: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  func encodeNil() { node.value = .null }

  func encode<Value: Encodable>(_ value: Value) throws {
    if let scalar = value as? any JSONScalar {
      guard let json = scalar.json else {
        throw EncodingError.invalidValue(
          value,
          .init(codingPath: codingPath, debugDescription: "\(value) is outside the range of Int"))
      }
      node.value = json
    } else if let members = value as? any EncodableMembers {
      try members.encodeMembers(by: self)
    } else {
      try value.encode(to: self)
    }
  }

  func member(_ key: some CodingKey, field: String? = nil) -> ValueEncoder {
    let member = JSONNode()
    node.members?[field ?? names.field(of: key.stringValue)] = member
    return ValueEncoder(node: member, names: names, codingPath: codingPath + [key])
  }

  func element() -> ValueEncoder {
    let element = JSONNode()
    let key = JSONKey(node.elements?.count ?? 0)
    node.elements?.append(element)
    return ValueEncoder(node: element, names: names, codingPath: codingPath + [key])
  }
}

private struct MemberEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let encoder: ValueEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }

  func encodeNil(forKey key: Key) { encoder.member(key).encodeNil() }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try encoder.member(key).encode(value)
  }

  func nestedContainer<Nested>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    encoder.member(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    encoder.member(key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { encoder.member(JSONKey("super")) }

  func superEncoder(forKey key: Key) -> any Encoder { encoder.member(key) }
}

private struct ElementEncoder: UnkeyedEncodingContainer {
  let encoder: ValueEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }
  var count: Int { encoder.node.elements?.count ?? 0 }

  func encodeNil() { encoder.element().encodeNil() }

  func encode<Value: Encodable>(_ value: Value) throws { try encoder.element().encode(value) }

  func nestedContainer<Nested>(
    keyedBy type: Nested.Type
  ) -> KeyedEncodingContainer<Nested> { encoder.element().container(keyedBy: type) }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    encoder.element().unkeyedContainer()
  }

  func superEncoder() -> any Encoder { encoder.element() }
}
