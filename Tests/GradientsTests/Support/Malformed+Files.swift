import Foundation
import TensorFiles
import TestSupport

extension Malformed {
  private static let data = Bytes.of(sample.matrix(rows: 0..<3, columns: 0..<2), as: .float32)

  /// Tensors that are not gradients.
  static let tensors: [Malformed] = [
    Malformed("a scalar tensor", "invalidBlock", "\"s\"") {
      try $0.writeTensors("a", [("g", "F32", [3, 2], data), ("s", "F32", [], [0, 0, 0, 0])])
    },
    Malformed("tensors of different row counts", "invalidBlock", "\"h\"", "2 rows", "\"g\" has 3") {
      try $0.writeTensors(
        "a", [("g", "F32", [3, 2], data), ("h", "F32", [2, 1], Array(data.prefix(8)))])
    },
    Malformed("an integer tensor", "unsupportedElementType", "g.dtype", "I32") {
      try $0.writeTensors("a", [("g", "I32", [3, 2], data)])
    },
    Malformed("a tensor of truth values", "unsupportedElementType", "mask.dtype", "BOOL") {
      try $0.writeTensors("a", [("g", "F32", [3, 2], data), ("mask", "BOOL", [3], [1, 0, 1])])
    },
    Malformed("no tensors", "unrecognised", "no tensors") { try $0.writeTensors("a", []) },
    Malformed("tensors without columns", "unrecognised", "no columns") {
      try $0.writeTensors("a", [("g", "F32", [3, 0], [])])
    },
    Malformed("no rows of 2^31 columns", "invalidField", "\"g\"", "2147483647") {
      try $0.writeTensors("a", [("g", "F32", [0, 2_147_483_648], [])])
    },
    Malformed("a tensor cut short", "offsetsOutOfRange", "g.data_offsets") {
      let url = try $0.writeTensors("a", [("g", "F32", [3, 2], data)])
      try $0.write($0.bytes("a").dropLast(), to: "a")
      return url
    },
    Malformed("a header of 2^63 bytes", "headerTooLong", "a") {
      try $0.write(Bytes.littleEndian(UInt64(1) << 63) + "{}".utf8, to: "a")
    },
    Malformed("a header that is not JSON", "malformedJSON", "a") {
      try $0.write(Bytes.littleEndian(UInt64(8)) + "{\"a\":F32".utf8, to: "a")
    },
  ]

  /// Arrays that are not gradients, alone and in directories.
  static let arrays: [Malformed] = [
    Malformed("integers", "invalidBlock", "\"gradients\"", "<i8") {
      try $0.writeArray("a", descriptor: "<i8", shape: [3], Array(repeating: 0, count: 24))
    },
    Malformed("truth values", "unsupportedElementType", "descr", "|b1") {
      try $0.writeArray("a", descriptor: "|b1", shape: [3], [0, 1, 0])
    },
    Malformed("big-endian complex numbers", "unsupportedElementType", "descr", ">c8") {
      try $0.writeArray("a", descriptor: ">c8", shape: [3, 1], data)
    },
    Malformed("a single number", "invalidBlock", "\"gradients\"", "single number") {
      try $0.write(
        $0.bytes($0.writeArray("x", descriptor: "<f4", shape: [1], [0, 0, 0, 0]).lastPathComponent)
          .map { $0 }, to: "y")
      try $0.replaceASCII("(1,)", with: "()  ", in: "y")
      return $0.file("y")
    },
    Malformed("an array cut short", "byteCountMismatch", "data") {
      try $0.writeArray("a", descriptor: "<f4", shape: [3, 2], data.dropLast())
    },
    Malformed("an array with a byte more", "trailingBytes", "1 bytes") {
      try $0.writeArray("a", descriptor: "<f4", shape: [3, 2], data + [0])
    },
    Malformed("an array without columns", "unrecognised", "no columns") {
      try $0.writeArray("a", descriptor: "<f4", shape: [1 << 30, 0], [])
    },
    Malformed("a negative dimension", "malformedHeader", "a") {
      try $0.writeArray("a", descriptor: "<f4", shape: [-3, -2], data)
    },
    Malformed("a shape of 2^64", "shapeOverflow", "shape") {
      try $0.writeArray("a", descriptor: "<f4", shape: [1 << 32, 1 << 32], data)
    },
    Malformed("an unknown version", "unsupportedVersion", "9.0") {
      try $0.writeArray("a", descriptor: "<f4", shape: [3, 2], data)
      var bytes = try $0.bytes("a")
      bytes[6] = 9
      return try $0.write(bytes, to: "a")
    },
    Malformed("nothing but the magic string", "truncated", "a") {
      try $0.write([0x93] + Array("NUMPY".utf8), to: "a")
    },
    Malformed("a directory of arrays with different rows", "inconsistent", "\"b.npy\" has 2 rows") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try $0.writeArray("d/b.npy", descriptor: "<f4", shape: [2, 3], data)
      return $0.file("d")
    },
    Malformed("a directory with an array of integers", "invalidBlock", "labels.npy", "<i4") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try $0.writeArray("d/labels.npy", descriptor: "<i4", shape: [3], Array(data.prefix(12)))
      return $0.file("d")
    },
    Malformed("a directory with an empty npy file", "truncated", "b.npy") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try $0.write([], to: "d/b.npy")
      return $0.file("d")
    },
    Malformed("a directory with a npy file of text", "wrongFormat", "b.npy") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try $0.write("not an array", to: "d/b.npy")
      return $0.file("d")
    },
    Malformed("a directory with a link to nowhere", "notFound", "b.npy") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try FileManager.default.createSymbolicLink(
        at: $0.file("d/b.npy"), withDestinationURL: $0.file("nowhere"))
      return $0.file("d")
    },
    Malformed("two arrays of one name", "invalidField", "\"a\"", "two blocks") {
      try $0.writeArray("d/a.npy", descriptor: "<f4", shape: [3, 2], data)
      try $0.writeArray("d/a.mmap", descriptor: "<f4", shape: [3, 2], data)
      return $0.file("d")
    },
  ]

  /// Shards that do not fit together.
  static let shards: [Malformed] = [
    Malformed("shards of different names", "inconsistent", "block c", "block b") {
      try $0.writeIndex("d/0", sample)
      try $0.writeIndex("d/1", Sample(rows: 3, [("a", [2]), ("c", [3])]))
      return $0.file("d")
    },
    Malformed("shards of different widths", "inconsistent", "block b is [3] in 0 but [4] in 1") {
      try $0.writeIndex("d/0", sample)
      try $0.writeIndex("d/1", Sample(rows: 3, [("a", [2]), ("b", [4])]))
      return $0.file("d")
    },
    Malformed("shards in different orders", "inconsistent", "another order", "\"0\"", "\"1\"") {
      try $0.writeIndex("d/0", sample)
      try $0.writeIndex("d/1", Sample(rows: 3, [("b", [3]), ("a", [2])]))
      return $0.file("d")
    },
    Malformed("a damaged shard", "wrongSize", "/1/gradients.bin") {
      try $0.writeIndex("d/0", sample)
      try $0.writeIndex("d/1", sample)
      try $0.write([], to: "d/1/gradients.bin")
      return $0.file("d")
    },
    Malformed("a shard without gradients", "notFound", "/1/gradients.bin") {
      try $0.writeIndex("d/0", sample)
      try $0.write($0.bytes("d/0/info.json"), to: "d/1/info.json")
      return $0.file("d")
    },
    Malformed("an unfinished shard of bergson", "incomplete", "/1.part", "bergson") {
      try $0.writeIndex("d/0", sample)
      try $0.writeIndex("d/1.part", sample)
      return $0.file("d")
    },
  ]

  /// Things that are nothing of the kind.
  static let others: [Malformed] = [
    Malformed("nothing", "notFound") { $0.file("nothing") },
    Malformed("nothing in a folder that is not", "notFound") { $0.file("no/thing") },
    Malformed("an empty directory", "unrecognised", "empty") {
      try FileManager.default.createDirectory(
        at: $0.file("d"), withIntermediateDirectories: true)
      return $0.file("d")
    },
    Malformed("a directory of text", "unrecognised", "neither") {
      try $0.write("text", to: "d/README.md")
      try $0.write("{}", to: "d/folder/config.json")
      return $0.file("d")
    },
    Malformed("an empty file", "unrecognised", "starts like neither") {
      try $0.write([], to: "a.safetensors")
    },
    Malformed("random bytes", "unrecognised", "starts like neither") { folder in
      try folder.write((0..<4096).map { UInt8(truncatingIfNeeded: $0 * 167 + 89) }, to: "a")
    },
    Malformed("text", "unrecognised", "starts like neither") {
      try $0.write("gradients\n1 2 3\n", to: "a.npy.txt")
    },
    Malformed("a zip file that ends early", "malformedArchive", "zip archive") {
      try $0.write([0x50, 0x4B, 3, 4, 20, 0, 0, 0, 8, 0, 1, 2, 3, 4], to: "a.npz")
    },
    Malformed("arrays of numpy in a zip file", "unrecognised", "zip archive") {
      var archive = TorchBuilder([1], shape: [1])
      archive.left = ["data.pkl"]
      return try $0.write(archive.bytes, to: "a.npz")
    },
    Malformed("a loop of symbolic links", "notFound") {
      let (a, b) = ($0.file("a"), $0.file("b"))
      try FileManager.default.createSymbolicLink(at: a, withDestinationURL: b)
      try FileManager.default.createSymbolicLink(at: b, withDestinationURL: a)
      return a
    },
    Malformed("a path through a file", "notFound") {
      try $0.write("text", to: "a")
      return $0.file("a/b")
    },
  ]
}

extension TemporaryDirectory {
  /// Replaces ASCII text in a file of bytes by text of the same length.
  fileprivate func replaceASCII(_ old: String, with new: String, in name: String) throws {
    var data = Data(try bytes(name))
    guard let range = data.range(of: Data(old.utf8)), old.utf8.count == new.utf8.count else {
      throw CocoaError(.fileReadCorruptFile)
    }
    data.replaceSubrange(range, with: new.utf8)
    try write(data, to: name)
  }
}
