import Foundation
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

/// A GGUF file with something wrong, and the case of the error and the words that say so.
struct MalformedGGUF: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let expected: String
  let words: String
  let bytes: [UInt8]

  init(
    _ name: String, _ expected: String, _ words: String = "",
    _ change: (inout GGUFBuilder) -> Void
  ) {
    var builder = Self.valid
    change(&builder)
    (testDescription, self.expected, self.words, bytes) = (name, expected, words, builder.bytes)
  }

  static var valid: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.set("general.architecture", .string("llama"))
    builder.set("size", .uint32(7))
    builder.add("first", [2, 3], [1, 2, 3, 4, 5, 6])
    builder.add("second", [1, 32], type: 8, bytes: [UInt8](repeating: 1, count: 34))
    return builder
  }

  /// An array's element type and count, as bytes of a value.
  private static func array(_ type: UInt32, _ count: UInt64) -> GGUFBuilder.Value {
    .raw(type: 9, bytes: GGUFBuilder.bytes(type) + GGUFBuilder.bytes(count))
  }

  static let all: [MalformedGGUF] = [
    .init("wrong magic", "wrongFormat", "letters GGUF") { $0.magic = Array("GGML".utf8) },
    .init("version 1", "unsupportedVersion", "version 1 at byte 4") { $0.version = 1 },
    .init("version 9", "unsupportedVersion", "version 9") { $0.version = 9 },
    .init("big-endian", "unsupportedVersion", "3, big-endian") { $0.version = 3 << 24 },
    .init("2^64 tensors", "truncated", "byte 8") { $0.tensorCount = .max },
    .init("2^40 tensors", "truncated", "byte 8") { $0.tensorCount = 1 << 40 },
    .init("2^64 values", "truncated", "byte 16") { $0.entryCount = .max },
    .init("one tensor more", "unknownElementType") { $0.tensorCount = 3 },
    .init("one value more", "truncated") { $0.entryCount = 3 },
    .init("one tensor less", "unclaimedBytes") {
      $0.tensorCount = 1
      $0.tensors.swapAt(0, 1)
      $0.tensors[0].offset = 64
    },
    .init("string of 2^63 bytes", "truncated", "2") {
      $0.set("text", .raw(type: 8, bytes: GGUFBuilder.bytes(UInt64(1) << 63)))
    },
    .init("array of 2^60 strings", "truncated") { $0.set("list", array(8, 1 << 60)) },
    .init("array of 2^62 numbers", "truncated") { $0.set("list", array(6, 1 << 62)) },
    .init("array of arrays without end", "truncated") { $0.set("list", array(9, 1 << 59)) },
    .init("array of an unknown type", "invalidField", "\"list\"") { $0.set("list", array(77, 0)) },
    .init("arrays too deep", "invalidField", "4 deep") {
      let level = GGUFBuilder.bytes(UInt32(9)) + GGUFBuilder.bytes(UInt64(1))
      $0.set("list", .raw(type: 9, bytes: Array(repeating: level, count: 20).flatMap(\.self)))
    },
    .init("value of an unknown type", "invalidField", "\"odd\"") {
      $0.set("odd", .raw(type: 13, bytes: []))
    },
    .init("truth value 2", "invalidField", "\"flag\": expected 0 or 1") {
      $0.set("flag", .raw(type: 7, bytes: [2]))
    },
    .init("integer of 2^63", "invalidField", "9223372036854775808") {
      $0.set("large", .raw(type: 10, bytes: GGUFBuilder.bytes(UInt64(1) << 63)))
    },
    .init("text not UTF-8", "invalidUTF8") {
      $0.set("text", .raw(type: 8, bytes: GGUFBuilder.bytes(UInt64(1)) + [0xff]))
    },
    .init("key twice", "duplicateKey", "\"size\"") { $0.metadata.append(("size", .uint32(8))) },
    .init("alignment 0", "invalidField", "general.alignment") {
      $0.set("general.alignment", .uint32(0))
    },
    .init("alignment 48", "invalidField", "power of two") {
      $0.set("general.alignment", .uint32(48))
    },
    .init("alignment as text", "invalidField", "general.alignment") {
      $0.set("general.alignment", .string("32"))
    },
    .init("tensor twice", "duplicateKey", "\"first\"") { $0.tensors[1].name = "first" },
    .init("five dimensions", "invalidField", "at most 4 dimensions") {
      $0.tensors[0].dimensions = [3, 2, 1, 1, 1]
    },
    .init("dimension of 2^63", "invalidField", "first.shape") {
      $0.tensors[0].dimensions = [1 << 63, 1]
    },
    .init("product of 2^64", "shapeOverflow", "first") {
      $0.tensors[0].dimensions = [1 << 32, 1 << 32]
    },
    .init("product around a zero", "shapeOverflow", "first") {
      $0.tensors[0].dimensions = [1 << 40, 0, 1 << 40]
    },
    .init("unknown type", "unknownElementType", "first.type") { $0.tensors[0].type = 4 },
    .init("row that is no whole block", "invalidShape", "multiples of 32") {
      $0.tensors[1].dimensions = [33, 1]
    },
    .init("unaligned offset", "invalidField", "multiple of 32") { $0.tensors[1].offset = 33 },
    .init("offset past the end", "offsetsOutOfRange", "second") { $0.tensors[1].offset = 1 << 20 },
    .init("offset of 2^63", "invalidField", "second.offset") { $0.tensors[1].offset = 1 << 63 },
    .init("offset near 2^63", "offsetsOutOfRange", "second") {
      $0.tensors[1].offset = UInt64(Int.max) - 31
    },
    .init("tensor past the end", "offsetsOutOfRange", "second") {
      $0.tensors[1].dimensions = [32, 9]
    },
    .init("tensors that overlap", "overlappingTensors", "second") { $0.tensors[1].offset = 0 },
    .init("hole between tensors", "unclaimedBytes") {
      $0.tensors[0].bytes += [UInt8](repeating: 0, count: 64)
    },
    .init("bytes after the last tensor", "trailingBytes") {
      $0.tensors[1].bytes += [UInt8](repeating: 0, count: 64)
    },
  ]
}

@Suite("Malformed GGUF files")
struct MalformedGGUFTests {
  @Test("what is wrong is said with the file and the place", arguments: MalformedGGUF.all)
  func malformed(file: MalformedGGUF) throws {
    let folder = try TemporaryFolder()
    let url = try folder.file(file.bytes)
    let error = try #require(throws: TensorFileError.self) { _ = try GGUFFile(opening: url) }
    #expect(caseName(error) == file.expected)
    #expect(error.description.hasPrefix(url.path))
    #expect(file.words.isEmpty || error.description.contains(file.words), "\(error)")
  }

  @Test("the file that the others are made of is right")
  func valid() throws {
    let folder = try TemporaryFolder()
    let file = try GGUFFile(opening: folder.file(MalformedGGUF.valid.bytes))
    #expect(file.tensors.count == 2 && file.metadata.count == 2)
  }

  @Test("a file cut short anywhere is an error")
  func truncated() throws {
    let folder = try TemporaryFolder()
    let bytes = MalformedGGUF.valid.bytes
    // The last tensor is followed by what fills up its alignment, which may be absent.
    for count in 0..<bytes.count - 30 {
      let url = try folder.file(Array(bytes.prefix(count)))
      #expect(throws: TensorFileError.self, "\(count) bytes") { _ = try GGUFFile(opening: url) }
    }
  }

  @Test("a file with any byte changed is read or an error")
  func changed() throws {
    let folder = try TemporaryFolder()
    let bytes = MalformedGGUF.valid.bytes
    var opened = 0
    for index in bytes.indices {
      for change: UInt8 in [0x01, 0x80, 0xff] {
        var changed = bytes
        changed[index] ^= change
        guard let file = try? GGUFFile(opening: folder.file(changed)) else { continue }
        opened += 1
        for tensor in file.tensors.values {
          _ = try? file.matrix(tensor.name, rows: 0..<(tensor.shape.first ?? 1))
        }
      }
    }
    // Changes of numbers, names and values are no damage that can be seen.
    #expect(opened > bytes.count && opened < 3 * bytes.count)
  }
}
