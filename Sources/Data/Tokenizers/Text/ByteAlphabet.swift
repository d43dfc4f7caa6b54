/// The characters by which byte-level tokenizers write bytes: printable ones for themselves, others from U+0100 on.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    let printable: [ClosedRange<UInt8>] = [0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF]
    var others: UInt32 = 0x100
    return (0...255).map { (byte: UInt8) in
      if printable.contains(where: { $0.contains(byte) }) { return Unicode.Scalar(byte) }
      defer { others += 1 }
      return Unicode.Scalar(others) ?? "\u{FFFD}"
    }
  }()

  private static let bytes = Dictionary(
    uniqueKeysWithValues: characters.enumerated().map { ($1, UInt8($0)) })

  /// The bytes that a token stands for; nil where a character is not of this alphabet.
  static func bytes(of token: String) -> [UInt8]? {
    var result: [UInt8] = []
    for scalar in token.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
