internal import TensorFiles

/// Reads `tokenizer.json`, the file of Hugging Face's library that holds every part of a tokenizer.
struct TokenizerJSON {
  private let root: JSONField

  init(_ bytes: [UInt8], path: String) throws(TensorFileError) {
    let json = try OrderedJSON(parsing: bytes, path: path, listing: ["vocab"])
    root = JSONField(value: json, path: path, name: "")
  }

  func parts() throws -> TokenizerParts {
    let model = root["model"]
    let modelVocabulary = try vocabulary(of: model)
    let added = try addedTokens()
    let vocabulary = try Vocabulary(
      modelVocabulary.tokens + tokens(of: added, behind: modelVocabulary), path: root.path)
    let normalizer = try root["normalizer"].normalizer()
    let preTokenizer = try root["pre_tokenizer"].preTokenizer()
    return TokenizerParts(
      vocabulary: vocabulary, added: AddedTokens(added, normalizer: normalizer),
      normalizer: normalizer, preTokenizer: preTokenizer,
      model: try self.model(
        model, modelVocabulary, isByteLevel: preTokenizer?.isByteLevel ?? false),
      template: try root["post_processor"].template(in: vocabulary),
      decoder: try root["decoder"].decoder())
  }

  /// The name of the model; files before 2020 do not have it.
  private func type(of model: JSONField) throws -> String {
    guard model["type"].isNull else { return try model["type"].string() }
    if !model["merges"].isNull { return "BPE" }
    return model["continuing_subword_prefix"].isNull ? "Unigram" : "WordPiece"
  }

  private func vocabulary(of model: JSONField) throws -> Vocabulary {
    switch try type(of: model) {
    case "WordPiece", "BPE":
      let pairs = try model["vocab"].pairs("a token and its id") { $0.integer }
      return try Vocabulary(pairs.map { ($0, $1) }, path: root.path)
    case "Unigram":
      let pairs = try model["vocab"].pairs("a token and its score") { $0.number }
      return try Vocabulary(pairs.map(\.0), path: root.path)
    case let name: throw TokenizerError.unsupported(path: root.path, part: "model", name: name)
    }
  }

  private func model(
    _ model: JSONField, _ vocabulary: Vocabulary, isByteLevel: Bool
  ) throws -> any SegmentationModel {
    switch try type(of: model) {
    case "WordPiece":
      guard let unknown = try id("unk_token", of: model, in: vocabulary) else {
        throw TensorFileError.missingField(path: root.path, field: "model.unk_token")
      }
      let longest = model["max_input_chars_per_word"]
      return WordPieceModel(
        vocabulary: vocabulary,
        prefix: try model["continuing_subword_prefix"].nonEmptyString() ?? "##",
        unknown: unknown, longestWord: longest.isNull ? 100 : try longest.integer())
    case "Unigram":
      let scores = try model["vocab"].pairs("a token and its score") { $0.number }.map(\.1)
      let unknown = model["unk_id"].isNull ? nil : try model["unk_id"].integer()
      if let unknown, !vocabulary.tokens.indices.contains(unknown) {
        throw TensorFileError.invalidField(
          path: root.path, field: "model.unk_id",
          expected: "an id in 0 ..< \(vocabulary.tokens.count)", found: "\(unknown)")
      }
      let bytes = try model["byte_fallback"].boolean(false) ? vocabulary.byteTokens : nil
      return UnigramModel(
        vocabulary: vocabulary, scores: scores, isPiece: scores.map { _ in true },
        unknown: UnknownCharacters(id: unknown, fuses: true, bytes: bytes))
    default: return try mergeModel(model, vocabulary, isByteLevel: isByteLevel)
    }
  }

  private func mergeModel(
    _ model: JSONField, _ vocabulary: Vocabulary, isByteLevel: Bool
  ) throws -> any SegmentationModel {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = try model[key].nonEmptyString() {
        throw TokenizerError.unsupported(path: root.path, part: key, name: affix)
      }
    }
    if !model["dropout"].isNull, model["dropout"].value?.number != 0 {
      throw TokenizerError.unsupported(path: root.path, part: "model", name: "BPE with dropout")
    }
    let bytes = try model["byte_fallback"].boolean(false) ? vocabulary.byteTokens : nil
    return try MergeListModel(
      vocabulary: vocabulary, merges: try merges(model["merges"]), isByteLevel: isByteLevel,
      unknown: UnknownCharacters(
        id: try id("unk_token", of: model, in: vocabulary),
        fuses: try model["fuse_unk"].boolean(false), bytes: bytes),
      takesWholeWords: try model["ignore_merges"].boolean(false), path: root.path)
  }

  /// Merges as `"a b"`, or as `["a", "b"]` in newer files.
  private func merges(_ field: JSONField) throws -> [(String, String)] {
    if field.value?.array?.first?.array != nil {
      return try field.pairs("two tokens") { $0.string }
    }
    return try field.elements().map { element in
      let line = try element.string()
      guard let pair = MergeList.pair(line) else {
        throw TensorFileError.invalidField(
          path: root.path, field: element.name, expected: "two tokens and a space between them",
          found: line.quoted)
      }
      return pair
    }
  }

  private func id(_ key: String, of model: JSONField, in vocabulary: Vocabulary) throws -> Int? {
    guard let token = try model[key].nonEmptyString() else { return nil }
    guard let id = vocabulary.id(of: token) else {
      throw TokenizerError.malformed(
        path: root.path, place: model[key].name, problem: "\(token.quoted) is not in the vocabulary"
      )
    }
    return id
  }

  private func addedTokens() throws -> [AddedTokens.Token] {
    if root["added_tokens"].isNull { return [] }
    return try root["added_tokens"].elements().map { token in
      AddedTokens.Token(
        text: try token["content"].string(), id: try token["id"].integer(),
        isSpecial: try token["special"].boolean(false),
        isNormalized: try token["normalized"].boolean(false),
        isWord: try token["single_word"].boolean(false),
        takesLeft: try token["lstrip"].boolean(false),
        takesRight: try token["rstrip"].boolean(false))
    }
  }

  /// The texts of added tokens that are not in the model's vocabulary, whose ids must follow it.
  private func tokens(
    of added: [AddedTokens.Token], behind vocabulary: Vocabulary
  ) throws -> [String] {
    var texts: [String] = []
    for token in added.sorted(by: { $0.id < $1.id }) {
      let place = "added token \(token.text.quoted)"
      if vocabulary.tokens.indices.contains(token.id) {
        guard vocabulary.id(of: token.text) == token.id else {
          throw TokenizerError.malformed(
            path: root.path, place: place,
            problem: "id \(token.id) is \(vocabulary.tokens[token.id].quoted) in the vocabulary")
        }
      } else {
        let next = vocabulary.tokens.count + texts.count
        guard token.id == next else {
          throw TokenizerError.malformed(
            path: root.path, place: place,
            problem: "its id is \(token.id) where \(next) follows the ids before")
        }
        texts.append(token.text)
      }
    }
    return texts
  }
}
