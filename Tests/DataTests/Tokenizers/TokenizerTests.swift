import Data
import Foundation
import TensorFiles
import TestSupport
import Testing

@Suite("Tokenizers")
struct TokenizerTests {
  /// Merges of a byte-level tokenizer over all bytes, "he" and "hel" the only longer tokens.
  private func arrays() -> TokenizerArrays {
    var tokens: [String] = []
    var others: UInt32 = 0x100
    for byte in 0..<256 {
      let printable = 0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || byte >= 0xAE
      tokens.append(String(Unicode.Scalar(printable ? UInt32(byte) : others) ?? " "))
      if !printable { others += 1 }
    }
    var arrays = TokenizerArrays(path: "x.gguf", tokens: tokens + ["he", "hel", "<|end|>"])
    arrays.kinds = [TokenizerArrays.Kind](repeating: .normal, count: 258) + [.control]
    arrays.merges = ["h e", "he l"]
    return arrays
  }

  @Test("Byte-level arrays of a GGUF file: digits one by one, special tokens, all bytes back")
  func bytes() throws {
    let tokenizer = try Tokenizer(arrays(), model: "gpt2", preTokenizer: "smollm")
    #expect(tokenizer.vocabularySize == 259)
    let found = try tokenizer.encode("hello<|end|>").ids
    #expect(found == [257, 108, 111, 258])
    #expect(tokenizer.token(257) == "hel" && tokenizer.token(259) == nil)
    #expect(tokenizer.id(of: "hel") == 257 && tokenizer.id(of: "help") == nil)
    #expect(tokenizer.isSpecial(258) && !tokenizer.isSpecial(257))
    #expect(try tokenizer.decode(found) == "hello")
    #expect(try tokenizer.decode(found, keepsSpecialTokens: true) == "hello<|end|>")
    let odd = "é 😀 \u{0} 12\r\n\t機械 e\u{301}"
    #expect(try Array(tokenizer.decode(tokenizer.encode(odd).ids).utf8) == Array(odd.utf8))
    #expect(try tokenizer.decode([0xC3]) == "\u{FFFD}")
  }

  @Test("Arrays with scores: the highest first, bytes for characters in no token")
  func scores() throws {
    let pieces = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "bb"]
    var arrays = TokenizerArrays(
      path: "x.gguf",
      tokens: pieces
        + (0..<256).map {
          let digits = String($0, radix: 16, uppercase: true)
          return "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
        })
    arrays.kinds =
      [.unknown, .control, .control] + [TokenizerArrays.Kind](repeating: .normal, count: 6)
      + [TokenizerArrays.Kind](repeating: .byte, count: 256)
    arrays.scores = [0, 0, 0, -9, -8, -7, -2, -1, -2] + [Float](repeating: 0, count: 256)
    arrays.start = 1
    let tokenizer = try Tokenizer(arrays, model: "llama")
    // "▁a" first, then "bb" and not "ab"; of equal scores the leftmost.
    #expect(try tokenizer.encode("abb").ids == [1, 7, 8])
    #expect(try tokenizer.encode("babb").ids == [1, 3, 5, 6, 5])
    #expect(try tokenizer.encode("é").ids == [1, 3, 9 + 0xC3, 9 + 0xA9])
    #expect(try tokenizer.encode("").ids == [1])
    for text in ["abb", "a b  a", "né 😀", " a", "a\n"] {
      #expect(try tokenizer.decode(tokenizer.encode(text).ids) == text)
    }
  }

  @Test("What is cut off is told, and a length must leave room")
  func truncation() throws {
    var arrays = arrays()
    arrays.start = 258
    let tokenizer = try Tokenizer(arrays, model: "gpt2")
    let whole = try tokenizer.encode("abc", pair: "xyzuv")
    #expect(whole.ids.count == 10 && !whole.isTruncated)
    #expect(whole.typeIDs == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    let cut = try tokenizer.encode("abc", pair: "xyzuv", maxLength: 7)
    #expect(cut.ids == [258, 97, 98, 258, 120, 121, 122] && cut.isTruncated)
    #expect(cut.cutFromFirst == 1 && cut.cutFromSecond == 2)
    let one = try tokenizer.encode("abc", maxLength: 3)
    #expect(one.ids == [258, 97, 98] && one.cutFromFirst == 1 && one.cutFromSecond == 0)
    #expect(try tokenizer.encode("abc", maxLength: 3, addsSpecialTokens: false).ids.count == 3)
    #expect(throws: TokenizerError.lengthTooSmall(maxLength: 1, specialTokens: 1)) {
      try tokenizer.encode("abc", maxLength: 1)
    }
    #expect(throws: TokenizerError.lengthTooSmall(maxLength: -5, specialTokens: 0)) {
      try tokenizer.encode("abc", maxLength: -5, addsSpecialTokens: false)
    }
    #expect(throws: TokenizerError.idOutOfRange(id: 259, vocabularySize: 259)) {
      try tokenizer.decode([1, 259])
    }
    #expect(throws: TokenizerError.idOutOfRange(id: -1, vocabularySize: 259)) {
      try tokenizer.decode([-1])
    }
  }

  @Test("A character without a token is an error where nothing stands for unknown ones")
  func noToken() throws {
    let folder = try TemporaryDirectory()
    let url = try folder.write(
      #"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}"#,
      to: "tokenizer.json")
    let tokenizer = try Tokenizer(opening: url)
    #expect(try tokenizer.encode("aabb").ids == [0, 2, 1])
    #expect(throws: TokenizerError.noToken(character: "é")) { try tokenizer.encode("abé") }
  }

  @Test("Tokens that are the same characters but other bytes are two tokens")
  func equivalentTokens() throws {
    let folder = try TemporaryDirectory()
    let url = try folder.write(
      #"{"model": {"type": "BPE", "vocab": {"\u03a9": 0, "\u2126": 1}, "merges": []}}"#,
      to: "tokenizer.json")
    let tokenizer = try Tokenizer(opening: url)
    #expect(try tokenizer.encode("\u{2126}\u{3a9}").ids == [1, 0])
  }

  @Test("Cased vocabularies say so beside them")
  func cased() throws {
    let folder = try TemporaryDirectory()
    try folder.write("[UNK]\n[CLS]\n[SEP]\nab\nAB\nÀ\na\n", to: "vocab.txt")
    #expect(try Tokenizer(opening: folder.url).encode("AB À").ids == [1, 3, 6, 2])
    try folder.write(#"{"do_lower_case": false}"#, to: "tokenizer_config.json")
    #expect(try Tokenizer(opening: folder.url).encode("AB À").ids == [1, 4, 5, 2])
  }

  @Test("Threads share a tokenizer and get what one thread gets")
  func threads() async throws {
    let tokenizer = try Tokenizer(arrays(), model: "gpt2")
    let texts = (0..<64).map { "hello \($0) hel\(String(repeating: "hel", count: $0)) é" }
    let alone = try texts.map { try tokenizer.encode($0).ids }
    try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
      for (index, text) in texts.enumerated() {
        group.addTask { (index, try tokenizer.encode(text).ids) }
      }
      for try await (index, ids) in group { #expect(ids == alone[index]) }
    }
  }

  @Test("A long text without spaces takes time that grows with its length")
  func longText() throws {
    let tokenizer = try Tokenizer(arrays(), model: "gpt2")
    let text = String(repeating: "hel", count: 30_000)
    #expect(try tokenizer.encode(text).ids.count == 30_000)
  }
}
