/// The mark that some editors write at the start of a text in UTF-8, and that is no part of it.
package enum ByteOrderMark {
  /// The bytes of a text without the mark.
  package static func removed(from bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// A text without the mark.
  package static func removed(from text: String) -> String {
    text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }
}
