/// Reads the head of a GGUF file from its start: integers, counts, texts and values.
///
/// Nothing is allocated for a count before the bytes that it stands for are known to be in the file.
struct GGUFCursor {
  let map: MemoryMap
  /// The next byte.
  private(set) var offset: Int

  /// Arrays inside one another that are read.
  private static let depthLimit = 4

  init(_ map: MemoryMap, at offset: Int) {
    self.map = map
    self.offset = offset
  }

  /// Goes past `count` things of at least `size` bytes each, if they are there.
  private mutating func take(_ count: UInt64, of size: Int = 1) throws(TensorFileError) -> Range<
    Int
  > {
    let remaining = map.count - offset
    guard count <= UInt64(remaining / size) else {
      let (needed, isTooLarge) = count.multipliedReportingOverflow(by: UInt64(size))
      throw .truncated(
        path: map.path, offset: offset, needed: isTooLarge ? .max : needed, fileSize: map.count)
    }
    defer { offset += Int(count) * size }
    return offset..<offset + Int(count) * size
  }

  /// A little-endian integer.
  mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self
  ) throws(TensorFileError) -> Number {
    let range = try take(UInt64(Number.bitWidth / 8))
    return try map.withBytes(in: range) { bytes throws(TensorFileError) in
      var number: Number = 0
      for index in bytes.indices {
        number |= Number(truncatingIfNeeded: bytes[index]) << (8 * index)
      }
      return number
    }
  }

  /// How many things follow, of which each takes at least `size` bytes.
  mutating func count(ofThings size: Int) throws(TensorFileError) -> Int {
    let start = offset
    let count = try integer(UInt64.self)
    do throws(TensorFileError) {
      var rest = self
      _ = try rest.take(count, of: size)
    } catch {
      guard case .truncated(let path, _, let needed, let fileSize) = error else { throw error }
      throw .truncated(path: path, offset: start, needed: needed, fileSize: fileSize)
    }
    return Int(count)
  }

  /// A text: its length in eight bytes, then UTF-8.
  mutating func string() throws(TensorFileError) -> String {
    let start = offset
    let length = try count(ofThings: 1)
    let bytes = try map.bytes(in: try take(UInt64(length)))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalidUTF8(path: map.path, offset: start + 8)
    }
    return text
  }

  /// A value with its type before it.
  mutating func value(field: String) throws(TensorFileError) -> GGUFValue {
    try value(field: field, type: integer(), depth: 0)
  }

  private mutating func value(
    field: String, type: UInt32, depth: Int
  ) throws(TensorFileError) -> GGUFValue {
    switch type {
    case 0: return .integer(Int(try integer(UInt8.self)))
    case 1: return .integer(Int(try integer(Int8.self)))
    case 2: return .integer(Int(try integer(UInt16.self)))
    case 3: return .integer(Int(try integer(Int16.self)))
    case 4: return .integer(Int(try integer(UInt32.self)))
    case 5: return .integer(Int(try integer(Int32.self)))
    case 6: return .number(Double(Float(bitPattern: try integer(UInt32.self))))
    case 7: return .boolean(try truth(of: integer(UInt8.self), field: field))
    case 8: return .string(try string())
    case 9: return try array(field: field, depth: depth + 1)
    case 10: return .integer(try exact(integer(UInt64.self), field: field))
    case 11: return .integer(Int(try integer(Int64.self)))
    case 12: return .number(Double(bitPattern: try integer(UInt64.self)))
    default: throw unknown(type, field: field)
    }
  }

  private mutating func array(field: String, depth: Int) throws(TensorFileError) -> GGUFValue {
    guard depth <= Self.depthLimit else {
      throw .invalidField(
        path: map.path, field: field, expected: "arrays at most \(Self.depthLimit) deep",
        found: "deeper ones at byte \(offset)")
    }
    let type = try integer(UInt32.self)
    guard let size = Self.leastSizes[type] else { throw unknown(type, field: field) }
    let count = try count(ofThings: size)
    guard MachineMemory.holds(count, MemoryLayout<GGUFValue>.stride) else {
      throw .invalidField(
        path: map.path, field: field, expected: "an array that fits in memory",
        found: "\(count) elements")
    }
    switch type {
    case 6:
      return .numbers(try numbers(UInt32.self, count).map { Double(Float(bitPattern: $0)) })
    case 12: return .numbers(try numbers(UInt64.self, count).map { Double(bitPattern: $0) })
    case 0: return .integers(try numbers(UInt8.self, count).map { Int($0) })
    case 1: return .integers(try numbers(Int8.self, count).map { Int($0) })
    case 2: return .integers(try numbers(UInt16.self, count).map { Int($0) })
    case 3: return .integers(try numbers(Int16.self, count).map { Int($0) })
    case 4: return .integers(try numbers(UInt32.self, count).map { Int($0) })
    case 5: return .integers(try numbers(Int32.self, count).map { Int($0) })
    case 11: return .integers(try numbers(Int64.self, count).map { Int($0) })
    case 10:
      var values: [Int] = []
      for number in try numbers(UInt64.self, count) {
        values.append(try exact(number, field: field))
      }
      return .integers(values)
    case 7:
      var values: [Bool] = []
      for byte in try numbers(UInt8.self, count) {
        values.append(try truth(of: byte, field: field))
      }
      return .booleans(values)
    case 8:
      var texts: [String] = []
      texts.reserveCapacity(count)
      for _ in 0..<count { texts.append(try string()) }
      return .strings(texts)
    default:
      var arrays: [GGUFValue] = []
      for _ in 0..<count { arrays.append(try array(field: field, depth: depth + 1)) }
      return .arrays(arrays)
    }
  }

  private mutating func numbers<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type, _ count: Int
  ) throws(TensorFileError) -> [Number] {
    let range = try take(UInt64(count), of: Number.bitWidth / 8)
    return try map.elements(of: type, byteOffset: range.lowerBound, count: count)
  }

  private func exact(_ number: UInt64, field: String) throws(TensorFileError) -> Int {
    guard let value = Int(exactly: number) else {
      throw .invalidField(
        path: map.path, field: field, expected: "integers up to 2^63 - 1", found: "\(number)")
    }
    return value
  }

  private func truth(of byte: UInt8, field: String) throws(TensorFileError) -> Bool {
    guard byte <= 1 else {
      throw .invalidField(
        path: map.path, field: field, expected: "0 or 1 for a truth value", found: "\(byte)")
    }
    return byte == 1
  }

  private func unknown(_ type: UInt32, field: String) -> TensorFileError {
    .invalidField(
      path: map.path, field: field, expected: "a type from 0 to 12 before byte \(offset)",
      found: "\(type)")
  }

  /// The least bytes that an element of each type takes.
  private static let leastSizes: [UInt32: Int] = [
    0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 9: 12, 10: 8, 11: 8, 12: 8,
  ]
}
