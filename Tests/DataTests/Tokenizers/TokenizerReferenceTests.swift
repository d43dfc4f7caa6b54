import Data
import Foundation
import TensorFiles
import TestSupport
import Testing

/// Small tokenizers of every kind against the libraries that made them; `scripts/oracles/text_tokens.py` writes both.
@Suite("Tokenizers against the libraries that define them")
struct TokenizerReferenceTests {
  @Test(
    "Small tokenizers of every kind give the same ids, types and texts",
    arguments: [
      "wordpiece", "wordpiece-vocab", "digits", "llama3", "roberta", "roberta-vocab", "llama2",
      "llama2-metaspace", "unigram", "sentencepiece-bpe", "sentencepiece-bpe-bytes",
      "sentencepiece-unigram", "sentencepiece-unigram-bytes",
    ])
  func small(name: String) throws {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
      .appendingPathComponent("tokenizers/\(name)")
    let tokenizer = try Tokenizer(opening: folder)
    let json = try OrderedJSON(contentsOf: folder.appendingPathComponent("expected.json"))
    let cases = try #require(json.array)
    #expect(cases.count > 20)
    for expected in cases {
      let text = try #require(expected["text"]?.string)
      let found = try tokenizer.encode(
        text, pair: expected["pair"]?.string, maxLength: expected["max_length"]?.integer)
      #expect(found.ids == ids(expected["ids"]), "\(text.debugDescription)")
      #expect(found.typeIDs == ids(expected["type_ids"]), "\(text.debugDescription)")
      if let decoded = expected["decoded"]?.string {
        #expect(try bytes(tokenizer.decode(found.ids)) == bytes(decoded))
        let pieces = try tokenizer.pieces(found.ids)
        #expect(pieces.count == found.ids.count)
        let kept = zip(found.ids, pieces).filter { !tokenizer.isSpecial($0.0) }.map(\.1)
        #expect(bytes(kept.joined()) == bytes(decoded), "\(text.debugDescription)")
      }
    }
  }

  @Test(
    "BERT, GPT-2 and RoBERTa give the reference encodings",
    .enabled(if: SharedData.has("data/tokenizers"), SharedData.absent),
    arguments: ["bert-base-uncased", "gpt2", "roberta-base"])
  func published(name: String) throws {
    let folder = try #require(SharedData.url("data/tokenizers/\(name)"))
    let tokenizer = try Tokenizer(opening: folder)
    let vectors = try lines(folder.appendingPathComponent("vectors.jsonl"))
    #expect(vectors.count == 315)
    for expected in vectors {
      let text = try #require(expected["text"]?.string)
      #expect(
        try tokenizer.encode(text, addsSpecialTokens: false).ids == ids(expected["ids"]),
        "\(text.debugDescription)")
      #expect(try tokenizer.encode(text).ids == ids(expected["ids_special"]))
    }
    let questions = folder.appendingPathComponent("hf_squad_questions_first2000.jsonl")
    if FileManager.default.fileExists(atPath: questions.path) {
      let questions = try lines(questions)
      #expect(questions.count == 2000)
      for expected in questions {
        let text = try #require(expected["text"]?.string)
        #expect(
          try tokenizer.encode(text, addsSpecialTokens: false).ids == ids(expected["ids"]),
          "\(text.debugDescription)")
      }
    }
    let pairs = folder.appendingPathComponent("pair_vectors.jsonl")
    if FileManager.default.fileExists(atPath: pairs.path) {
      let pairs = try lines(pairs)
      #expect(pairs.count == 40)
      for expected in pairs {
        let first = try #require(expected["text_a"]?.string)
        let found = try tokenizer.encode(
          first, pair: expected["text_b"]?.string, maxLength: expected["max_length"]?.integer)
        #expect(found.ids == ids(expected["ids"]), "\(first.debugDescription)")
        if let types = expected["token_type_ids"], types != .null {
          #expect(found.typeIDs == ids(types))
        }
      }
    }
  }

  @Test(
    "The tiny Llama's text becomes its tokens, and they become the text",
    .enabled(if: SharedData.has("data/tiny-llama"), SharedData.absent))
  func tinyLlama() throws {
    let folder = try #require(SharedData.url("data/tiny-llama"))
    let tokenizer = try Tokenizer(opening: folder)
    #expect(tokenizer.vocabularySize == 512)
    let expected = try OrderedJSON(contentsOf: folder.appendingPathComponent("expected.json"))
    let text = try #require(expected["greedy_text"]?.string)
    #expect(try tokenizer.decode(ids(expected["greedy_ids"])) == text)
    #expect(try tokenizer.encode(text).ids == ids(expected["greedy_ids"]))
  }

  private func ids(_ json: OrderedJSON?) -> [Int] { json?.array?.compactMap(\.integer) ?? [] }

  /// Strings of different scalars can be equal, bytes cannot.
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func lines(_ url: URL) throws -> [OrderedJSON] {
    try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map {
      try OrderedJSON(parsing: Array($0), path: url.path)
    }
  }
}
