import Data
import Foundation

/// Readers of tokenizers.
extension Reader {
  /// A tokenizer's file of any kind, told by its content, or `vocab.json` and others in a bundle.
  static let tokenizer = Reader(
    seeds: { _ in
      TokenizerSeed.json.map { Array($0.utf8) } + [
        Array("[PAD]\n[UNK]\n[CLS]\n[SEP]\nhe\n##llo\n!\n".utf8), TokenizerSeed.llama2c,
        TokenizerSeed.sentencePiece(model: 1), TokenizerSeed.sentencePiece(model: 2),
        Bundle([
          ("vocab.json", Array(#"{"<s>": 0, "</s>": 1, "h": 2, "e": 3, "he": 4, "Ġ": 5}"#.utf8)),
          ("merges.txt", Array("#version: 0.2\nh e\n".utf8)),
          ("tokenizer_config.json", Array(#"{"add_prefix_space": true}"#.utf8)),
        ]).input,
      ]
    },
    read: { input, folder in
      let names: Set = ["vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json"]
      let bundle = Bundle(input, names: names)
      let place = folder.appending(path: "tokenizer")
      try (bundle.files.isEmpty ? Bundle([("tokenizer.json", input)]) : bundle).write(to: place)
      let tokenizer = try Tokenizer(opening: place)
      let own = String(decoding: input.suffix(300), as: UTF8.self)
      for text in ["", "Hello he\n  12 é 機械 e\u{301}😀!", String(repeating: "he", count: 300), own] {
        guard let whole = try? tokenizer.encode(text, pair: "he o") else { continue }
        check(whole, of: tokenizer)
        if let cut = try? tokenizer.encode(text, maxLength: 9) {
          check(cut, of: tokenizer)
          guard cut.ids.count <= 9 else { fatalError("\(cut.ids.count) of 9 tokens") }
        }
        _ = try tokenizer.decode(whole.ids, keepsSpecialTokens: true)
      }
    })

  private static func check(_ text: TokenizedText, of tokenizer: Tokenizer) {
    guard text.ids.allSatisfy({ tokenizer.token($0) != nil }),
      text.typeIDs.count == text.ids.count
    else { fatalError("\(text) of \(tokenizer.vocabularySize) tokens") }
  }
}

/// Small tokenizers of each kind.
private enum TokenizerSeed {
  static let json = [
    #"{"added_tokens": [{"id": 0, "content": "[UNK]", "special": true}, {"id": 1, "content": "[CLS]", "special": true}],"#
      + #""normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,"#
      + #""lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type":"#
      + #""TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A","#
      + #""type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],"#
      + #""special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}}, "decoder": {"type": "WordPiece","#
      + ###""prefix": "##", "cleanup": true}, "model": {"type": "WordPiece", "unk_token": "[UNK]","###
      + ###""continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[CLS]": 1, "he": 2,"###
      + ###""##llo": 3}}}"###,
    #"{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type":"#
      + #""ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]}, "decoder": {"type":"#
      + #""ByteLevel"}, "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback":"#
      + #"false, "vocab": {"h": 0, "e": 1, "he": 2, "Ġ": 3}, "merges": [["h", "e"]]}}"#,
    #"{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace","#
      + #""pattern": {"String": " "}, "content": "▁"}]}, "decoder": {"type": "Sequence", "decoders": [{"type": "Replace","#
      + #""pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}, "model": {"type": "BPE","#
      + #""unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": {"<unk>": 0, "▁": 1, "h": 2, "e": 3, "he": 4,"#
      + #""<0x0A>": 5}, "merges": ["h e"]}}"#,
    #"{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}, "decoder":"#
      + #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}, "model": {"type": "Unigram","#
      + #""unk_id": 0, "vocab": [["<unk>", 0.0], ["▁", -2.5], ["h", -3], ["e", -4.25], ["he", -3.5]], "byte_fallback": false}}"#,
  ]

  static var llama2c: [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 255) } }
    let tokens = ["<unk>", "\n<s>\n", "\n</s>\n", " ", "h", "e", "he"]
    return word(6)
      + tokens.enumerated().flatMap { index, token in
        word(Float(index).bitPattern) + word(UInt32(token.utf8.count)) + Array(token.utf8)
      }
  }

  /// A protocol buffer with pieces, the kind of model, and a normalizer that adds a space.
  static func sentencePiece(model: UInt8) -> [UInt8] {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
      [number << 3 | 2, UInt8(bytes.count)] + bytes
    }
    let pieces: [(String, UInt8)] = [
      ("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁", 1), ("h", 1), ("e", 1), ("he", 1), ("<0x0A>", 6),
    ]
    return pieces.enumerated().flatMap { index, piece in
      let score = (-Float(index)).bitPattern
      let bytes = (0..<4).map { UInt8(score >> (8 * UInt32($0)) & 255) }
      return field(1, field(1, Array(piece.0.utf8)) + [2 << 3 | 5] + bytes + [3 << 3, piece.1])
    } + field(2, [3 << 3, model]) + field(3, field(1, Array("identity".utf8)) + [3 << 3, 1])
  }
}
