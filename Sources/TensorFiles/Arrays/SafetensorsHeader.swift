import OrderedCollections

/// The head of a `.safetensors` file: eight bytes of length, then JSON.
package struct SafetensorsHeader {
  /// The key that holds text about the file instead of a tensor.
  package static let metadataKey = "__metadata__"
  /// The longest header that is read, in bytes; the format's own limit.
  static let limit = 100_000_000

  var tensors: OrderedDictionary<String, TensorEntry> = [:]
  var metadata: OrderedDictionary<String, String> = [:]
  private let path: String
  private let dataOffset: Int
  private let dataSize: Int

  init(of map: MemoryMap) throws(TensorFileError) {
    path = map.path
    guard map.count >= 8 else {
      throw .truncated(path: path, offset: 0, needed: 8, fileSize: map.count)
    }
    let length = UInt64(littleEndian: try map.elements(of: UInt64.self, byteOffset: 0, count: 1)[0])
    guard length <= Self.limit else {
      throw .headerTooLong(
        path: path, offset: 0, length: length, limit: Self.limit)
    }
    dataOffset = 8 + Int(length)
    guard dataOffset <= map.count else {
      throw .truncated(path: path, offset: 8, needed: length, fileSize: map.count)
    }
    dataSize = map.count - dataOffset
    let json = try OrderedJSON(parsing: map.bytes(in: 8..<dataOffset), path: path, offset: 8)
    guard let members = json.object else {
      throw .invalidField(path: path, field: "header", expected: "an object", found: json.kind)
    }
    var entries: [TensorEntry] = []
    for (name, value) in members.elements {
      if name == Self.metadataKey {
        metadata = try text(of: value)
      } else {
        entries.append(try entry(name, value))
      }
    }
    try order(&entries)
    tensors = OrderedDictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
  }

  private func text(
    of value: OrderedJSON
  ) throws(TensorFileError) -> OrderedDictionary<String, String> {
    let field = Self.metadataKey
    let members = try require(value.object, of: value, field: field, expected: "an object")
    var metadata: OrderedDictionary<String, String> = [:]
    for (key, value) in members.elements {
      metadata[key] = try require(
        value.string, of: value, field: "\(field).\(key)", expected: "a string")
    }
    return metadata
  }

  private func require<Value>(
    _ value: Value?, of json: OrderedJSON, field: String, expected: String
  ) throws(TensorFileError) -> Value {
    guard let value else {
      throw .invalidField(path: path, field: field, expected: expected, found: json.kind)
    }
    return value
  }

  private func entry(
    _ name: String, _ value: OrderedJSON
  ) throws(TensorFileError) -> TensorEntry {
    let members = try require(value.object, of: value, field: name, expected: "an object")
    func member(_ key: String) throws(TensorFileError) -> OrderedJSON {
      guard let value = members[key] else {
        throw .missingField(path: path, field: "\(name).\(key)")
      }
      return value
    }
    let type = try member("dtype")
    let typeName = try require(
      type.string, of: type, field: "\(name).dtype", expected: "a string")
    guard let bitCount = Self.bitCounts[typeName] else {
      throw .unknownElementType(path: path, field: "\(name).dtype", found: typeName)
    }
    let dimensions = try counts(member("shape"), field: "\(name).shape")
    let shape = try TensorShape(
      dimensions, bitCount: bitCount, path: path, field: "\(name).shape")
    let field = "\(name).data_offsets"
    let offsets = try counts(member("data_offsets"), field: field)
    guard offsets.count == 2 else {
      throw .invalidField(
        path: path, field: field, expected: "two integers", found: "\(offsets.count)")
    }
    let (begin, end) = (offsets[0], offsets[1])
    guard begin <= end else {
      throw .reversedOffsets(path: path, field: field, begin: begin, end: end)
    }
    guard end <= dataSize else {
      throw .offsetsOutOfRange(
        path: path, field: field, begin: begin, end: end, dataSize: dataSize)
    }
    let expected = (shape.elementCount * bitCount + 7) / 8
    guard end - begin == expected else {
      throw .byteCountMismatch(
        path: path, field: name, expected: expected, found: end - begin)
    }
    return TensorEntry(
      name: name, elementTypeName: typeName, elementType: ElementType(safetensors: typeName),
      shape: dimensions, byteRange: dataOffset + begin..<dataOffset + end)
  }

  private func counts(
    _ value: OrderedJSON, field: String
  ) throws(TensorFileError) -> [Int] {
    var counts: [Int] = []
    let elements = try require(value.array, of: value, field: field, expected: "an array")
    for (index, element) in elements.enumerated() {
      guard let count = element.integer, count >= 0 else {
        throw .invalidField(
          path: path, field: "\(field)[\(index)]", expected: "an integer from 0 to 2^63 - 1",
          found: (try? element.serialized()) ?? element.kind)
      }
      counts.append(count)
    }
    return counts
  }

  /// Sorts the entries as their bytes lie in the file, and checks that they leave no byte out and
  /// share none.
  private func order(_ entries: inout [TensorEntry]) throws(TensorFileError) {
    entries.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var (end, previous) = (dataOffset, "")
    for entry in entries {
      let begin = entry.byteRange.lowerBound
      guard begin >= end else {
        throw .overlappingTensors(path: path, first: previous, second: entry.name, offset: begin)
      }
      guard begin == end else {
        throw .unclaimedBytes(path: path, offset: end, byteCount: begin - end)
      }
      (end, previous) = (entry.byteRange.upperBound, entry.name)
    }
    guard end == dataOffset + dataSize else {
      throw .trailingBytes(path: path, offset: end, byteCount: dataOffset + dataSize - end)
    }
  }

  /// Bits in an element of every type that the format knows.
  private static let bitCounts: [String: Int] = [
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
  ]
}
