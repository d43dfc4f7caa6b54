/// The head of a `.npy` file: magic, version, length, and a Python dictionary in text.
package struct NumpyHeader {
  /// The bytes that every `.npy` file starts with.
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// The longest dictionary that is read, in bytes; numpy's own are of about 100.
  static let lengthLimit = 1 << 20

  let descriptor: String
  let isFortranOrder: Bool
  let shape: [Int]
  let dataOffset: Int

  init(of map: MemoryMap) throws(TensorFileError) {
    let start = try map.bytes(in: 0..<min(map.count, 12))
    guard start.starts(with: Self.magic.prefix(start.count)) else {
      throw .wrongFormat(
        path: map.path, offset: 0, expected: "the magic string \\x93NUMPY of a .npy file",
        found: String(decoding: start.prefix(6), as: UTF8.self))
    }
    func check(_ needed: Int, at offset: Int) throws(TensorFileError) {
      guard map.count >= offset, map.count - offset >= needed else {
        throw .truncated(
          path: map.path, offset: offset, needed: UInt64(needed), fileSize: map.count)
      }
    }
    try check(8, at: 0)
    let version = (start[6], start[7])
    guard (1...3).contains(version.0), version.1 == 0 else {
      throw .unsupportedVersion(
        path: map.path, offset: 6, found: "\(version.0).\(version.1)", supported: "1.0, 2.0, 3.0")
    }
    let lengthSize = version.0 == 1 ? 2 : 4
    try check(lengthSize, at: 8)
    let length = start[8..<8 + lengthSize].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.lengthLimit else {
      throw .headerTooLong(
        path: map.path, offset: 8, length: UInt64(length), limit: Self.lengthLimit)
    }
    let textOffset = 8 + lengthSize
    try check(length, at: textOffset)
    dataOffset = textOffset + length
    let text = try map.bytes(in: textOffset..<dataOffset)
    var parser = NumpyHeaderParser(bytes: text, path: map.path, offset: textOffset)
    (descriptor, isFortranOrder, shape) = try parser.dictionary()
  }

  /// The type that a `descr` names, and its size; nil for integers.
  static func element(
    named descriptor: String, path: String
  ) throws(TensorFileError) -> (type: ElementType?, byteCount: Int) {
    // A mark says which byte comes first, which is not the type's affair.
    let isMarked = descriptor.first.map { "<>=|".contains($0) } ?? false
    let code = isMarked ? String(descriptor.dropFirst()) : descriptor
    if let type = ElementType(numpy: code), ["f2", "f4", "f8"].contains(code) {
      return (type, type.byteCount)
    }
    if ["i4", "i8"].contains(code) { return (nil, code == "i4" ? 4 : 8) }
    let reason =
      switch descriptor.first {
      case "[": " (a record)"
      case "(": " (a sub-array)"
      default: descriptor.hasSuffix("O") ? " (pickled objects)" : ""
      }
    throw .unsupportedElementType(
      path: path, field: "descr", found: descriptor + reason,
      supported: "<f2, <f4, <f8, and <i4, <i8 for integers, or > in place of <")
  }

  /// The head of a version 1.0 file in C order, padded so that the numbers start at a multiple of 64.
  package static func bytes(descriptor: String, shape: [Int]) -> [UInt8] {
    let dimensions = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = Array(
      "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(dimensions)), }".utf8)
    let used = 10 + text.count + 1
    text += Array(repeating: UInt8(ascii: " "), count: (64 - used % 64) % 64)
    text.append(UInt8(ascii: "\n"))
    return magic + [1, 0, UInt8(text.count & 0xff), UInt8(text.count >> 8)] + text
  }
}
