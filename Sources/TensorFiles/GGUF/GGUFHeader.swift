import OrderedCollections

/// The head of a GGUF file: magic, version, metadata, and what tensors lie where.
struct GGUFHeader {
  /// The first four bytes of every file.
  static let magic = Array("GGUF".utf8)
  private static let alignmentKey = "general.alignment"
  private static let dimensionLimit: UInt32 = 4

  let version: Int
  private(set) var metadata: OrderedDictionary<String, GGUFValue> = [:]
  private(set) var tensors: OrderedDictionary<String, GGUFTensor> = [:]
  private let map: MemoryMap

  init(of map: MemoryMap) throws(TensorFileError) {
    self.map = map
    guard map.count >= Self.magic.count else {
      throw .truncated(path: map.path, offset: 0, needed: 4, fileSize: map.count)
    }
    let head = try map.bytes(in: 0..<4)
    guard head == Self.magic else {
      throw .wrongFormat(
        path: map.path, offset: 0, expected: "the letters GGUF",
        found: head.map { "0x" + String($0, radix: 16) }.joined(separator: " "))
    }
    var cursor = GGUFCursor(map, at: 4)
    version = try Self.version(&cursor)
    // A tensor takes at least a name's length, a number of dimensions, a type and an offset; an entry of the
    // metadata a key's length, a type and a byte.
    let tensorCount = try cursor.count(ofThings: 24)
    let entryCount = try cursor.count(ofThings: 13)
    for _ in 0..<entryCount {
      let start = cursor.offset
      let key = try cursor.string()
      guard metadata[key] == nil else {
        throw .duplicateKey(path: map.path, offset: start, key: key)
      }
      metadata[key] = try cursor.value(field: key)
    }
    var described: [(tensor: GGUFTensor, start: Int)] = []
    for index in 0..<tensorCount {
      described.append(try tensor(index, &cursor))
    }
    try place(described, alignment: alignment(), headerEnd: cursor.offset)
  }

  private static func version(_ cursor: inout GGUFCursor) throws(TensorFileError) -> Int {
    let version = try cursor.integer(UInt32.self)
    guard (2...3).contains(version) else {
      let isSwapped = (1...3).contains(version.byteSwapped)
      throw .unsupportedVersion(
        path: cursor.map.path, offset: 4,
        found: isSwapped ? "\(version.byteSwapped), big-endian" : "\(version)",
        supported: "2 and 3, little-endian")
    }
    return Int(version)
  }

  private func alignment() throws(TensorFileError) -> Int {
    guard let value = metadata[Self.alignmentKey] else { return 32 }
    guard case .integer(let alignment) = value, (1...1 << 30).contains(alignment),
      alignment.nonzeroBitCount == 1
    else {
      throw .invalidField(
        path: map.path, field: Self.alignmentKey, expected: "a power of two up to 2^30",
        found: (try? value.json.serialized()) ?? value.kind)
    }
    return alignment
  }

  /// A tensor's description, and where its bytes start behind the head; the byte range is filled in later.
  private func tensor(
    _ index: Int, _ cursor: inout GGUFCursor
  ) throws(TensorFileError) -> (tensor: GGUFTensor, start: Int) {
    let name = try cursor.string()
    let rank = try cursor.integer(UInt32.self)
    guard rank <= Self.dimensionLimit else {
      throw .invalidField(
        path: map.path, field: "tensors[\(index)] \(name)",
        expected: "at most \(Self.dimensionLimit) dimensions", found: "\(rank)")
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      let dimension = try cursor.integer(UInt64.self)
      guard let dimension = Int(exactly: dimension) else {
        throw .invalidField(
          path: map.path, field: "\(name).shape", expected: "dimensions up to 2^63 - 1",
          found: "\(dimension)")
      }
      // The file has the fastest dimension first.
      shape.insert(dimension, at: 0)
    }
    let code = try cursor.integer(UInt32.self)
    guard let type = GGUFTensorType.of(code: code) else {
      throw .unknownElementType(path: map.path, field: "\(name).type", found: "\(code)")
    }
    // No type takes more than 64 bits for a number.
    let count = try TensorShape(shape, bitCount: 64, path: map.path, field: name).elementCount
    guard (shape.last ?? 1).isMultiple(of: type.blockSize) else {
      throw .invalidShape(
        path: map.path, field: name, shape: shape,
        reason: "rows of \(type.name) have multiples of \(type.blockSize) numbers; the header is "
          + "damaged, write the file again")
    }
    let start = try cursor.integer(UInt64.self)
    guard let start = Int(exactly: start) else {
      throw .invalidField(
        path: map.path, field: "\(name).offset", expected: "an offset up to 2^63 - 1",
        found: "\(start)")
    }
    let byteCount = count / type.blockSize * type.blockByteCount
    return (GGUFTensor(name: name, type: type, shape: shape, byteRange: 0..<byteCount), start)
  }

  /// Puts the tensors where they lie, and checks that they leave no byte out and share none.
  private mutating func place(
    _ described: [(tensor: GGUFTensor, start: Int)], alignment: Int, headerEnd: Int
  ) throws(TensorFileError) {
    func aligned(_ offset: Int) -> Int { (offset + alignment - 1) & ~(alignment - 1) }
    let dataStart = aligned(headerEnd)
    let dataSize = max(0, map.count - dataStart)
    for (tensor, start) in described {
      guard start.isMultiple(of: alignment) else {
        throw .invalidField(
          path: map.path, field: "\(tensor.name).offset", expected: "a multiple of \(alignment)",
          found: "\(start)")
      }
      let size = tensor.byteRange.count
      guard start <= dataSize, size <= dataSize - start else {
        throw .offsetsOutOfRange(
          path: map.path, field: tensor.name, begin: start,
          end: start.addingReportingOverflow(size).overflow ? .max : start + size,
          dataSize: dataSize)
      }
      guard tensors[tensor.name] == nil else {
        throw .duplicateKey(path: map.path, offset: dataStart + start, key: tensor.name)
      }
      tensors[tensor.name] = GGUFTensor(
        name: tensor.name, type: tensor.type, shape: tensor.shape,
        byteRange: dataStart + start..<dataStart + start + size)
    }
    var (end, previous) = (dataStart, "")
    for tensor in tensors.values.sorted(by: {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }) {
      let begin = tensor.byteRange.lowerBound
      guard begin >= end else {
        throw .overlappingTensors(
          path: map.path, first: previous, second: tensor.name, offset: begin)
      }
      guard begin <= aligned(end) else {
        throw .unclaimedBytes(path: map.path, offset: end, byteCount: begin - end)
      }
      (end, previous) = (tensor.byteRange.upperBound, tensor.name)
    }
    guard map.count <= aligned(end) else {
      throw .trailingBytes(path: map.path, offset: end, byteCount: map.count - end)
    }
  }
}
