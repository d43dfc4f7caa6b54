/// What turns a piece of a text into tokens of a vocabulary.
protocol SegmentationModel: Sendable {
  /// The ids of the tokens of a piece, which is not empty.
  ///
  /// - Parameters:
  ///   - text: UTF-8 that holds the piece.
  ///   - range: Where the piece stands.
  /// - Throws: ``TokenizerError/noToken(character:)``.
  func tokens(of text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int]
}

/// What stands for a character that is in no token.
struct UnknownCharacters: Sendable {
  /// The token for any such character; nil where there is none.
  let id: Int?
  /// Whether one token stands for several such characters in a row.
  let fuses: Bool
  /// The tokens of the 256 bytes, if characters are spelled in bytes.
  let bytes: [Int?]?

  /// The ids for one character, the bytes at `range`.
  func ids(for text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int] {
    if let bytes {
      let ids = text[range].compactMap { bytes[Int($0)] }
      if ids.count == range.count { return ids }
    }
    guard let id else {
      throw .noToken(character: String(decoding: text[range], as: UTF8.self))
    }
    return [id]
  }
}
