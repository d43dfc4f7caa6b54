import Data
import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

import Transformers

@Suite("Texts as a model takes them")
struct TextEncodingTests {
  let folder: TemporaryDirectory
  /// Words and their pieces for BERT: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, a 4, b 5, c 6, ##d 7.
  let words: Tokenizer
  /// Bytes for a language model: <s> 0, then a 1, b 2, the blank 3, and "ab" 4, " a" 5.
  let pairs: Tokenizer

  init() throws {
    folder = try TemporaryDirectory()
    try folder.write(
      ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "##d"].joined(separator: "\n"),
      to: "bert/vocab.txt")
    words = try Tokenizer(opening: folder.file("bert"))
    try folder.write(
      #"""
      {"model": {"type": "BPE", "vocab": {"<s>": 0, "a": 1, "b": 2, "Ġ": 3, "ab": 4, "Ġa": 5},
        "merges": ["Ġ a", "a b"]},
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
       "added_tokens": [{"id": 0, "content": "<s>", "special": true}],
       "decoder": {"type": "ByteLevel"}}
      """#, to: "bpe/tokenizer.json")
    pairs = try Tokenizer(opening: folder.file("bpe"))
  }

  private func examples(_ lines: [String], _ fields: TextFields) throws -> TextExamples {
    try TextExamples(
      reading: folder.write(lines.joined(separator: "\n"), to: "e.jsonl"), fields: fields)
  }

  private func configuration(
    _ base: OrderedJSON, _ changes: OrderedJSON = [:], of family: any ModelFamily.Type
  ) throws -> ModelConfiguration {
    let json = FolderModel.changed(base, changes)
    return try family.configuration(ConfigurationKeys(path: "test", values: json.object ?? [:]))
  }

  private func bert(_ changes: OrderedJSON = [:]) throws -> ModelConfiguration {
    try configuration(FolderModel.bert, changes, of: BERT.self)
  }

  private func llama(_ changes: OrderedJSON = [:]) throws -> ModelConfiguration {
    try configuration(
      FolderModel.changed(FolderModel.llama, ["eos_token_id": [7, 8]]), changes, of: Llama.self)
  }

  @Test("Texts and pairs with their classes and types, cut where they are too long")
  func classes() throws {
    let lines = [
      #"{"s": "a b", "t": "c", "y": 1}"#, #"{"s": "ad", "t": "b b b b", "y": 0}"#,
    ]
    let single = try TextEncoding(
      of: examples(lines, TextFields(text: "s", label: "y")), tokenizer: words,
      configuration: bert(), longest: 64, labelCount: 2)
    #expect(
      single.sequences == [
        TokenSequence(tokens: [2, 4, 5, 3], types: [0, 0, 0, 0], goal: .label(1)),
        TokenSequence(tokens: [2, 4, 7, 3], types: [0, 0, 0, 0], goal: .label(0)),
      ])
    #expect(single.truncatedRows.isEmpty)
    let both = try TextEncoding(
      of: examples(lines, TextFields(text: "s", pair: "t", label: "y")), tokenizer: words,
      configuration: bert(), longest: 64, labelCount: 2, settings: .init(maxLength: 7))
    #expect(
      both.sequences == [
        TokenSequence(tokens: [2, 4, 5, 3, 6, 3], types: [0, 0, 0, 0, 1, 1], goal: .label(1)),
        TokenSequence(
          tokens: [2, 4, 7, 3, 5, 5, 3], types: [0, 0, 0, 0, 1, 1, 1], goal: .label(0)),
      ])
    #expect(both.truncatedRows == [1])
  }

  @Test("An answer begins after its prompt, and ends with the model's end")
  func answers() throws {
    let lines = [
      #"{"p": "ab", "t": " ab"}"#, #"{"p": "b ", "t": "ab"}"#, #"{"p": "", "t": "ba"}"#,
    ]
    let prompted = try examples(lines, TextFields(text: "t", prompt: "p"))
    let answers = try TextEncoding(
      of: prompted, tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil)
    // "ab ab" is ab, Ġa, b: the second word's first token has the blank in it.
    #expect(
      answers.sequences == [
        TokenSequence(tokens: [4, 5, 2, 7], goal: .tokens(from: 1)),
        // The prompt's blank goes with the answer, which so begins after b.
        TokenSequence(tokens: [2, 5, 2, 7], goal: .tokens(from: 1)),
        TokenSequence(tokens: [2, 1, 7], goal: .tokens(from: 1)),
      ])
    #expect(answers.sequences.map(\.predictedCount) == [3, 3, 2])
    let all = try TextEncoding(
      of: examples([#"{"p": "b b", "t": "ab"}"#], TextFields(text: "t", prompt: "p")),
      tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil,
      settings: .init(lossOn: .all, addsEnd: false))
    #expect(all.sequences == [TokenSequence(tokens: [2, 3, 2, 4], goal: .tokens(from: 1))])
    let own = try TextEncoding(
      of: examples([#"{"p": "b b", "t": "ab"}"#], TextFields(text: "t", prompt: "p")),
      tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil)
    #expect(own.sequences == [TokenSequence(tokens: [2, 3, 2, 4, 7], goal: .tokens(from: 3))])
    // Without prompts no end is put behind the text unless it is asked for.
    let plain = try examples([#"{"t": "ab"}"#, #"{"t": "ba"}"#], TextFields(text: "t"))
    #expect(throws: TextEncodingError.nothingToPredict(path: plain.path, rows: [0], maxLength: 64))
    {
      try TextEncoding(
        of: plain, tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil)
    }
    let ended = try TextEncoding(
      of: plain, tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil,
      settings: .init(addsEnd: true))
    #expect(ended.sequences.map(\.tokens) == [[4, 7], [2, 1, 7]])
  }

  @Test("Texts that are cut say so; answers of which nothing is left are refused together")
  func lengths() throws {
    let lines = ["bb", "bbbb", "bbbbb"].map { #"{"p": "\#($0)", "t": "bb"}"# }
    let prompted = try examples(lines, TextFields(text: "t", prompt: "p"))
    func encode(_ length: Int) throws -> TextEncoding {
      try TextEncoding(
        of: prompted, tokenizer: pairs, configuration: llama(), longest: 64, labelCount: nil,
        settings: .init(maxLength: length))
    }
    let cut = try encode(6)
    #expect(cut.sequences.map(\.tokens.count) == [5, 6, 6] && cut.truncatedRows == [1, 2])
    #expect(cut.sequences.map(\.predictedCount) == [3, 2, 1])
    #expect(
      throws: TextEncodingError.nothingToPredict(
        path: prompted.path, rows: [1, 2], maxLength: 4)
    ) { try encode(4) }
    for length in [0, 65, -1] {
      #expect(throws: TextEncodingError.badLength(maxLength: length, most: 64)) {
        try encode(length)
      }
    }
  }

  @Test("What a model does not take is refused")
  func refused() throws {
    func expect(
      _ line: String, _ fields: TextFields, _ tokenizer: Tokenizer,
      _ configuration: ModelConfiguration, labelCount: Int? = nil,
      settings: TextEncoding.Settings = .init(),
      _ error: (String) -> TextEncodingError
    ) throws {
      let texts = try examples([#"{"s": "b b", "p": "b", "y": 0}"#, line], fields)
      #expect(throws: error(texts.path)) {
        try TextEncoding(
          of: texts, tokenizer: tokenizer, configuration: configuration, longest: 64,
          labelCount: labelCount,
          settings: settings)
      }
    }
    let plain = TextFields(text: "s")
    try expect(#"{"s": ""}"#, plain, pairs, llama()) { .noTokens(path: $0, row: 1) }
    try expect(#"{"s": "ac"}"#, plain, pairs, llama()) {
      .tokenizer(
        path: $0, row: 1,
        reason: TokenizerError.noToken(character: "c").description)
    }
    try expect(#"{"s": "ab a"}"#, plain, pairs, llama(["vocab_size": 5, "eos_token_id": 4])) {
      .unknownToken(path: $0, row: 1, what: "token", id: 5, count: 5)
    }
    try expect(#"{"s": "a"}"#, plain, words, bert(), labelCount: 2) { .noLabels(path: $0) }
    let labelled = TextFields(text: "s", label: "y")
    try expect(#"{"s": "a", "y": 2}"#, labelled, words, bert(), labelCount: 2) {
      .labelOutOfRange(path: $0, row: 1, label: 2, labelCount: 2)
    }
    try expect(#"{"s": "a", "y": 1}"#, labelled, pairs, llama()) {
      .notTaken(path: $0, what: "labels", family: "llama")
    }
    try expect(
      #"{"s": "a", "p": "a"}"#, TextFields(text: "s", pair: "p"), pairs, llama()
    ) { .notTaken(path: $0, what: "second text", family: "llama") }
    try expect(
      #"{"s": "a", "p": "a", "y": 1}"#, TextFields(text: "s", prompt: "p", label: "y"), words,
      bert(), labelCount: 2
    ) { .notTaken(path: $0, what: "prompts", family: "bert") }
    try expect(
      #"{"s": "a", "p": "a", "y": 1}"#, TextFields(text: "s", pair: "p", label: "y"), words,
      bert(["type_vocab_size": 1]), labelCount: 2
    ) { .unknownToken(path: $0, row: 0, what: "token type", id: 1, count: 1) }
    try expect(
      #"{"s": "a b"}"#, plain, pairs, llama(["eos_token_id": .null]),
      settings: .init(addsEnd: true)
    ) { _ in .noEnd(family: "llama") }
  }

  @Test("The longest text of RoBERTa is shorter than its positions by those before the first")
  func positions() throws {
    let families = FolderModel.families
    let (family, json) = families[1]
    try FolderModel(family, json).write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    let texts = try examples(
      [#"{"s": "\#(String(repeating: "a ", count: 40))", "y": 1}"#],
      TextFields(text: "s", label: "y"))
    let encoding = try TextEncoding(
      of: texts, tokenizer: words, checkpoint: checkpoint, labelCount: 2)
    #expect(encoding.sequences[0].tokens.count == 15 && encoding.truncatedRows == [0])
  }
}
