extension Tokenizer {
  /// The text that each token stands for where it stands: together they are the text as the model reads it.
  ///
  /// Special tokens are written as their file writes them, `[CLS]` say. A character whose bytes are spread over several
  /// tokens is the last one's, and the others are empty.
  ///
  /// - Parameter ids: The tokens.
  /// - Returns: A text for each.
  /// - Throws: ``TokenizerError/idOutOfRange(id:vocabularySize:)``.
  public func pieces(_ ids: [Int]) throws(TokenizerError) -> [String] {
    var pieces: [String] = []
    var pending: [UInt8] = []
    var before: Int?
    for id in ids {
      guard let token = token(id) else {
        throw .idOutOfRange(id: id, vocabularySize: vocabularySize)
      }
      guard !isSpecial(id) else {
        finish(&pending, in: &pieces)
        pieces.append(token)
        continue
      }
      pending += bytes(of: id, after: before)
      before = id
      let whole = pending.count - Self.unfinishedCount(pending)
      pieces.append(String(decoding: pending[..<whole], as: UTF8.self))
      pending.removeFirst(whole)
    }
    finish(&pending, in: &pieces)
    return pieces
  }

  /// How many bytes at the end are the beginning of a character that may go on.
  private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let tail = bytes.suffix(count)
      guard let lead = tail.first, lead & 0xC0 != 0x80 else { continue }
      let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
      // The second byte of some characters has a narrower range.
      let (least, most): (UInt8, UInt8) =
        switch lead {
        case 0xE0: (0xA0, 0xBF)
        case 0xED: (0x80, 0x9F)
        case 0xF0: (0x90, 0xBF)
        case 0xF4: (0x80, 0x8F)
        default: (0x80, 0xBF)
        }
      let second = tail.dropFirst().first.map { (least...most).contains($0) } ?? true
      return lead <= 0xF4 && count < length && second ? count : 0
    }
    return 0
  }

  /// Gives bytes that are no UTF-8 to the last token.
  private func finish(_ pending: inout [UInt8], in pieces: inout [String]) {
    guard !pending.isEmpty, !pieces.isEmpty else { return }
    pieces[pieces.count - 1] += String(decoding: pending, as: UTF8.self)
    pending = []
  }

  /// The bytes that a token adds to the text of the one before it.
  private func bytes(of id: Int, after before: Int?) -> [UInt8] {
    let name = parts.vocabulary.tokens[id]
    let alone = parts.bytes(of: [id])
    if let byte = ByteToken.byte(of: name), alone != Array(name.utf8) { return [byte] }
    guard let before else { return alone }
    let first = parts.bytes(of: [before])
    let both = parts.bytes(of: [before, id])
    return both.starts(with: first) ? Array(both.dropFirst(first.count)) : alone
  }
}
