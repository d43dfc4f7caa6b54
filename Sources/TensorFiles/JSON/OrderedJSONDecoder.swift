internal import OrderedCollections

/// Decodes what an `OrderedJSONEncoder` has written.
///
/// An integer is a number too. Fields that no property has are left alone.
package struct OrderedJSONDecoder: Sendable {
  private let names: JSONFieldNames

  package init(names: JSONFieldNames = .snakeCase) { self.names = names }

  /// The value that JSON holds.
  ///
  /// - Parameters:
  ///   - type: The type of the value.
  ///   - json: The JSON.
  ///   - path: The file that it is from, for errors.
  ///   - field: Where in the file it stands, for errors; empty for the whole file.
  /// - Throws: ``TensorFileError/missingField(path:field:)`` or
  ///   ``TensorFileError/invalidField(path:field:expected:found:)``.
  package func decode<Value: Decodable>(
    _ type: Value.Type, from json: OrderedJSON, path: String = "JSON", field: String = ""
  ) throws -> Value {
    let root = ValueDecoder(json: json, names: names, path: path, field: field, codingPath: [])
    do {
      return try root.decode(type)
    } catch let DecodingError.dataCorrupted(context) {
      // A word that an enumeration does not have.
      let decoder = try context.codingPath.reduce(root) { try $0.child($1) }
      throw TensorFileError.invalidField(
        path: path, field: decoder.field, expected: "a value of its kind",
        found: decoder.json.string.map { "\"\($0)\"" } ?? decoder.json.kind)
    }
  }
}

/// A dictionary whose members are read from those of an object.
private protocol DecodableMembers {
  init(members: OrderedDictionary<String, OrderedJSON>, of decoder: ValueDecoder) throws
}

extension OrderedDictionary: DecodableMembers where Key == String, Value: Decodable {
  fileprivate init(
    members: OrderedDictionary<String, OrderedJSON>, of decoder: ValueDecoder
  ) throws {
    self.init(minimumCapacity: members.count)
    for key in members.keys {
      self[key] = try decoder.member(JSONKey(key), field: key).decode(Value.self)
    }
  }
}

private struct ValueDecoder: Decoder, SingleValueDecodingContainer {
  let json: OrderedJSON
  let names: JSONFieldNames
  let path: String
  /// Where the value stands, as errors name it: `methods.exact.scores[3]`.
  let field: String
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func mismatch(_ expected: String) -> TensorFileError {
    .invalidField(path: path, field: field, expected: expected, found: json.kind)
  }

  func container<Key>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard let members = json.object else { throw mismatch("an object") }
    return KeyedDecodingContainer(MemberDecoder<Key>(decoder: self, members: members))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard let elements = json.array else { throw mismatch("an array") }
    return ElementDecoder(decoder: self, elements: elements)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { self }

  func decodeNil() -> Bool { json == .null }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if let scalar = type as? any JSONScalar.Type {
      guard let value = scalar.value(of: json) as? Value else { throw mismatch(scalar.jsonKind) }
      return value
    }
    if let dictionary = type as? any DecodableMembers.Type {
      guard let members = json.object,
        let value = try dictionary.init(members: members, of: self) as? Value
      else { throw mismatch("an object") }
      return value
    }
    return try type.init(from: self)
  }

  /// The member of an object, whose field is the key's unless given.
  func member(_ key: some CodingKey, field name: String? = nil) throws -> ValueDecoder {
    let name = name ?? names.field(of: key.stringValue)
    let place = field.isEmpty ? name : "\(field).\(name)"
    guard let member = json[name] else {
      throw TensorFileError.missingField(path: path, field: place)
    }
    return ValueDecoder(
      json: member, names: names, path: path, field: place, codingPath: codingPath + [key])
  }

  /// The element of an array.
  func element(_ index: Int) throws -> ValueDecoder {
    let elements = json.array ?? []
    guard elements.indices.contains(index) else { throw mismatch("more than \(index) elements") }
    return ValueDecoder(
      json: elements[index], names: names, path: path, field: "\(field)[\(index)]",
      codingPath: codingPath + [JSONKey(index)])
  }

  /// The member or element of a key.
  func child(_ key: any CodingKey) throws -> ValueDecoder {
    if let index = key.intValue, json.array != nil { return try element(index) }
    return try member(key, field: json[key.stringValue] == nil ? nil : key.stringValue)
  }
}

private struct MemberDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let decoder: ValueDecoder
  let members: OrderedDictionary<String, OrderedJSON>
  var codingPath: [any CodingKey] { decoder.codingPath }
  var allKeys: [Key] { members.keys.compactMap { Key(stringValue: $0) } }

  func contains(_ key: Key) -> Bool { members[decoder.names.field(of: key.stringValue)] != nil }

  func decodeNil(forKey key: Key) throws -> Bool { try decoder.member(key).decodeNil() }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try decoder.member(key).decode(type)
  }

  func nestedContainer<Nested>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try decoder.member(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder.member(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try decoder.member(JSONKey("super")) }

  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder.member(key) }
}

private struct ElementDecoder: UnkeyedDecodingContainer {
  let decoder: ValueDecoder
  let elements: [OrderedJSON]
  var currentIndex = 0
  var codingPath: [any CodingKey] { decoder.codingPath }
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex == elements.count }

  private mutating func next() throws -> ValueDecoder {
    let next = try decoder.element(currentIndex)
    currentIndex += 1
    return next
  }

  mutating func decodeNil() throws -> Bool {
    guard try decoder.element(currentIndex).decodeNil() else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try next().decode(type)
  }

  mutating func nestedContainer<Nested>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next().unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { try next() }
}
