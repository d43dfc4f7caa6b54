/// What `torch.save({})` writes: an archive that other programs load as a dictionary without entries.
package enum EmptyTorchFile {
  /// The bytes of the file.
  package static var bytes: [UInt8] {
    let members: [(name: String, bytes: [UInt8])] = [
      // Protocol 2, an empty dictionary, the end.
      ("archive/data.pkl", [0x80, 2, UInt8(ascii: "}"), UInt8(ascii: ".")]),
      ("archive/byteorder", Array("little".utf8)),
      ("archive/version", Array("3\n".utf8)),
    ]
    var (files, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, content) in members {
      // Method and flags, time and date: none. Then the checksum and both sizes, the name's length and no extra field.
      let common =
        zeros(10) + little(ZipChecksum.value(of: content.span)) + little(UInt32(content.count))
        + little(UInt32(content.count)) + little(UInt16(name.utf8.count)) + zeros(2)
      directory += mark(1, 2) + zeros(2) + common + zeros(10) + little(UInt32(files.count))
      directory += Array(name.utf8)
      files += mark(3, 4) + common + Array(name.utf8) + content
    }
    let count = little(UInt16(members.count))
    return files + directory + mark(5, 6) + zeros(4) + count + count
      + little(UInt32(directory.count)) + little(UInt32(files.count)) + zeros(2)
  }

  private static func mark(_ first: UInt8, _ second: UInt8) -> [UInt8] {
    [UInt8(ascii: "P"), UInt8(ascii: "K"), first, second]
  }

  private static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

  private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> Number(8 * $0)) }
  }
}
