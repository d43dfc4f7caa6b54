import Foundation
import TensorFiles

/// What a file is, by its first bytes.
enum FileKind {
  case numpy
  case safetensors
  case other

  /// Looks at the first bytes of a file.
  ///
  /// - Throws: ``TensorFileError`` where it cannot be read; a folder and a pipe are no files.
  init(of url: URL) throws {
    let map = try MemoryMap(opening: url)
    let head = try map.bytes(in: 0..<min(map.count, 9))
    if head.starts(with: [0x93] + Array("NUMPY".utf8)) {
      self = .numpy
    } else if head.count == 9, head[8] == UInt8(ascii: "{") || head[7] == 0 {
      // The length of the header in eight bytes, then the header's opening brace.
      self = .safetensors
    } else {
      self = .other
    }
  }
}
