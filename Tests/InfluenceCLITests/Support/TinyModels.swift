import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// Language models of random weights that are trained in a moment, as folders of Hugging Face, and texts for them.
enum TinyModels {
  /// Words that say whether a review is good, and words that do not.
  private static let good = ["good", "fine", "great"]
  private static let bad = ["bad", "poor", "dull"]
  private static let others = ["the", "film", "is", "a", "plot"]

  /// BERT with two layers, without a classifier.
  ///
  /// - Parameters:
  ///   - labels: The classes of a classifier; none where it is nil.
  ///   - isKept: Which of its tensors are written.
  static func writeBERT(
    to name: String, in place: Workplace, labels: [String]? = nil,
    keeping isKept: (ExpectedTensor) -> Bool = { _ in true }
  ) throws {
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + good + bad + others
    try place.write(words.joined(separator: "\n") + "\n", to: "\(name)/vocab.txt")
    var json: OrderedJSON = [
      "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 16,
      "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
      "vocab_size": .integer(words.count), "max_position_embeddings": 16, "type_vocab_size": 2,
      "layer_norm_eps": 1e-12, "hidden_act": "gelu", "pad_token_id": 0,
    ]
    if let labels {
      json = json.adding([
        "id2label": .object(
          OrderedDictionary(
            uniqueKeysWithValues: labels.enumerated().map { ("\($0)", .string($1)) }))
      ])
    }
    try write(BERT.self, json, to: name, in: place) {
      ($0.part != .classifier || labels != nil) && isKept($0)
    }
  }

  /// BERT as `bert`, an `adapter` that has learnt the reviews of `train.jsonl`, and those of `query.jsonl`.
  static func trainOnReviews(in place: Workplace) throws {
    try writeBERT(to: "bert", in: place)
    try place.write(try reviews(30, seed: 1), to: "train.jsonl")
    try place.write(try reviews(6, seed: 2), to: "query.jsonl")
    try place.succeed([
      "finetune", "--model", "bert", "--data", "train.jsonl", "--text", "sentence", "--label",
      "label", "--epochs", "2", "--learning-rate", "1e-2", "--output", "adapter",
    ])
  }

  /// Llama with two layers, and a vocabulary of single letters, or of all of ASCII.
  static func writeLlama(
    to name: String, in place: Workplace, positions: Int = 32, hasASCII: Bool = false
  ) throws {
    let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
    let tokens =
      ["<s>", "</s>"]
      + (hasASCII
        ? (33...126).map { String(UnicodeScalar(UInt8($0))) } + ["Ġ", "Ċ"] : ["Ġ"] + letters)
    let vocabulary = OrderedJSON.object(
      OrderedDictionary(
        uniqueKeysWithValues: tokens.enumerated().map { ($1, .integer($0)) }))
    let special: [OrderedJSON] = ["<s>", "</s>"].enumerated().map {
      ["id": .integer($0), "content": .string($1), "special": true]
    }
    let tokenizer: OrderedJSON = [
      "model": ["type": "BPE", "vocab": vocabulary, "merges": []],
      "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
      "added_tokens": .array(special), "decoder": ["type": "ByteLevel"],
    ]
    try place.write(tokenizer.serialized(), to: "\(name)/tokenizer.json")
    try write(
      Llama.self,
      [
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 24, "vocab_size": .integer(tokens.count),
        "max_position_embeddings": .integer(positions), "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "hidden_act": "silu", "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": true,
      ], to: name, in: place
    ) { $0.name != "lm_head.weight" }
  }

  private static func write(
    _ family: any ModelFamily.Type, _ json: OrderedJSON, to name: String, in place: Workplace,
    _ isWritten: (ExpectedTensor) -> Bool
  ) throws {
    try place.write(json.serialized(.indented), to: "\(name)/config.json")
    let sizes = try family.configuration(
      ConfigurationKeys(path: "test", values: json.object ?? [:]))
    let layers = (0..<sizes.layerCount).flatMap { family.tensors(sizes, layer: $0) }
    let tensors = (family.tensors(sizes) + layers).filter(isWritten)
    var writer = try SafetensorsWriter(
      at: place.file("\(name)/model.safetensors"),
      tensors: tensors.map { .init(name: $0.name, elementType: .float32, shape: $0.shape) })
    var generator = SeededGenerator(seed: 5)
    for tensor in tensors {
      // Norms multiply by one, biases add nothing, and words say more than their places.
      let isNorm = tensor.name.contains("orm") && tensor.name.hasSuffix("weight")
      let deviation =
        tensor.name.contains("word_emb") ? 1.2 : tensor.name.contains("position") ? 0.03 : 0.3
      let numbers = (0..<tensor.shape.reduce(1, *)).map { _ in
        tensor.shape.count > 1 ? Float(deviation * generator.normal()) : isNorm ? 1 : 0
      }
      try writer.append(numbers.span)
    }
    try writer.commit()
  }

  /// Reviews as lines of JSON: label 1 for those with good words.
  static func reviews(_ count: Int, seed: UInt64) throws -> String {
    var generator = SeededGenerator(seed: seed)
    return try (0..<count).map { _ in
      let label = generator.index(below: 2)
      let kind = label == 1 ? good : bad
      var words = (0..<2 + generator.index(below: 5)).map { _ in
        others[generator.index(below: others.count)]
      }
      words.insert(
        kind[generator.index(below: kind.count)], at: generator.index(below: words.count))
      let line: OrderedJSON = [
        "sentence": .string(words.joined(separator: " ")), "label": .integer(label),
      ]
      return try line.serialized() + "\n"
    }.joined()
  }

  /// Prompts of a letter, whose answer is that letter twice.
  static func answers() throws -> String {
    try "abcdefgh".map { letter in
      let line: OrderedJSON = [
        "prompt": .string("say \(letter)"), "answer": .string(" \(letter)\(letter)"),
      ]
      return try line.serialized() + "\n"
    }.joined()
  }
}
