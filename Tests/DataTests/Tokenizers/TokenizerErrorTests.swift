import Data
import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite("Malformed tokenizers")
struct TokenizerErrorTests {
  /// A file, and what the error must say of it.
  struct Broken: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let says: String
    var testDescription: String { says }

    init(json text: String, says: String) {
      self.init("tokenizer.json", text, says: says)
    }

    init(_ name: String, _ text: String, says: String) {
      (self.name, self.bytes, self.says) = (name, Array(text.utf8), says)
    }

    init(_ name: String, bytes: [UInt8], says: String) {
      (self.name, self.bytes, self.says) = (name, bytes, says)
    }

    /// A tokenizer.json with a small byte-pair model, one field of which is another.
    init(
      vocab: String = #"{"a": 0, "b": 1, "ab": 2}"#, merges: String = #"["a b"]"#,
      model: String = #""type": "BPE""#, others: String = "", says: String
    ) {
      self.init(
        json: #"{\#(others) "model": {\#(model), "vocab": \#(vocab), "merges": \#(merges)}}"#,
        says: says)
    }
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }

  private static func llama2c(_ tokens: [[UInt8]], longest: UInt32 = 7) -> [UInt8] {
    word(longest) + tokens.flatMap { word(0) + word(UInt32($0.count)) + $0 }
  }

  private static let special: [[UInt8]] = ["<unk>", "<s>", "</s>"].map { Array($0.utf8) }

  /// A SentencePiece model with one piece of each text, then other fields.
  private static func sentencePiece(_ texts: [[UInt8]], then rest: [UInt8] = []) -> [UInt8] {
    texts.flatMap { text -> [UInt8] in
      let piece = [0x0A, UInt8(text.count)] + text + [0x15, 0, 0, 0, 0]
      return [0x0A, UInt8(piece.count)] + piece
    } + rest
  }

  static let broken: [Broken] = [
    Broken(json: #"{"model": {"type": "BPE", "vocab": {"a": 0"#, says: "the text ends"),
    Broken(json: #"{"version": "1.0"}"#, says: "model"),
    Broken(model: #""type": "WordLevel""#, says: #"the model "WordLevel""#),
    Broken(vocab: "[]", says: "it has no tokens"),
    Broken(vocab: "{}", says: "it has no tokens"),
    Broken(vocab: "7", says: "expected an array or an object, found an integer"),
    Broken(vocab: #"{"a": 0, "b": "1"}"#, says: "expected a token and its id"),
    Broken(vocab: #"{"a": 0, "b": 0, "ab": 1}"#, says: #"its id 0 is that of "a" too"#),
    Broken(vocab: #"{"a": 0, "b": 1, "a": 2}"#, says: #""a" is there twice"#),
    Broken(vocab: #"{"a": 0, "b": 1, "ab": 9}"#, says: "its id is 9, but 3 tokens have ids"),
    Broken(vocab: #"{"a": 0, "b": -1, "ab": 2}"#, says: "its id is -1"),
    Broken(vocab: #"{"a": 0, "b": 4611686018427387904}"#, says: "its id is 4611686018427387904"),
    Broken(
      vocab: "{\"\(String(repeating: "a", count: 5000))\": 0}", says: "it has 5000 bytes where"),
    Broken(merges: #"["a c"]"#, says: #"need the token "c""#),
    Broken(merges: #"["b a"]"#, says: #"need the token "ba""#),
    Broken(merges: #"["a b", "a b"]"#, says: "are there twice"),
    Broken(merges: #"["ab"]"#, says: "two tokens and a space"),
    Broken(merges: #"[["a", ""]]"#, says: "one of its two sides is empty"),
    Broken(merges: #"[["a", "b"], "a b"]"#, says: "expected two tokens"),
    Broken(merges: "3", says: "expected an array"),
    Broken(model: #""type": "BPE", "unk_token": "?""#, says: #""?" is not in the vocabulary"#),
    Broken(model: #""type": "BPE", "dropout": 0.1"#, says: "BPE with dropout"),
    Broken(model: #""type": "BPE", "end_of_word_suffix": "</w>""#, says: "</w>"),
    Broken(
      others: #""normalizer": {"type": "Precompiled", "precompiled_charsmap": ""},"#,
      says: #"the normalizer "Precompiled""#),
    Broken(
      others: #""pre_tokenizer": {"type": "UnicodeScripts"},"#,
      says: #"the pre-tokenizer "UnicodeScripts""#),
    Broken(
      others: #"""
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated"},
        """#, says: "Split by \\w+"),
    Broken(
      others: #""decoder": {"type": "CTC"},"#, says: #"the decoder "CTC""#),
    Broken(
      others: #""post_processor": {"type": "BertProcessing", "sep": ["b", 9], "cls": ["a", 0]},"#,
      says: "expected an id in 0 ..< 3, found 9"),
    Broken(
      others: #""post_processor": {"type": "TemplateProcessing", "single": [], "pair": []},"#,
      says: "expected A once"),
    Broken(
      others: #""added_tokens": [{"id": 5, "content": "c"}],"#,
      says: "its id is 5 where 3 follows"),
    Broken(
      others: #""added_tokens": [{"id": 1, "content": "c"}],"#,
      says: #"id 1 is "b" in the vocabulary"#),
    Broken(
      others: #""added_tokens": [{"id": 3, "content": "ab"}],"#, says: #""ab" is there twice"#),
    Broken(
      json: #"{"model": {"type": "Unigram", "unk_id": 4, "vocab": [["a", 0]]}}"#,
      says: "expected an id in 0 ..< 1, found 4"),
    Broken(
      json: #"{"model": {"type": "Unigram", "vocab": [["a"]]}}"#, says: "a token and its score"),
    Broken("vocab.txt", "[UNK]\n[CLS]\n", says: #"no token "[SEP]""#),
    Broken("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\na\n", says: #"token 4: "a" is there twice"#),
    Broken("vocab.txt", bytes: [0x61, 0x0A, 0xFF, 0x0A], says: "line 2: it holds bytes"),
    Broken("vocab.txt", "", says: "it has no tokens"),
    Broken("tok.bin", bytes: Array(llama2c(special).dropLast()), says: "4 bytes, and 3 are left"),
    Broken("tok.bin", bytes: llama2c(special) + [0, 0], says: "token 3: the file ends within it"),
    Broken("tok.bin", bytes: llama2c(special, longest: 3), says: "it has 5 bytes where"),
    Broken("tok.bin", bytes: llama2c(special + [[0xC3]]), says: "token 3: its text is not UTF-8"),
    Broken("tok.bin", bytes: llama2c(Array(special.prefix(2))), says: "three special tokens"),
    Broken("tok.bin", bytes: llama2c(special + special), says: "is there twice"),
    Broken(
      "tokenizer.model", bytes: Array(sentencePiece(special).dropLast()), says: "are announced"),
    Broken("tokenizer.model", bytes: sentencePiece([[0xFF]]), says: "its text is not UTF-8"),
    Broken(
      "tokenizer.model", bytes: sentencePiece(special, then: [0x12, 2, 0x18, 4]), says: "CHAR"),
    Broken(
      "tokenizer.model",
      bytes: sentencePiece(special, then: [0x1A, 9, 0x0A, 4] + Array("nfkc".utf8) + [0x12, 1, 7]),
      says: #"the normalizer "nfkc""#),
    Broken(
      "tokenizer.model",
      bytes: sentencePiece(special, then: [UInt8](repeating: 0xFF, count: 12)), says: "ten bytes"),
  ]

  @Test("Each is an error that names the file and the place", arguments: broken)
  func refused(broken: Broken) throws {
    let folder = try TemporaryDirectory()
    let url = try folder.write(broken.bytes, to: broken.name)
    let error = #expect(throws: (any Error).self) { _ = try Tokenizer(opening: url) }
    #expect(error is TokenizerError || error is TensorFileError)
    let text = String(describing: error as Any)
    let told = (error as? any CustomStringConvertible)?.description ?? text
    #expect(told.contains(broken.says), "\(told)")
    #expect(told.contains(broken.name), "\(told)")
  }

  @Test("Files that are not there, and folders without a tokenizer")
  func missing() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: TensorFileError.self) { try Tokenizer(opening: folder.file("none")) }
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(opening: folder.url) }
    #expect(error?.description.contains("vocab.txt") == true)
    try folder.write(#"{"a": 0}"#, to: "vocab.json")
    #expect(throws: TensorFileError.self) { try Tokenizer(opening: folder.url) }
    try folder.write("#version: 0.2\na b c\n", to: "merges.txt")
    let merge = #expect(throws: TokenizerError.self) { try Tokenizer(opening: folder.url) }
    #expect(merge?.description.contains("merges.txt, line 2") == true)
  }

  @Test("Arrays that contradict each other are refused")
  func arrays() {
    var arrays = TokenizerArrays(path: "x.gguf", tokens: ["a", "b", "ab"])
    #expect(throws: TokenizerError.unsupported(path: "x.gguf", part: "model", name: "rwkv")) {
      try Tokenizer(arrays, model: "rwkv")
    }
    #expect(
      throws: TokenizerError.unsupported(path: "x.gguf", part: "pre-tokenizer", name: "tekken")
    ) { try Tokenizer(arrays, model: "gpt2", preTokenizer: "tekken") }
    #expect(throws: TokenizerError.self) { try Tokenizer(arrays, model: "llama") }
    arrays.scores = [0, .nan, 1]
    #expect(throws: TokenizerError.self) { try Tokenizer(arrays, model: "llama") }
    arrays.scores = [0, 1, 2]
    arrays.kinds = [.normal]
    #expect(throws: TokenizerError.self) { try Tokenizer(arrays, model: "llama") }
    arrays.kinds = []
    arrays.start = 3
    #expect(throws: TokenizerError.self) { try Tokenizer(arrays, model: "llama") }
    arrays.start = nil
    arrays.merges = ["a"]
    #expect(throws: TokenizerError.self) { try Tokenizer(arrays, model: "gpt2") }
  }
}
