import Foundation
import TensorFiles

/// What a file is, by its first bytes.
enum FileKind {
  case numpy
  case safetensors
  /// A zip archive: `.npz`, and `.pt` of PyTorch.
  case archive
  /// A pickle of Python by itself, of protocol 2 to 5.
  case pickle
  /// Text that begins as a JSON object does: the index of several files.
  case json
  case other

  /// Looks at the first bytes of a file.
  ///
  /// - Throws: `TensorFileError` where it cannot be read; a folder and a pipe are no files.
  init(of url: URL) throws {
    let map = try MemoryMap(opening: url)
    let head = try map.bytes(in: 0..<min(map.count, 9))
    let text = ByteOrderMark.removed(from: head)
    if head.starts(with: [0x93] + Array("NUMPY".utf8)) {
      self = .numpy
    } else if head.starts(with: Array("PK".utf8) + [3, 4]) {
      self = .archive
    } else if head.count == 9, head[0] == 0x80, (2...5).contains(head[1]), head[2] > 0x20,
      head[8] != UInt8(ascii: "{")
    {
      self = .pickle
    } else if text.first == UInt8(ascii: "{"), !head.contains(0) {
      self = .json
    } else if head.count == 9,
      head[8] == UInt8(ascii: "{") || head[4..<8].allSatisfy({ $0 == 0 })
    {
      // The length of the header in eight bytes, far below 2^32, then the header's opening brace.
      self = .safetensors
    } else {
      self = .other
    }
  }
}
