import Data
import Foundation
import TensorFiles
import TestSupport
import Testing
import Transformers

/// Tokenizers that come with checkpoints.
@Suite("Tokenizers of checkpoints")
struct CheckpointTokenizerTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// `scripts/oracles/gguf_tokens.py` writes the ids.
  @Test(
    "SmolLM2's tokens are those of Hugging Face's library by the file's own rules",
    .enabled(if: FetchedModels.smolLM2 != nil, FetchedModels.absent))
  func smolLM2() throws {
    let tokenizer = try Checkpoint(opening: #require(FetchedModels.smolLM2)).tokenizer()
    #expect(tokenizer.vocabularySize == 49_152)
    let cases = try #require(OrderedJSON(contentsOf: fixture("smollm2-tokens.json")).array)
    #expect(cases.count == 29)
    for entry in cases {
      let text = try #require(entry["text"]?.string)
      let ids = entry["ids"]?.array?.compactMap(\.integer) ?? []
      #expect(try tokenizer.encode(text).ids == ids, "\(text.debugDescription)")
      #expect(try Array(tokenizer.decode(ids, keepsSpecialTokens: true).utf8) == Array(text.utf8))
    }
    // No token stands for these bytes; the file names the first one for what is unknown.
    #expect(try tokenizer.encode("\u{4}").ids == [0])
    #expect(try tokenizer.encode("a\u{1D}").ids.last == 0)
  }

  @Test(
    "MiniLM's tokens are those of BERT",
    .enabled(
      if: FetchedModels.miniLM != nil && SharedData.has("data/tokenizers"),
      "needs the fetched model and the folder `shared`"))
  func miniLM() throws {
    let tokenizer = try Checkpoint(opening: #require(FetchedModels.miniLM)).tokenizer()
    let bert = try Tokenizer(
      opening: #require(SharedData.url("data/tokenizers/bert-base-uncased")))
    for text in ["A touching, if flawed, movie.", "naïve café 1,234.56 €", "[MASK] 機械"] {
      #expect(try tokenizer.encode(text).ids == bert.encode(text).ids)
    }
  }

  @Test("a folder's own files, and one without any")
  func folders() throws {
    let model = try FolderModel(BERT.self, FolderModel.bert)
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    #expect(throws: TokenizerError.self) { _ = try checkpoint.tokenizer() }
    try folder.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\nhe\n##llo\n", to: "vocab.txt")
    #expect(try checkpoint.tokenizer().encode("hello").ids == [2, 4, 5, 3])
    try folder.write(
      (["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + (0..<17).map { "w\($0)" }).joined(separator: "\n"),
      to: "vocab.txt")
    let error = #expect(throws: TransformerError.self) { _ = try checkpoint.tokenizer() }
    // The same through a symbolic link.
    let other = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(
      at: other.file("link"), withDestinationURL: folder.url)
    try folder.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\nhe\n", to: "vocab.txt")
    #expect(try Checkpoint(opening: other.file("link")).tokenizer().encode("he").ids == [2, 4, 3])
    #expect(
      try #require(error)
        == .otherTokenizer(path: folder.path, tokens: 21, vocabulary: 20))
  }

  private func tokenizer(_ change: (inout GGUFBuilder) -> Void) throws -> Tokenizer {
    var builder = LlamaFile.builder
    change(&builder)
    let url = try folder.write(builder.bytes, to: "model.gguf")
    return try Checkpoint(opening: url).tokenizer()
  }

  @Test("pieces with scores begin with a token and a space unless the file says otherwise")
  func pieces() throws {
    func file(_ change: (inout GGUFBuilder) -> Void) throws -> Tokenizer {
      try tokenizer {
        $0.set("tokenizer.ggml.model", .string("llama"))
        $0.set("tokenizer.ggml.tokens", .strings(["<unk>", "<s>", "</s>", "▁", "a", "▁a"]))
        $0.set("tokenizer.ggml.scores", .float32s([0, 0, 0, -3, -2, -1]))
        $0.set("tokenizer.ggml.token_type", .int32s([2, 3, 3, 1, 1, 1]))
        $0.set("tokenizer.ggml.bos_token_id", .uint32(1))
        $0.set("tokenizer.ggml.eos_token_id", .uint32(2))
        change(&$0)
      }
    }
    #expect(try file { _ in }.encode("a b").ids == [1, 5, 3, 0])
    let other = try file {
      $0.set("tokenizer.ggml.add_bos_token", .boolean(false))
      $0.set("tokenizer.ggml.add_eos_token", .boolean(true))
      $0.set("tokenizer.ggml.add_space_prefix", .boolean(false))
    }
    #expect(try other.encode("a").ids == [4, 2])
    let noBeginning = #expect(throws: TransformerError.self) {
      try file { $0.metadata.removeAll { $0.key == "tokenizer.ggml.bos_token_id" } }
    }
    #expect("\(try #require(noBeginning))".contains("tokenizer.ggml.bos_token_id"))
    let kind = #expect(throws: TransformerError.self) {
      try file { $0.set("tokenizer.ggml.token_type", .int32s([2, 3, 3, 1, 1, 7])) }
    }
    #expect("\(try #require(kind))".contains("7 for token 5"))
  }

  @Test("words of BERT, which GGUF files mark where they begin")
  func words() throws {
    let words = try tokenizer {
      $0.set("tokenizer.ggml.model", .string("bert"))
      $0.set(
        "tokenizer.ggml.tokens",
        .strings(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁he", "llo", "▁[", "▁!"]))
    }
    #expect(try words.encode("Héllo [ x !").ids == [2, 4, 5, 6, 1, 7, 3])
    #expect(words.token(5) == "##llo")
    #expect(try words.decode([4, 5]) == "hello")
    #expect(throws: TokenizerError.self) {
      try tokenizer {
        $0.set("tokenizer.ggml.model", .string("bert"))
        $0.set("tokenizer.ggml.tokens", .strings(["[PAD]", "▁a"]))
      }
    }
  }

  @Test("files without a tokenizer, or with one that is not read here")
  func refused() throws {
    let none = #expect(throws: TransformerError.self) { try tokenizer { _ in } }
    #expect("\(try #require(none))".contains("tokenizer.ggml.model"))
    for (model, pre) in [("rwkv", "default"), ("gpt2", "tekken")] {
      #expect(throws: TokenizerError.self) {
        try tokenizer {
          $0.set("tokenizer.ggml.model", .string(model))
          $0.set("tokenizer.ggml.pre", .string(pre))
          $0.set("tokenizer.ggml.tokens", .strings(["a", "b"]))
        }
      }
    }
  }
}
