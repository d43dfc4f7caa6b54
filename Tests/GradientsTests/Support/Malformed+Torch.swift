import Foundation
import TestSupport

extension Malformed {
  private static func torch(
    _ description: String, _ error: String, _ words: String...,
    changing change: @escaping @Sendable (inout TorchBuilder) -> Void
  ) -> Malformed {
    Malformed(description, error, words) { folder in
      var builder = TorchBuilder([1, 2, 3, 4, 5, 6], shape: [3, 2])
      change(&builder)
      return try folder.write(builder.bytes, to: "a.pt")
    }
  }

  /// A pickle of some opcodes, without its first two bytes and its last.
  private static func pickle(
    _ description: String, _ error: String, _ words: String..., codes: [UInt8]
  ) -> Malformed {
    Malformed(description, error, words) { folder in
      var builder = TorchBuilder([1], shape: [1])
      builder.pickle = [0x80, 2] + codes + [0x2E]
      return try folder.write(builder.bytes, to: "a.pt")
    }
  }

  private static func bytes(
    _ description: String, _ error: String, _ words: String...,
    changing change: @escaping @Sendable ([UInt8]) -> [UInt8]
  ) -> Malformed {
    Malformed(description, error, words) { folder in
      try folder.write(change(TorchBuilder([1, 2, 3, 4, 5, 6], shape: [3, 2]).bytes), to: "a.pt")
    }
  }

  private static func floats(_ shape: [Int], _ strides: [Int]? = nil, offset: Int = 0)
    -> TorchBuilder.Value
  {
    .tensor(
      shape: shape, strides: strides, offset: offset, bytes: [UInt8](repeating: 0, count: 24))
  }

  /// Files of PyTorch.
  static let torchFiles: [Malformed] = [
    bytes("cut short", "malformedArchive", "directory") { Array($0.dropLast(1)) },
    bytes("its first half", "malformedArchive", "directory") { Array($0.prefix($0.count / 2)) },
    bytes("a directory outside of the file", "malformedArchive", "directory") {
      Array($0.dropLast(6)) + [255, 255, 255, 0, 0, 0]
    },
    bytes("more members than a directory can hold", "malformedArchive", "directory") {
      Array($0.dropLast(12)) + [254, 255] + Array($0.suffix(10))
    },
    bytes("an end of a large archive that is not there", "malformedArchive", "large archive") {
      Array($0.dropLast(42)) + [UInt8](repeating: 0, count: 20) + Array($0.suffix(22).dropLast(6))
        + [255, 255, 255, 255, 0, 0]
    },
    bytes("a header that is not there", "malformedArchive", "header of") {
      Array($0.prefix(8))
        + Array($0.dropFirst(8)).replacing(
          [0x50, 0x4B, 3, 4] as [UInt8], with: [0x50, 0x4B, 3, 5])
    },
    torch("packed", "malformedArchive", "compressed") { $0.method = 8 },
    torch("damaged numbers", "wrongChecksum", "checksum") { $0.hasWrongChecksums = true },
    torch("no storage", "missingField", "data/0") { $0.left = ["data/0"] },
    torch("a storage twice", "malformedArchive", "twice") {
      $0.members = [("data/0", [0, 0, 0, 0])]
    },
    torch("two pickles", "malformedArchive", "data.pkl") { $0.members = [("x/data.pkl", [0x80])] },
    torch("numbers of a big-endian machine", "invalidField", "byteorder", "big") {
      $0.byteOrder = "big"
    },
    torch("a program", "unsupportedPickle", "TorchScript") {
      $0.members = [("constants.pkl", []), ("code/a.py", [])]
    },
    torch("protocol 4", "unsupportedPickle", "protocol 4") { $0.version = 4 },
    torch("a storage too short", "byteCountMismatch", "data/0", "24", "28") {
      let name = Array("ctorch._utils\n_rebuild_tensor_v2\n((X\u{7}\0\0\0storage".utf8)
      let key = Array("ctorch\nFloatStorage\nX\u{1}\0\0\00X\u{3}\0\0\0cpuK".utf8)
      $0.value = .list([floats([3, 2]), .raw(name + key + [7, 0x74, 0x51])])
    },
    torch("a shape past its storage", "invalidShape", "storage of 6") {
      $0.value = floats([4, 2])
    },
    torch("an offset past its storage", "invalidShape", "storage of 6") {
      $0.value = floats([3, 2], offset: 1)
    },
    torch("a negative dimension", "invalidShape", "strides") {
      $0.value = floats([-1, 2], [2, 1])
    },
    torch("a negative stride", "invalidShape", "strides") { $0.value = floats([3, 2], [-2, 1]) },
    torch("a negative offset", "invalidShape", "offset") { $0.value = floats([1], offset: -1) },
    torch("too few strides", "invalidShape", "strides") { $0.value = floats([3, 2], [1]) },
    torch("2^50 repeated rows", "invalidShape", "repeats") {
      $0.value = floats([1 << 50, 2], [0, 1])
    },
    torch("2^62 rows and columns", "shapeOverflow", "data/0") {
      $0.value = floats([1 << 62, 1 << 62], [0, 0])
    },
    torch("a stride of 2^62", "invalidShape", "storage") {
      $0.value = floats([3, 2], [1 << 62, 1])
    },
    torch("2^62 rows without columns", "unrecognised", "no columns") {
      $0.value = floats([1 << 40, 0])
    },
    torch("a scalar", "invalidBlock", "single number") { $0.value = floats([]) },
    torch("integers alone", "unrecognised", "no tensors") {
      $0.value = .tensor(type: "Long", shape: [3], bytes: [UInt8](repeating: 0, count: 24))
    },
    torch("complex numbers", "unsupportedPickle", "torch.ComplexFloatStorage") {
      $0.value = .tensor(type: "ComplexFloat", shape: [3], bytes: [UInt8](repeating: 0, count: 24))
    },
    torch("no tensors", "unrecognised", "no tensors") {
      $0.value = .dictionary([("a", .integer(1))])
    },
    torch("blocks of different rows", "invalidBlock", "\"b\"", "3 rows") {
      $0.value = .dictionary([("a", floats([2, 3])), ("b", floats([3, 2]))])
    },
    torch("examples of different parameters", "inconsistent", "entry 1") {
      $0.value = .list([.dictionary([("a", floats([6]))]), .dictionary([("b", floats([6]))])])
    },
    pickle(
      "a function of Python", "unsupportedPickle", "__builtin__.eval",
      codes:
        Array("c__builtin__\neval\n(X\u{3}\0\0\01+1tR".utf8)),
    pickle(
      "a hostile name", "unsupportedPickle", #"\u{1B}[2J"#, codes: Array("ca\n\u{1B}[2Jx\n".utf8)),
    pickle("an object", "unsupportedPickle", "opcode 0x81", codes: [0x29, 0x29, 0x81]),
    pickle("a class's state", "unsupportedPickle", "class", codes: [0x5D, 0x7D, 0x62]),
    pickle("an empty stack", "malformedArchive", "too few", codes: [0x85]),
    pickle("no value", "malformedArchive", "0 values", codes: []),
    pickle("a mark without an end", "malformedArchive", "values", codes: [0x4E, 0x28]),
    pickle("an end without a mark", "malformedArchive", "no mark", codes: [0x74]),
    pickle("a memo that is not there", "malformedArchive", "kept as 9", codes: [0x68, 9]),
    pickle("a memo of nothing", "malformedArchive", "empty", codes: [0x71, 9]),
    pickle("a name without an end", "malformedArchive", "no end", codes: Array("ctorch".utf8)),
    pickle(
      "a text past the end", "malformedArchive", "ends before", codes: [0x58, 255, 255, 255, 255]),
    pickle("a text that is not UTF-8", "invalidUTF8", "UTF-8", codes: [0x58, 1, 0, 0, 0, 0xFF]),
    pickle("a number of 255 bytes", "malformedArchive", "ends before", codes: [0x8A, 255]),
    pickle(
      "a list in itself", "malformedArchive", "hold each other",
      codes: [0x5D, 0x71, 0, 0x68, 0, 0x61]),
    pickle(
      "lists that double", "malformedArchive", "hold each other",
      codes: [0x28, 0x5D, 0x71, 0]
        + (0..<30).flatMap { _ in [0x5D, 0x68, 0, 0x61, 0x68, 0, 0x61, 0x71, 0] as [UInt8] }
        + [0x74]),
    pickle(
      "100,000 lists in each other", "malformedArchive", "deep",
      codes: [UInt8](repeating: 0x5D, count: 100_000) + [UInt8](repeating: 0x61, count: 99_999)),
    pickle(
      "a key twice", "malformedArchive", "twice",
      codes: [0x7D, 0x28, 0x4B, 1, 0x4E, 0x4B, 1, 0x4E, 0x75]),
    pickle("a list as key", "malformedArchive", "key", codes: [0x7D, 0x5D, 0x4E, 0x73]),
    Malformed("a plain pickle", "inconsistent", "pickle") {
      try $0.write(
        [0x80, 2, 0x7D, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x4B, 1, 0x73, 0x2E], to: "a.pt")
    },
    Malformed("an old file of PyTorch", "inconsistent", "1.6") {
      try $0.write(
        [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E],
        to: "a.pt")
    },
    Malformed("files that are no parts of one store", "inconsistent", "may be different") {
      try $0.write(TorchBuilder([1, 2], shape: [2]).bytes, to: "d/train.pt")
      try $0.write(TorchBuilder([1, 2], shape: [2]).bytes, to: "d/query.pt")
      return $0.file("d")
    },
    Malformed("a file of rows that is missing", "inconsistent", "row 4") {
      try $0.write(TorchBuilder([1, 2], shape: [2, 1]).bytes, to: "d/grads-4.pt")
      return $0.file("d")
    },
    Malformed("several projections", "inconsistent", "dim1", "dim2") {
      try $0.write(TorchBuilder([1, 2], shape: [2, 1]).bytes, to: "d/dim1/grads-2.pt")
      try $0.write(TorchBuilder([1, 2], shape: [1, 2]).bytes, to: "d/dim2/grads-1.pt")
      return $0.file("d")
    },
  ]
}
