internal import TensorFiles

/// A vocabulary as arrays with one element per token: what GGUF files and SentencePiece's models hold.
package struct TokenizerArrays: Sendable {
  /// What a token is, by the numbers of both kinds of files.
  package enum Kind: Int, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// The file, for errors.
  package var path: String
  /// The tokens in the order of their ids.
  package var tokens: [String]
  /// What each token is; empty where all are normal.
  package var kinds: [Kind] = []
  /// The score of each token; not needed where there are merges.
  package var scores: [Float] = []
  /// Merges as `"a b"`, the first ones first.
  package var merges: [String] = []
  /// The token of the beginning, put before each text; nil for none.
  package var start: Int?
  /// The token of the end, put behind each text; nil for none.
  package var end: Int?
  /// The token of unknown characters; nil for the one of that kind.
  package var unknown: Int?
  /// Whether a space is put before each text.
  package var addsSpace = true

  package init(path: String, tokens: [String]) {
    (self.path, self.tokens) = (path, tokens)
  }

  /// What stands for spaces in tokens.
  var mark = "▁"
  /// Whether several spaces are one, and those at the ends none.
  var collapsesSpaces = false
  /// Whether the scores are logarithms of probabilities, not ranks of merges.
  var isUnigram = false

  /// The parts of a tokenizer in the manner of SentencePiece, whose tokens have scores.
  func sentencePiece() throws(TokenizerError) -> TokenizerParts {
    let vocabulary = try checkedVocabulary()
    guard scores.count == tokens.count, scores.allSatisfy(\.isFinite) else {
      throw malformed("the scores", "there are not \(tokens.count) finite scores, one per token")
    }
    let hasBytes = ids(of: .byte).count == 256
    let unknown = UnknownCharacters(
      id: self.unknown ?? ids(of: .unknown).first, fuses: true,
      bytes: hasBytes ? vocabulary.byteTokens : nil)
    let isPiece = tokens.indices.map { [.normal, .userDefined].contains(kind($0)) }
    let scores = scores.map(Double.init)
    let model: any SegmentationModel =
      isUnigram
      ? UnigramModel(vocabulary: vocabulary, scores: scores, isPiece: isPiece, unknown: unknown)
      : ScoredMergeModel(
        vocabulary: vocabulary, scores: scores, isPiece: isPiece, fixed: ids(of: .userDefined),
        unknown: unknown)
    let space = [UInt8(ascii: " ")]
    let steps: [TextNormalizer?] = [
      collapsesSpaces ? .collapseSpaces : nil, addsSpace ? .prepend(space) : nil,
      .replace(space, by: Array(mark.utf8)),
    ]
    return TokenizerParts(
      vocabulary: vocabulary, added: addedTokens([.control, .unknown]),
      normalizer: .sequence(steps.compactMap(\.self)), preTokenizer: nil, model: model,
      template: .around(start: start, end: end),
      decoder: .sentencePiece(mark: Array(mark.utf8), dropsFirstSpace: addsSpace))
  }

  /// The parts of a byte-level tokenizer, whose tokens have merges.
  ///
  /// - Parameter preTokenizer: How GGUF files call the way that words are cut: `gpt-2`, `smollm`, `llama-bpe`, ….
  func byteLevel(preTokenizer: String) throws(TokenizerError) -> TokenizerParts {
    let vocabulary = try checkedVocabulary()
    let cutting: PreTokenizer
    switch preTokenizer {
    case "gpt-2", "gpt2", "default": cutting = .byteLevel(prefixes: false, cuts: true)
    case "smollm":
      cutting = .sequence([.digits(individual: true), .byteLevel(prefixes: false, cuts: true)])
    case "llama-bpe", "llama3", "llama-v3":
      cutting = .sequence([
        .words(.llama3(digits: 3)), .byteLevel(prefixes: false, cuts: false),
      ])
    case "qwen2":
      cutting = .sequence([
        .words(.llama3(digits: 1)), .byteLevel(prefixes: false, cuts: false),
      ])
    default:
      throw .unsupported(path: path, part: "pre-tokenizer", name: preTokenizer)
    }
    var pairs: [(String, String)] = []
    for (index, line) in merges.enumerated() {
      guard let pair = MergeList.pair(line) else {
        throw malformed(
          "merge \(index)", "expected two tokens and a space between them, found \(line.quoted)")
      }
      pairs.append(pair)
    }
    return TokenizerParts(
      vocabulary: vocabulary, added: addedTokens([.control, .unknown, .userDefined]),
      normalizer: preTokenizer == "qwen2" ? .form(.nfc) : nil, preTokenizer: cutting,
      model: try MergeListModel(
        vocabulary: vocabulary, merges: pairs, isByteLevel: true,
        unknown: UnknownCharacters(id: unknown, fuses: false, bytes: nil),
        takesWholeWords: ["llama-bpe", "llama3", "llama-v3"].contains(preTokenizer), path: path),
      template: .around(start: start, end: end), decoder: .byteLevel)
  }

  /// The parts of BERT's tokenizer for text without capitals, as GGUF files have it: tokens that begin a word bear a
  /// mark, those that continue one do not.
  func wordPiece() throws(TokenizerError) -> TokenizerParts {
    let tokens = tokens.map { token in
      if token.hasPrefix("[") && token.hasSuffix("]") { return token }
      return token.hasPrefix(mark) ? String(token.dropFirst(mark.count)) : "##\(token)"
    }
    return try TokenizerParts.wordPiece(
      Vocabulary(tokens, path: path),
      normalizer: .bert(
        cleans: true, spacesIdeographs: true, stripsAccents: true, lowercases: true), path: path)
  }

  private func checkedVocabulary() throws(TokenizerError) -> Vocabulary {
    guard kinds.isEmpty || kinds.count == tokens.count else {
      throw malformed("the kinds", "there are \(kinds.count) for \(tokens.count) tokens")
    }
    for id in [start, end, unknown].compactMap(\.self) where !tokens.indices.contains(id) {
      throw malformed("special tokens", "id \(id) is not in 0 ..< \(tokens.count)")
    }
    return try Vocabulary(tokens, path: path)
  }

  private func kind(_ id: Int) -> Kind { kinds.isEmpty ? .normal : kinds[id] }

  private func ids(of kind: Kind) -> [Int] { tokens.indices.filter { self.kind($0) == kind } }

  private func addedTokens(_ chosen: Set<Kind>) -> AddedTokens {
    AddedTokens(
      tokens.indices.filter { chosen.contains(kind($0)) }.map {
        AddedTokens.Token(text: tokens[$0], id: $0, isSpecial: kind($0) != .userDefined)
      }, normalizer: nil)
  }

  private func malformed(_ place: String, _ problem: String) -> TokenizerError {
    .malformed(path: path, place: place, problem: problem)
  }
}
