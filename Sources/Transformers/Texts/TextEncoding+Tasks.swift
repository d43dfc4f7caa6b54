internal import Data

extension TextEncoding {
  /// Encodes texts and pairs for a classifier.
  mutating func classify(
    _ examples: TextExamples, _ tokenizer: Tokenizer, _ configuration: ModelConfiguration,
    _ labelCount: Int, _ maxLength: Int
  ) throws(TextEncodingError) {
    guard let labels = examples.labels else { throw .noLabels(path: examples.path) }
    guard examples.prompts == nil else {
      throw .notTaken(path: examples.path, what: "prompts", family: configuration.family)
    }
    for place in 0..<examples.count {
      let row = examples.rows[place]
      guard (0..<labelCount).contains(labels[place]) else {
        throw .labelOutOfRange(
          path: examples.path, row: row, label: labels[place], labelCount: labelCount)
      }
      let text = try Self.encode(
        examples.texts[place], pair: examples.pairs?[place], tokenizer, maxLength: maxLength,
        path: examples.path, row: row)
      if text.isTruncated { truncatedRows.append(row) }
      sequences.append(
        TokenSequence(
          tokens: text.ids, types: configuration.tokenTypeCount > 0 ? text.typeIDs : [],
          goal: .label(labels[place])))
    }
  }

  /// Encodes prompts and texts for a model that goes on with them.
  mutating func continueTexts(
    _ examples: TextExamples, _ tokenizer: Tokenizer, _ configuration: ModelConfiguration,
    _ settings: Settings, _ maxLength: Int
  ) throws(TextEncodingError) {
    let path = examples.path
    for (what, isThere) in [
      ("second text", examples.pairs != nil), ("labels", examples.labels != nil),
    ]
    where isThere {
      throw .notTaken(path: path, what: what, family: configuration.family)
    }
    let hasPrompts = examples.prompts != nil
    let scope = settings.lossOn ?? (hasPrompts ? .answer : .all)
    let end = configuration.specialTokens.ends.first
    let addsEnd = settings.addsEnd ?? (hasPrompts && end != nil)
    if addsEnd, end == nil { throw .noEnd(family: configuration.family) }
    var empty: [Int] = []
    for place in 0..<examples.count {
      let row = examples.rows[place]
      let prompt = examples.prompts?[place] ?? ""
      var tokens = try Self.encode(
        prompt + examples.texts[place], tokenizer, path: path, row: row
      ).ids
      // Some tokenizers put the end there themselves.
      if addsEnd, let end, tokens.last != end { tokens.append(end) }
      var first = 1
      if scope == .answer, hasPrompts {
        let before = try Self.encode(prompt, tokenizer, path: path, row: row).ids
        first = max(1, zip(before, tokens).prefix { $0 == $1 }.count)
      }
      if tokens.isEmpty { throw .noTokens(path: path, row: row) }
      if tokens.count > maxLength {
        tokens.removeLast(tokens.count - maxLength)
        truncatedRows.append(row)
      }
      if first >= tokens.count { empty.append(row) }
      sequences.append(TokenSequence(tokens: tokens, goal: .tokens(from: first)))
    }
    guard empty.isEmpty else {
      throw .nothingToPredict(path: path, rows: empty, maxLength: maxLength)
    }
  }

  private static func encode(
    _ text: String, pair: String? = nil, _ tokenizer: Tokenizer, maxLength: Int? = nil,
    path: String, row: Int
  ) throws(TextEncodingError) -> TokenizedText {
    do throws(TokenizerError) {
      return try tokenizer.encode(text, pair: pair, maxLength: maxLength)
    } catch {
      throw .tokenizer(path: path, row: row, reason: error.description)
    }
  }
}
