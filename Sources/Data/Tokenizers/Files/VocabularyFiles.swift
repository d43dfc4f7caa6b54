internal import Foundation
internal import TensorFiles

/// Reads vocabularies that stand alone: what they do not say is as in the models that they belong to.
///
/// `tokenizer_config.json` beside them is heard where it is there.
enum VocabularyFiles {
  /// BERT's `vocab.txt`: one token per line, its id the number of the line from 0.
  ///
  /// `do_lower_case` (true without it), `strip_accents` and `tokenize_chinese_chars` are heard.
  static func wordPiece(_ url: URL) throws -> TokenizerParts {
    let settings = try settings(beside: url)
    let lowercases = try settings["do_lower_case"].boolean(true)
    return try TokenizerParts.wordPiece(
      Vocabulary(TextLines.read(url), path: url.path),
      normalizer: .bert(
        cleans: true, spacesIdeographs: try settings["tokenize_chinese_chars"].boolean(true),
        stripsAccents: try settings["strip_accents"].boolean(lowercases), lowercases: lowercases),
      path: url.path)
  }

  /// `vocab.json` and `merges.txt` of GPT-2, or of RoBERTa where the vocabulary has `<s>` and `</s>`.
  ///
  /// `add_prefix_space` is heard.
  static func byteLevel(vocabulary url: URL, merges: URL) throws -> TokenizerParts {
    let json = JSONField(
      value: try OrderedJSON(parsing: TokenizerFile.bytes(of: url), path: url.path, listing: [""]),
      path: url.path, name: "")
    let pairs = try json.pairs("a token and its id") { $0.integer }
    let vocabulary = try Vocabulary(pairs.map { ($0, $1) }, path: url.path)
    let names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    let special = names.compactMap { token in
      vocabulary.id(of: token).map {
        AddedTokens.Token(text: token, id: $0)
      }
    }
    var template = TokenTemplate.bare
    if let start = vocabulary.id(of: "<s>"), let end = vocabulary.id(of: "</s>") {
      template = .roberta(start: start, end: end)
    }
    let prefixes = try settings(beside: url)["add_prefix_space"].boolean(false)
    return TokenizerParts(
      vocabulary: vocabulary, added: AddedTokens(special, normalizer: nil), normalizer: nil,
      preTokenizer: .byteLevel(prefixes: prefixes, cuts: true),
      model: try MergeListModel(
        vocabulary: vocabulary, merges: MergeList.read(merges), isByteLevel: true,
        unknown: UnknownCharacters(id: vocabulary.id(of: "<unk>"), fuses: false, bytes: nil),
        takesWholeWords: false, path: merges.path),
      template: template, decoder: .byteLevel)
  }

  /// What `tokenizer_config.json` in the same folder says; empty without it.
  static func settings(beside url: URL) throws -> JSONField {
    let file = url.deletingLastPathComponent().appendingPathComponent("tokenizer_config.json")
    let exists = FileManager.default.fileExists(atPath: file.path)
    return JSONField(
      value: exists ? try OrderedJSON(contentsOf: file) : nil, path: file.path, name: "")
  }
}
