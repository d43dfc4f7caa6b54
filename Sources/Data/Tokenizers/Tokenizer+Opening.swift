public import Foundation

extension Tokenizer {
  /// Opens a folder with a tokenizer, or one file of it.
  ///
  /// In a folder the first of these is taken: `tokenizer.json`; `tokenizer.model` (SentencePiece); `vocab.json` with
  /// `merges.txt`; `vocab.txt`; and the only file `tok….bin` (llama2.c). A file is told by its content; beside
  /// `vocab.json` must be `merges.txt`.
  ///
  /// - Parameter url: The folder, or the file.
  /// - Throws: ``TokenizerError`` where there is none, a part is not supported or the file is malformed, and
  ///   `TensorFileError` where a file cannot be read or is no JSON.
  public init(opening url: URL) throws {
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
    self.init(try Self.parts(ofFile: values?.isDirectory == true ? Self.file(in: url) : url))
  }

  /// The tokenizer that a GGUF file holds, by what the file calls its model.
  ///
  /// - Parameters:
  ///   - arrays: The vocabulary.
  ///   - model: `llama` (scores), `gpt2` (merges) or `bert`.
  ///   - preTokenizer: How words are cut, for `gpt2`: `gpt-2`, `smollm`, `llama-bpe`, `qwen2`.
  package init(
    _ arrays: TokenizerArrays, model: String, preTokenizer: String = "default"
  ) throws(TokenizerError) {
    switch model {
    case "llama": self.init(try arrays.sentencePiece())
    case "gpt2": self.init(try arrays.byteLevel(preTokenizer: preTokenizer))
    case "bert": self.init(try arrays.wordPiece())
    default: throw .unsupported(path: arrays.path, part: "model", name: model)
    }
  }

  private static func file(in folder: URL) throws -> URL {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let vocabularies = names.filter { $0.hasPrefix("tok") && $0.hasSuffix(".bin") }
    let known = ["tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"]
    guard
      let name = known.first(where: names.contains)
        ?? (vocabularies.count == 1 ? vocabularies[0] : nil)
    else {
      throw TokenizerError.notFound(path: folder.path, expected: known + ["one tok….bin"])
    }
    return folder.appendingPathComponent(name)
  }

  private static func parts(ofFile url: URL) throws -> TokenizerParts {
    let bytes = try TokenizerFile.bytes(of: url)
    switch TokenizerFile.kind(of: bytes) {
    case .json where url.lastPathComponent == "vocab.json":
      let merges = url.deletingLastPathComponent().appendingPathComponent("merges.txt")
      return try VocabularyFiles.byteLevel(vocabulary: url, merges: merges)
    case .json: return try TokenizerJSON(bytes, path: url.path).parts()
    case .llama2c: return try Llama2CFile.read(bytes, path: url.path).sentencePiece()
    case .sentencePiece:
      var arrays = try SentencePieceFile.read(bytes, path: url.path)
      let settings = try VocabularyFiles.settings(beside: url)
      if try !settings["add_bos_token"].boolean(true) { arrays.start = nil }
      return try arrays.sentencePiece()
    case .lines: return try VocabularyFiles.wordPiece(url)
    }
  }
}
