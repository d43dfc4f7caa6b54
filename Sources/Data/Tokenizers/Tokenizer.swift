/// Turns texts into the tokens of a language model, and tokens into text.
///
/// ``init(opening:)`` reads WordPiece (BERT), byte-level byte-pair encodings (GPT-2, RoBERTa, Llama 3, SmolLM2), and
/// byte-pair encodings and unigram models in the manner of SentencePiece (Llama 2). Ids are those of Hugging Face's
/// library, but for a character that the vocabulary cannot spell, which is an error here and left out there, and for
/// letters and digits of other versions of Unicode. Other normalizers, patterns and models are refused by name when
/// the file is opened.
///
/// A value may be used by many threads at a time; each remembers the words that it has met.
public struct Tokenizer: Sendable {
  let parts: TokenizerParts
  private let special: Set<Int>
  private let cache = WordCache()

  init(_ parts: TokenizerParts) {
    self.parts = parts
    special = Set(parts.added.special)
  }

  /// The number of tokens; ids are in 0 ..< `vocabularySize`.
  public var vocabularySize: Int { parts.vocabulary.tokens.count }

  /// The token of an id as its file writes it, such as `##ing` or `Ġthe`; nil where there is no such id.
  public func token(_ id: Int) -> String? {
    parts.vocabulary.tokens.indices.contains(id) ? parts.vocabulary.tokens[id] : nil
  }

  /// The id of a token as its file writes it; nil where it is not in the vocabulary.
  public func id(of token: String) -> Int? { parts.vocabulary.id(of: token) }

  /// Whether an id is of a special token, which stands for no text: a beginning, an end, padding.
  public func isSpecial(_ id: Int) -> Bool { special.contains(id) }

  /// The tokens of a text, or of a pair of texts.
  ///
  /// What the file itself says of truncation and padding is left to the caller: nothing is padded, and `maxLength`
  /// alone truncates.
  ///
  /// - Parameters:
  ///   - text: Any text; the texts of special tokens in it become these tokens.
  ///   - pair: The second text, for models that take two.
  ///   - maxLength: The most tokens of the result, special tokens included. The ends of longer texts are cut
  ///     off, of two texts the longer one's first. Nil: nothing is cut off.
  ///   - addsSpecialTokens: Whether the special tokens that the model expects are put around the texts.
  /// - Throws: ``TokenizerError/lengthTooSmall(maxLength:specialTokens:)``, or
  ///   ``TokenizerError/noToken(character:)`` where the vocabulary cannot spell a character.
  public func encode(
    _ text: String, pair: String? = nil, maxLength: Int? = nil, addsSpecialTokens: Bool = true
  ) throws(TokenizerError) -> TokenizedText {
    let texts = try cache.withWords { words throws(TokenizerError) in
      var texts = [try parts.ids(of: text, words: &words)]
      if let pair { texts.append(try parts.ids(of: pair, words: &words)) }
      return texts
    }
    return try TokenizedText(
      texts, template: addsSpecialTokens ? parts.template : .bare, maxLength: maxLength)
  }

  /// The text of tokens.
  ///
  /// Bytes that are no UTF-8, which single tokens may stand for, become U+FFFD.
  ///
  /// - Parameters:
  ///   - ids: The tokens.
  ///   - keepsSpecialTokens: Whether special tokens appear in the text.
  /// - Throws: ``TokenizerError/idOutOfRange(id:vocabularySize:)``.
  public func decode(
    _ ids: some Sequence<Int>, keepsSpecialTokens: Bool = false
  ) throws(TokenizerError) -> String {
    var kept: [Int] = []
    for id in ids {
      guard id >= 0, id < vocabularySize else {
        throw .idOutOfRange(id: id, vocabularySize: vocabularySize)
      }
      if keepsSpecialTokens || !isSpecial(id) { kept.append(id) }
    }
    return parts.text(of: kept)
  }
}
