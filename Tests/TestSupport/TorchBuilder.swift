/// The bytes of a `.pt` file as `torch.save` writes it, put together piece by piece, so that a test can make any of them wrong.
public struct TorchBuilder: Sendable {
  /// A value to be pickled.
  public indirect enum Value: Sendable {
    /// A tensor with its numbers' bytes; contiguous, from the first number of a storage of its own, unless told otherwise.
    case tensor(
      type: String = "Float", shape: [Int], strides: [Int]? = nil, offset: Int = 0,
      storage: String? = nil, bytes: [UInt8])
    case parameter(Value)
    case list([Value])
    case tuple([Value])
    case dictionary([(String, Value)])
    case ordered([(String, Value)])
    case counted([Value])
    case integer(Int)
    case text(String)
    case number(Double)
    case truth(Bool)
    case nothing
    /// Opcodes, right or not.
    case raw([UInt8])
  }

  /// What is saved; the opcodes of ``pickle`` take its place if they are given.
  public var value: Value
  /// A whole pickle.
  public var pickle: [UInt8]?
  /// The protocol that the pickle says it has.
  public var version: UInt8 = 2
  /// The folder in which all members lie.
  public var root = "archive"
  /// The content of `byteorder`; no such member where nil.
  public var byteOrder: String? = "little"
  /// Members beside those that follow from the value.
  public var members: [(name: String, bytes: [UInt8])] = []
  /// Members that are left out.
  public var left: Set<String> = []
  /// The method of packing that members are said to have.
  public var method: UInt16 = 0
  /// Whether the end is written as for an archive of more than 4 GiB.
  public var isLarge = false
  /// Whether each checksum is wrong.
  public var hasWrongChecksums = false

  /// A file of a value.
  public init(_ value: Value) { self.value = value }

  /// A file of a tensor of float32 numbers.
  public init(_ numbers: [Float], shape: [Int]) {
    self.init(.floats(numbers, shape))
  }

  private struct Pickler {
    var bytes: [UInt8] = []
    var storages: [(key: String, bytes: [UInt8])] = []
    var memo = 0

    mutating func remember() {
      bytes += memo < 256 ? [0x71, UInt8(memo)] : [0x72] + little(UInt32(memo))
      memo += 1
    }

    mutating func integer(_ number: Int) {
      switch number {
      case 0..<256: bytes += [0x4B, UInt8(number)]
      case 256..<65536: bytes += [0x4D] + little(UInt16(number))
      case -0x8000_0000..<0x8000_0000: bytes += [0x4A] + little(Int32(number))
      default: bytes += [0x8A, 8] + little(number)
      }
    }

    mutating func text(_ text: String) {
      bytes += [0x58] + little(UInt32(text.utf8.count)) + text.utf8
      remember()
    }

    mutating func name(_ module: String, _ name: String) {
      bytes += Array("c\(module)\n\(name)\n".utf8)
      remember()
    }

    mutating func tuple(_ numbers: [Int]) {
      bytes += [0x28]
      for number in numbers { integer(number) }
      bytes += [0x74]
      remember()
    }

    mutating func add(_ value: Value) {
      switch value {
      case .tensor(let type, let shape, let strides, let offset, let storage, let data):
        let width = ["Float": 4, "Int": 4, "Double": 8, "Long": 8, "Half": 2, "BFloat16": 2][type]
        let key = storage ?? "\(storages.count)"
        if !storages.contains(where: { $0.key == key }) { storages.append((key, data)) }
        let count = (storages.first { $0.key == key }?.bytes.count ?? 0) / (width ?? 1)
        name("torch._utils", "_rebuild_tensor_v2")
        bytes += [0x28, 0x28]
        text("storage")
        name("torch", "\(type)Storage")
        text(key)
        text("cpu")
        integer(count)
        bytes += [0x74]
        remember()
        bytes += [0x51]
        integer(offset)
        tuple(shape)
        tuple(strides ?? TorchBuilder.strides(of: shape))
        bytes += [0x89]
        name("collections", "OrderedDict")
        bytes += [0x29, 0x52]
        remember()
        bytes += [0x74]
        remember()
        bytes += [0x52]
        remember()
      case .parameter(let tensor):
        name("torch._utils", "_rebuild_parameter")
        add(tensor)
        bytes += [0x88]
        name("collections", "OrderedDict")
        bytes += [0x29, 0x52, 0x87, 0x52]
        remember()
      case .list(let values):
        bytes += [0x5D]
        remember()
        bytes += [0x28]
        for value in values { add(value) }
        bytes += [0x65]
      case .tuple(let values):
        bytes += [0x28]
        for value in values { add(value) }
        bytes += [0x74]
        remember()
      case .dictionary(let members):
        bytes += [0x7D]
        remember()
        set(members)
      case .ordered(let members):
        name("collections", "OrderedDict")
        bytes += [0x29, 0x52]
        remember()
        set(members)
        // What a model's state dictionary says of itself.
        bytes += [0x7D, 0x62]
      case .counted(let values):
        bytes += [0x7D, 0x28]
        for (index, value) in values.enumerated() {
          integer(index)
          add(value)
        }
        bytes += [0x75]
      case .integer(let number): integer(number)
      case .text(let string): text(string)
      case .number(let number): bytes += [0x47] + little(number.bitPattern).reversed()
      case .truth(let truth): bytes += [truth ? 0x88 : 0x89]
      case .nothing: bytes += [0x4E]
      case .raw(let codes): bytes += codes
      }
    }

    mutating func set(_ members: [(String, Value)]) {
      bytes += [0x28]
      for (key, value) in members {
        text(key)
        add(value)
      }
      bytes += [0x75]
    }
  }

  private static func strides(of shape: [Int]) -> [Int] {
    var strides: [Int] = []
    var step = 1
    for dimension in shape.reversed() {
      strides.insert(step, at: 0)
      step = step.multipliedReportingOverflow(by: dimension).partialValue
    }
    return strides
  }

  /// The file.
  public var bytes: [UInt8] {
    var pickler = Pickler()
    pickler.add(value)
    let codes = pickle ?? [0x80, version] + pickler.bytes + [0x2E]
    var files = [(name: "data.pkl", bytes: codes)]
    if let byteOrder { files.append(("byteorder", Array(byteOrder.utf8))) }
    files += pickler.storages.map { ("data/\($0.key)", $0.bytes) }
    files += [(name: "version", bytes: Array("3\n".utf8))] + members
    return archive(files.filter { !left.contains($0.name) })
  }

  /// Members, padded and followed by descriptors as PyTorch has them, the directory, and both records of the end.
  private func archive(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    var output: [UInt8] = []
    var directory: [UInt8] = []
    for file in files {
      let name = Array("\(root)/\(file.name)".utf8)
      let start = output.count
      let padding = (128 - (start + 34 + name.count) % 64) % 64
      let checksum = Self.checksum(file.bytes) ^ (hasWrongChecksums ? 1 : 0)
      output += Array("PK".utf8) + [3, 4, 0, 0, 8, 8] + little(method)
      output += [UInt8](repeating: 0, count: 16) + little(UInt16(name.count))
      output += little(UInt16(padding + 4)) + name + Array("FB".utf8) + little(UInt16(padding))
      output += [UInt8](repeating: 0x5A, count: padding) + file.bytes
      output += Array("PK".utf8) + [7, 8] + little(checksum) + little(UInt32(file.bytes.count))
      output += little(UInt32(file.bytes.count))
      directory += Array("PK".utf8) + [1, 2, 0, 0, 0, 0, 8, 8] + little(method) + [0, 0, 0, 0]
      directory += little(checksum)
      if isLarge {
        directory += little(UInt32.max) + little(UInt32.max) + little(UInt16(name.count))
        directory += little(UInt16(28)) + [UInt8](repeating: 0, count: 10) + little(UInt32.max)
        directory += name + [1, 0, 24, 0] + little(file.bytes.count) + little(file.bytes.count)
        directory += little(start)
      } else {
        directory += little(UInt32(file.bytes.count)) + little(UInt32(file.bytes.count))
        directory += little(UInt16(name.count)) + [UInt8](repeating: 0, count: 12)
        directory += little(UInt32(start)) + name
      }
    }
    let start = output.count
    output += directory
    let end = output.count
    output += Array("PK".utf8) + [6, 6] + little(44) + [UInt8](repeating: 0, count: 12)
    output += little(files.count) + little(files.count) + little(directory.count) + little(start)
    output += Array("PK".utf8) + [6, 7, 0, 0, 0, 0] + little(end) + [1, 0, 0, 0]
    output += Array("PK".utf8) + [5, 6, 0, 0, 0, 0]
    let count = isLarge ? UInt16.max : UInt16(files.count)
    output += little(count) + little(count)
    output += little(isLarge ? UInt32.max : UInt32(directory.count))
    output += little(isLarge ? UInt32.max : UInt32(start)) + [0, 0]
    return output
  }

  /// CRC-32, bit by bit.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var state = UInt32.max
    for byte in bytes {
      state ^= UInt32(byte)
      for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0xEDB8_8320 : state >> 1 }
    }
    return ~state
  }
}

extension TorchBuilder.Value {
  /// A contiguous tensor of float32 numbers.
  public static func floats(_ numbers: [Float], _ shape: [Int]) -> TorchBuilder.Value {
    .tensor(shape: shape, bytes: numbers.flatMap { little($0.bitPattern) })
  }
}

private func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}
