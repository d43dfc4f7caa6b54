import InfluenceKit

extension MalformedInput {
  private static let pair =
    "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight"
  private static let numbers = "adapter/adapter_model.safetensors"

  /// A wrong value of a key in `adapter_config.json`; nil takes the key away.
  private static func key(
    _ name: String, _ value: OrderedJSON?, says pieces: [String]
  ) -> MalformedInput {
    MalformedInput(
      "adapter_config.json: \(name)", .gradients,
      says: ["adapter/adapter_config.json", "\"\(name)\""] + pieces
    ) { try $0.set(name, to: value, in: "adapter/adapter_config.json") }
  }

  /// What is wrong with adapters.
  static let adapters: [MalformedInput] = [
    .init("no adapter_config.json", .gradients, says: ["adapter", "adapter_config.json", "give a"])
    {
      try $0.remove("adapter/adapter_config.json")
    },
    .init("no adapter_model.safetensors", .gradients, says: ["adapter", "there is no", "give a"]) {
      try $0.remove(numbers)
    },
    .init("adapter_config.json is cut", .gradients, says: ["adapter_config.json", "byte", "JSON"]) {
      try $0.cut("adapter/adapter_config.json", keeping: 0.5)
    },
    key("peft_type", "IA3", says: ["IA3", "LORA", "choose another"]),
    key("use_dora", true, says: ["choose another"]),
    key("bias", "all", says: ["all", "none", "choose another"]),
    key("r", 0, says: ["0", "correct it"]),
    key("target_modules", nil, says: ["missing", "add it"]),
    .init("an adapter of another model", .gradients, says: ["q_proj", "bert", "another model"]) {
      try $0.writeAdapter(of: "llama", targets: ["q_proj"], task: .languageModel, to: "adapter")
    },
    .init("an adapter without a tensor", .gradients, says: [numbers, pair, "missing"]) {
      try $0.changeTensors(in: numbers) { $0[pair] = nil }
    },
    .init(
      "an adapter with a turned tensor", .gradients, says: [numbers, pair, "[16, 2]", "[2, 16]"]
    ) {
      try $0.changeTensors(in: numbers) { $0[pair]?.shape = [16, 2] }
    },
    .init("an adapter with one more tensor", .gradients, says: [numbers, "output.dense", "get"]) {
      try $0.changeTensors(in: numbers) {
        $0["base_model.model.bert.encoder.layer.0.output.dense.lora_A.weight"] = $0[pair]
      }
    },
    .init(
      "an adapter with an infinite number", .gradients, says: [numbers, pair, "row 1", "train"]
    ) {
      try $0.changeTensors(in: numbers) { $0[pair]?.values[20] = .infinity }
    },
    .init("an adapter that is cut", .gradients, says: [numbers, "cut short"]) {
      try $0.cut(numbers, keeping: 0.9)
    },
    .init("an adapter without a classifier", .gradients, says: ["classifier.weight"]) {
      try $0.changeTensors(in: numbers) { $0["base_model.model.classifier.weight"] = nil }
    },
  ]

  private static let vocabulary = "bert/vocab.txt"

  /// What is wrong with tokenizers.
  static let tokenizers: [MalformedInput] = [
    .init("no tokenizer", .classes, status: 66, says: ["bert", "vocab.txt", "give a folder"]) {
      try $0.remove(vocabulary)
    },
    .init("a vocabulary of another size", .classes, says: ["bert", "17 tokens", "15", "give"]) {
      let words = String(decoding: try $0.bytes(vocabulary), as: UTF8.self)
      try $0.write(words + "another\nmore\n", to: vocabulary)
    },
    .init("a word that is there twice", .classes, says: [vocabulary, "twice", "correct it"]) {
      let words = String(decoding: try $0.bytes(vocabulary), as: UTF8.self)
      try $0.write(words.replacing("plot", with: "film"), to: vocabulary)
    },
    .init("no unknown word", .classes, says: [vocabulary, "[UNK]", "correct it"]) {
      let words = String(decoding: try $0.bytes(vocabulary), as: UTF8.self)
      try $0.write(words.replacing("[UNK]", with: "[ANY]"), to: vocabulary)
    },
    .init("tokenizer.json is cut", .answers, says: ["llama/tokenizer.json", "byte", "JSON"]) {
      try $0.cut("llama/tokenizer.json", keeping: 0.7)
    },
    .init("an unknown model", .answers, says: ["llama/tokenizer.json", "WordLevel", "give"]) {
      try $0.set("model", to: ["type": "WordLevel", "vocab": ["a": 0]], in: "llama/tokenizer.json")
    },
    .init("an unknown normalizer", .answers, says: ["llama/tokenizer.json", "Nmt", "give"]) {
      try $0.set("normalizer", to: ["type": "Nmt"], in: "llama/tokenizer.json")
    },
    .init("a merge of nothing", .answers, says: ["llama/tokenizer.json", "merge 0", "correct it"]) {
      try $0.set(
        "model",
        to: ["type": "BPE", "vocab": ["<s>": 0, "</s>": 1, "a": 2, "b": 3], "merges": ["a b"]],
        in: "llama/tokenizer.json")
    },
  ]

  /// What is wrong with texts.
  static let texts: [MalformedInput] = [
    .init("no file", .classes, status: 66, says: ["train.jsonl", "does not exist"]) {
      try $0.remove("train.jsonl")
    },
    .init("no rows", .classes, says: ["train.jsonl", "no rows", "at least one"]) {
      try $0.write("", to: "train.jsonl")
    },
    .init("a line that is cut", .classes, says: ["train.jsonl", "byte"]) {
      try $0.cut("train.jsonl", keeping: 0.95)
    },
    .init("a field that is not there", .classes, says: ["row 1", "\"label\"", "name a field"]) {
      try $0.write(
        "{\"sentence\": \"good\", \"label\": 1}\n{\"sentence\": \"bad\"}\n", to: "train.jsonl")
    },
    .init("a text that is a list", .classes, says: ["row 0", "\"sentence\"", "correct it"]) {
      try $0.write("{\"sentence\": [\"good\"], \"label\": 1}\n", to: "train.jsonl")
    },
    .init("a label out of range", .gradients, says: ["train.jsonl", "row 1", "7", "0 ..< 2"]) {
      try $0.write(
        "{\"sentence\": \"good\", \"label\": 1}\n{\"sentence\": \"bad\", \"label\": 7}\n",
        to: "train.jsonl")
    },
    .init("texts of one class", .classes, says: ["train.jsonl", "the class yes", "two classes"]) {
      try $0.write("{\"sentence\": \"good\", \"label\": \"yes\"}\n", to: "train.jsonl")
    },
    .init("a class that the adapter cannot tell", .gradients, says: ["adapter", "numbers from 0"]) {
      try $0.write("{\"sentence\": \"good\", \"label\": \"yes\"}\n", to: "train.jsonl")
    },
    .init(
      "a length beyond the model's", .classes, "--max-length 17",
      says: ["17", "--max-length", "16"]),
    .init(
      "a length without room", .classes, "--max-length 2", says: ["row 0", "raise --max-length"]),
    .init(
      "an answer that is cut off", .answers, "--max-length 4",
      says: ["answers.jsonl", "within 4 tokens", "raise --max-length"]),
    .init("a text of no tokens", .answers, "--no-end", says: ["answers.jsonl", "row 1", "row"]) {
      try $0.write(
        "{\"prompt\": \"a\", \"answer\": \"b\"}\n{\"prompt\": \"\", \"answer\": \"\"}\n",
        to: "answers.jsonl")
    },
    .init(
      "a character that is in no token", .answers, says: ["answers.jsonl", "row 1", "remove it"]
    ) {
      try $0.write(
        "{\"prompt\": \"a\", \"answer\": \"b\"}\n{\"prompt\": \"a\", \"answer\": \"7\"}\n",
        to: "answers.jsonl")
    },
    .init(
      "a name that is there twice", .classes, "--id sentence", says: ["row 1", "row 0", "give"]
    ) {
      try $0.write(
        "{\"sentence\": \"good\", \"label\": 1}\n{\"sentence\": \"good\", \"label\": 0}\n",
        to: "train.jsonl")
    },
  ]
}
