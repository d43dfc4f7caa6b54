internal import TensorFiles

/// What a tokenizer consists of, whatever file it is from.
struct TokenizerParts: Sendable {
  /// All tokens by their ids, added ones included.
  let vocabulary: Vocabulary
  let added: AddedTokens
  let normalizer: TextNormalizer?
  let preTokenizer: PreTokenizer?
  let model: any SegmentationModel
  let template: TokenTemplate
  let decoder: TokenDecoder

  /// The parts of BERT's tokenizer, whose special tokens have their usual names.
  ///
  /// - Parameters:
  ///   - vocabulary: Tokens that continue a word begin with `##`.
  ///   - path: The file, for errors.
  static func wordPiece(
    _ vocabulary: Vocabulary, normalizer: TextNormalizer, path: String
  ) throws(TokenizerError) -> TokenizerParts {
    func id(_ token: String) throws(TokenizerError) -> Int {
      guard let id = vocabulary.id(of: token) else {
        throw .malformed(
          path: path, place: "the vocabulary", problem: "it has no token \(token.quoted)")
      }
      return id
    }
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { token in
      vocabulary.id(of: token).map { AddedTokens.Token(text: token, id: $0) }
    }
    return TokenizerParts(
      vocabulary: vocabulary, added: AddedTokens(special, normalizer: nil), normalizer: normalizer,
      preTokenizer: .bert,
      model: WordPieceModel(
        vocabulary: vocabulary, prefix: "##", unknown: try id("[UNK]"), longestWord: 100),
      template: .bert(start: try id("[CLS]"), end: try id("[SEP]")),
      decoder: .wordPiece(prefix: Array("##".utf8), tidies: true))
  }

  /// The ids of one text, without special tokens around them.
  ///
  /// - Parameter words: Ids of pieces that were met before; new ones are added.
  func ids(of text: String, words: inout WordCache.Words) throws(TokenizerError) -> [Int] {
    var ids: [Int] = []
    let bytes = Array(text.utf8)
    for part in added.parts(of: bytes, afterNormalizing: false) {
      if let id = part.id {
        ids.append(id)
        continue
      }
      let raw = Array(bytes[part.range])
      let normalized = normalizer?.normalized(raw) ?? raw
      for inner in added.parts(of: normalized, afterNormalizing: true) {
        if let id = inner.id {
          ids.append(id)
          continue
        }
        var pieces = TextPieces(
          Array(normalized[inner.range]),
          isBeginning: part.range.lowerBound == 0 && inner.range.lowerBound == 0)
        preTokenizer?.apply(to: &pieces)
        for range in pieces.ranges {
          let piece = pieces.text[range]
          if let known = words.ids[piece] {
            ids += known
          } else {
            let new = try model.tokens(of: pieces.text, range)
            words.insert(new, for: piece)
            ids += new
          }
        }
      }
    }
    return ids
  }

  /// The text of ids, all of them in the vocabulary.
  func text(of ids: some Sequence<Int>) -> String {
    String(decoding: bytes(of: ids), as: UTF8.self)
  }

  /// The bytes of that text.
  func bytes(of ids: some Sequence<Int>) -> [UInt8] {
    Array(decoder.decoded(ids.map { Array(vocabulary.tokens[$0].utf8) }).joined())
  }
}
