import Foundation
import InfluenceKit

/// Readers of what PyTorch saves.
extension Reader {
  /// Zip archives of PyTorch: an archive as it is, or the files of one, which get the checksums that they must have.
  static let torch = Reader(
    seeds: { _ in
      func seed(_ codes: String, _ sizes: [Int]) -> [UInt8] {
        let files = [("data.pkl", [0x80, 2] + Array(codes.utf8) + [0x2E])]
        return Bundle(
          files
            + sizes.enumerated().map { index, size in
              ("data.\(index)", (0..<size).map { UInt8(truncatingIfNeeded: 37 * $0) })
            }
        ).input
      }
      let (first, second) = (tensor(0, "Float", 6, [3, 2]), tensor(1, "Half", 9, [3, 3]))
      let key = "X\u{1}\0\0\0"
      let pieces = [
        ("data.pkl", [0x80, 2] + Array(first.utf8) + [0x2E]),
        ("data.0", [UInt8](repeating: 1, count: 24)),
      ]
      return [
        seed(first, [24]), seed("}(\(key)a\(first)\(key)b\(second)u", [24, 18]),
        seed("](\(first)q\u{1}h\u{1}\(second)e", [24, 18]),
        seed(
          "]}\(key)a\(tensor(0, "Float", 6, [6]))sa}\(key)a\(tensor(1, "Double", 6, [6]))sa",
          [24, 48]),
        seed("}(K\0\(tensor(0, "Float", 6, [6]))K\u{1}\(tensor(0, "Float", 6, [6]))u", [24]),
        seed("ccollections\nOrderedDict\n)R\(key)nG\0\0\0\0\0\0\0\0s\(key)a\(first)s}b", [24]),
        archive(of: pieces.map { ($0.0, $0.1) }),
      ]
    },
    read: { input, folder in
      let url = folder.appending(path: "tensors.pt")
      let isArchive = input.starts(with: Array("PK".utf8))
      let names = (0..<4).map { "data.\($0)" } + ["data.pkl", "byteorder"]
      let files = isArchive ? [] : Bundle(input, names: Set(names)).files
      try Data(isArchive ? input : archive(of: files)).write(to: url)
      for joins in [false, true] {
        try use(GradientStore(opening: url, joiningRows: joins))
      }
    })

  /// The opcodes of a tensor of so many numbers in the storage of a key.
  static func tensor(_ key: Int, _ type: String, _ count: UInt8, _ shape: [UInt8]) -> String {
    let storage =
      "(X\u{7}\0\0\0storagectorch\n\(type)Storage\nX\u{1}\0\0\0\(key)X\u{3}\0\0\0cpuK"
    let numbers = { (values: [UInt8]) in
      "(" + values.map { "K" + String(UnicodeScalar($0)) }.joined() + "t"
    }
    let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, &*) }
    return "ctorch._utils\n_rebuild_tensor_v2\n(\(storage)\(String(UnicodeScalar(count)))tQK\0"
      + numbers(shape) + numbers(strides) + "Nccollections\nOrderedDict\n)RtR"
  }

  /// A zip archive of stored files; `data.0` becomes `a/data/0`.
  static func archive(of files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
      (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    var (output, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, bytes) in files {
      let isStorage = name.hasPrefix("data.") && name != "data.pkl"
      let path = Array("a/\(isStorage ? "data/" + name.dropFirst(5) : name)".utf8)
      var checksum = UInt32.max
      for byte in bytes {
        checksum ^= UInt32(byte)
        for _ in 0..<8 {
          checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1
        }
      }
      let sizes = little(~checksum) + little(UInt32(bytes.count)) + little(UInt32(bytes.count))
      let zeros = [UInt8](repeating: 0, count: 12)
      directory += Array("PK".utf8) + [1, 2, 0, 0] + zeros.prefix(8) + [0, 0] + sizes
      directory += little(UInt16(path.count)) + zeros + little(UInt32(output.count)) + path
      output += Array("PK".utf8) + [3, 4] + zeros.prefix(10) + sizes
      output += little(UInt16(path.count)) + [0, 0] + path + bytes
    }
    let start = output.count
    let count = little(UInt16(files.count))
    return output + directory + Array("PK".utf8) + [5, 6, 0, 0, 0, 0] + count + count
      + little(UInt32(directory.count)) + little(UInt32(start)) + [0, 0]
  }
}
