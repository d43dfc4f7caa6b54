public import Data

/// Texts as a model takes them, and which of them were cut.
///
/// A model with a classifier is asked the class of each text or pair of texts. Other models are asked for the tokens of
/// the text itself: prompt and text are encoded as one, so that words have the tokens they have in running text. The
/// answer begins at the first token that the prompt alone does not begin with.
public struct TextEncoding: Sendable {
  /// Which tokens a language model's loss is of.
  public enum LossScope: String, Sendable, CaseIterable {
    /// All that have one before them.
    case all
    /// Those after the prompt.
    case answer
  }

  /// How texts are encoded.
  public struct Settings: Sendable, Hashable {
    /// The most tokens of a text, special ones included, from 1 up to the model's positions; these unless given.
    public var maxLength: Int?
    /// Which tokens a language model's loss is of; unless given the answer where there are prompts, otherwise all.
    public var lossOn: LossScope?
    /// Whether the token that ends a text is put after it, for language models; unless given where there are prompts.
    public var addsEnd: Bool?

    /// Collects the settings.
    public init(maxLength: Int? = nil, lossOn: LossScope? = nil, addsEnd: Bool? = nil) {
      self.maxLength = maxLength
      self.lossOn = lossOn
      self.addsEnd = addsEnd
    }
  }

  /// What the model takes, in the order of the examples.
  public internal(set) var sequences: [TokenSequence] = []
  /// The rows of the file whose text was cut at its end, because it is longer than allowed.
  public internal(set) var truncatedRows: [Int] = []

  /// Encodes examples.
  ///
  /// - Parameters:
  ///   - examples: The texts.
  ///   - tokenizer: The model's tokenizer.
  ///   - checkpoint: The model.
  ///   - labelCount: The classes of the classifier; nil: the model is asked for the tokens of the text.
  ///   - settings: Length, loss and ends.
  /// - Throws: ``TextEncodingError``, which names the row.
  /// - Complexity: O(bytes).
  public init(
    of examples: TextExamples, tokenizer: Tokenizer, checkpoint: Checkpoint, labelCount: Int?,
    settings: Settings = Settings()
  ) throws(TextEncodingError) {
    try self.init(
      of: examples, tokenizer: tokenizer, configuration: checkpoint.configuration,
      longest: checkpoint.longestText, labelCount: labelCount, settings: settings)
  }

  /// Takes texts that are encoded already.
  public init(_ sequences: [TokenSequence]) { self.sequences = sequences }

  /// Encodes examples for a model whose texts have at most `longest` tokens.
  package init(
    of examples: TextExamples, tokenizer: Tokenizer, configuration: ModelConfiguration,
    longest: Int, labelCount: Int?, settings: Settings = Settings()
  ) throws(TextEncodingError) {
    let maxLength = settings.maxLength ?? longest
    guard maxLength >= 1, maxLength <= longest else {
      throw .badLength(maxLength: maxLength, most: longest)
    }
    if let labelCount {
      try classify(examples, tokenizer, configuration, labelCount, maxLength)
    } else {
      try continueTexts(examples, tokenizer, configuration, settings, maxLength)
    }
    try check(examples, configuration)
  }

  /// Refuses tokens that the model does not have, and texts without any.
  private func check(
    _ examples: TextExamples, _ configuration: ModelConfiguration
  ) throws(TextEncodingError) {
    for (place, sequence) in sequences.enumerated() {
      let (path, row) = (examples.path, examples.rows[place])
      guard !sequence.tokens.isEmpty else { throw .noTokens(path: path, row: row) }
      for (what, ids, count) in [
        ("token", sequence.tokens, configuration.vocabularySize),
        ("token type", sequence.types, configuration.tokenTypeCount),
      ] {
        guard let id = ids.first(where: { $0 >= count }) else { continue }
        throw .unknownToken(path: path, row: row, what: what, id: id, count: count)
      }
    }
  }
}
