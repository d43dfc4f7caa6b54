/// The bytes of a GGUF file, put together piece by piece, so that a test can make any of them wrong.
public struct GGUFBuilder: Sendable {
  /// A value of the metadata.
  public enum Value: Sendable {
    case uint32(UInt32)
    case float32(Float)
    case boolean(Bool)
    case string(String)
    case strings([String])
    case int32s([Int32])
    case float32s([Float])
    /// A type and the bytes behind it, right or not.
    case raw(type: UInt32, bytes: [UInt8])
  }

  /// The description of a tensor, and its bytes.
  public struct Tensor: Sendable {
    /// The name.
    public var name: String
    /// The dimensions as the file has them, fastest first.
    public var dimensions: [UInt64]
    /// The number of the type.
    public var type: UInt32
    /// Where the bytes are said to start; where they do unless set.
    public var offset: UInt64?
    /// What stands in the file.
    public var bytes: [UInt8]
  }

  /// The first bytes.
  public var magic = Array("GGUF".utf8)
  /// The version of the format.
  public var version: UInt32 = 3
  /// Where tensors start; `general.alignment` is not written for the usual 32.
  public var alignment = 32
  /// The values with their keys.
  public var metadata: [(key: String, value: Value)] = []
  /// The tensors.
  public var tensors: [Tensor] = []
  /// The number of tensors that is written; that of those there are unless set.
  public var tensorCount: UInt64?
  /// The number of values that is written, likewise.
  public var entryCount: UInt64?

  /// An empty file.
  public init() {}

  /// Sets a value, in place of an earlier one of the same key.
  public mutating func set(_ key: String, _ value: Value) {
    metadata.removeAll { $0.key == key }
    metadata.append((key, value))
  }

  /// Adds a tensor of numbers in single precision.
  ///
  /// - Parameter shape: The dimensions, slowest first.
  public mutating func add(_ name: String, _ shape: [Int], _ values: [Float]) {
    add(name, shape, type: 0, bytes: values.flatMap { Self.bytes($0.bitPattern) })
  }

  /// Adds a tensor of any type.
  ///
  /// - Parameter shape: The dimensions, slowest first.
  public mutating func add(_ name: String, _ shape: [Int], type: UInt32, bytes: [UInt8]) {
    tensors.append(
      Tensor(
        name: name, dimensions: shape.reversed().map { UInt64($0) }, type: type, offset: nil,
        bytes: bytes))
  }

  /// The file.
  public var bytes: [UInt8] {
    var head = magic + Self.bytes(version)
    head += Self.bytes(tensorCount ?? UInt64(tensors.count))
    head += Self.bytes(entryCount ?? UInt64(metadata.count))
    for (key, value) in metadata { head += Self.text(key) + Self.value(value) }
    var data: [UInt8] = []
    for tensor in tensors {
      head += Self.text(tensor.name) + Self.bytes(UInt32(tensor.dimensions.count))
      head += tensor.dimensions.flatMap { Self.bytes($0) } + Self.bytes(tensor.type)
      head += Self.bytes(tensor.offset ?? UInt64(data.count))
      data += tensor.bytes
      data += [UInt8](repeating: 0, count: (alignment - data.count % alignment) % alignment)
    }
    guard !tensors.isEmpty else { return head }
    return head + [UInt8](repeating: 0, count: (alignment - head.count % alignment) % alignment)
      + data
  }

  /// A text as the format has it.
  public static func text(_ text: String) -> [UInt8] {
    bytes(UInt64(text.utf8.count)) + Array(text.utf8)
  }

  /// The little-endian bytes of an integer.
  public static func bytes<Integer: FixedWidthInteger>(_ integer: Integer) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: integer >> (8 * $0)) }
  }

  private static func value(_ value: Value) -> [UInt8] {
    func array(_ type: UInt32, _ count: Int, _ elements: [UInt8]) -> [UInt8] {
      bytes(UInt32(9)) + bytes(type) + bytes(UInt64(count)) + elements
    }
    switch value {
    case .uint32(let number): return bytes(UInt32(4)) + bytes(number)
    case .float32(let number): return bytes(UInt32(6)) + bytes(number.bitPattern)
    case .boolean(let flag): return bytes(UInt32(7)) + [flag ? 1 : 0]
    case .string(let string): return bytes(UInt32(8)) + text(string)
    case .strings(let strings): return array(8, strings.count, strings.flatMap { text($0) })
    case .int32s(let numbers): return array(5, numbers.count, numbers.flatMap { bytes($0) })
    case .float32s(let numbers):
      return array(6, numbers.count, numbers.flatMap { bytes($0.bitPattern) })
    case .raw(let type, let content): return bytes(type) + content
    }
  }
}
