internal import Foundation
internal import TensorFiles

/// The bytes of a tokenizer's file, and what kind of file they are.
enum TokenizerFile {
  /// The most bytes; known files have up to 40 million.
  static let mostBytes = 1 << 28

  /// All bytes, without a byte order mark.
  static func bytes(of url: URL) throws -> [UInt8] {
    let map = try MemoryMap(opening: url)
    guard map.count <= mostBytes else {
      throw TokenizerError.malformed(
        path: url.path, place: "byte \(mostBytes)",
        problem: "a tokenizer of more than \(mostBytes) bytes is not read")
    }
    return ByteOrderMark.removed(from: try map.bytes(in: 0..<map.count))
  }

  /// What a file can be.
  enum Kind { case json, llama2c, sentencePiece, lines }

  /// What a file is, by its content.
  static func kind(of bytes: [UInt8]) -> Kind {
    let first = bytes.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    if first == UInt8(ascii: "{") { return .json }
    // The greatest length of a token, as a 32-bit number: its upper bytes are 0, which no other kind begins with.
    if bytes.count >= 4, bytes[2] == 0, bytes[3] == 0 { return .llama2c }
    // The field of the first piece, which has fields of its own.
    if bytes.count >= 3, bytes[0] == 0x0A, bytes[2] == 0x0A { return .sentencePiece }
    return .lines
  }
}
