import Foundation
import OrderedCollections
import TensorFiles
import TestSupport
import Testing
import Transformers

/// A folder with something wrong, and the case of the error and the words that say so.
struct RefusedFolder: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let expected: String
  let words: [String]
  let family: Int
  let change: @Sendable (inout FolderModel) -> Void

  init(
    _ name: String, _ expected: String, _ words: String..., family: Int = 2,
    change: @escaping @Sendable (inout FolderModel) -> Void
  ) {
    self.init(name, expected, words: words, family: family, change: change)
  }

  private init(
    _ name: String, _ expected: String, words: [String], family: Int,
    change: @escaping @Sendable (inout FolderModel) -> Void
  ) {
    (testDescription, self.expected, self.words) = (name, expected, words)
    (self.family, self.change) = (family, change)
  }

  /// A key of the configuration with another value; the error names the key unless it is about one inside.
  static func key(
    _ key: String, _ value: OrderedJSON?, _ expected: String, _ words: String..., family: Int = 2,
    about named: String? = nil
  ) -> RefusedFolder {
    let text = value.flatMap { try? $0.serialized() } ?? "absent"
    return RefusedFolder(
      "\(key) \(text)", expected, words: ["config.json", "\"\(named ?? key)\""] + words,
      family: family
    ) { $0.set(key, value) }
  }

  static let keys: [RefusedFolder] = [
    .key("model_type", nil, "missingKey"),
    .key("model_type", 3, "invalidKey", "expected a string"),
    .key("model_type", "mamba", "unsupported", "bert, roberta, llama, mistral, qwen2, gpt2"),
    .key("architectures", ["LlamaForTokenClassification"], "unsupported", "LlamaForCausalLM"),
    .key("architectures", "LlamaForCausalLM", "invalidKey"),
    .key("architectures", ["BertForTokenClassification"], "unsupported", family: 0),
    .key("quantization_config", ["quant_method": "gptq"], "unsupported", "gptq"),
    .key("hidden_size", nil, "missingKey"),
    .key("hidden_size", "12", "invalidKey", "an integer from 1"),
    .key("hidden_size", 12.5, "invalidKey"),
    .key("hidden_size", 0, "invalidKey"),
    .key("hidden_size", -12, "invalidKey"),
    .key("num_hidden_layers", 4_294_967_296, "invalidKey", "2^31 - 1"),
    .key("num_attention_heads", 5, "invalidKey", "divisor", family: 0),
    .key("num_key_value_heads", 4, "invalidKey", "divisor of the 6 heads"),
    .key("head_dim", 3, "invalidKey", "even"),
    .key("rms_norm_eps", nil, "missingKey"),
    .key("rms_norm_eps", 0, "invalidKey", "above 0"),
    .key("rope_theta", -1, "invalidKey"),
    .key(
      "rope_scaling", ["rope_type": "yarn", "factor": 2], "unsupported", "yarn", "llama3",
      about: "rope_scaling.rope_type"),
    .key(
      "rope_scaling", ["type": "dynamic", "factor": 2], "unsupported", "dynamic",
      about: "rope_scaling.type"),
    .key(
      "rope_scaling", ["type": "linear"], "missingKey", about: "rope_scaling.factor"),
    .key("rope_scaling", ["factor": 2], "missingKey", about: "rope_scaling.rope_type"),
    .key("rope_scaling", "linear", "invalidKey", "an object"),
    .key("partial_rotary_factor", 0.5, "unsupported"),
    .key("hidden_act", "gelu_fast", "unsupported", "gelu_fast"),
    .key("hidden_act", nil, "missingKey"),
    .key("sliding_window", 32, "unsupported", "the 64 positions"),
    .key("layer_types", ["full_attention", "sliding_attention"], "unsupported", family: 3),
    .key("tie_word_embeddings", "yes", "invalidKey", "true or false"),
    .key("num_local_experts", 8, "unsupported"),
    .key("bos_token_id", 20, "invalidKey", "below the vocabulary's size 20"),
    .key("eos_token_id", ["2"], "invalidKey"),
    .key("position_embedding_type", "relative_key", "unsupported", "absolute", family: 0),
    .key("is_decoder", true, "unsupported", family: 0),
    .key("problem_type", "multi_label_classification", "unsupported", family: 0),
    .key("id2label", ["0": "a", "2": "c"], "invalidKey", "none for 1", family: 0),
    .key("id2label", ["0": 1], "invalidKey", family: 0),
    .key("num_labels", 2_000_000, "invalidKey", family: 0),
    .key("scale_attn_by_inverse_layer_idx", true, "unsupported", family: 4),
    .key("n_embd", nil, "missingKey", family: 4),
  ]

  static let weights: [RefusedFolder] = [
    .init("mistral that does not say its window", "unsupported", "sliding_window", "4096") {
      $0.set("model_type", "mistral")
      $0.set("architectures", nil)
      $0.set("max_position_embeddings", 8192)
    },
    .init("missing tensor", "missingTensor", "model.layers.1.mlp.up_proj.weight", "[10, 12]") {
      $0.tensors["model.layers.1.mlp.up_proj.weight"] = nil
    },
    .init("missing head", "missingTensor", "lm_head.weight", "[20, 12]") {
      $0.tensors["lm_head.weight"] = nil
    },
    .init("half a classifier", "missingTensor", "classifier.bias", "[2]", family: 0) {
      $0.tensors["classifier.bias"] = nil
    },
    .init("no biases", "missingTensor", "q_proj.bias", family: 3) {
      $0.tensors = $0.tensors.filter { !$0.key.hasSuffix("q_proj.bias") }
    },
    .init("layers without end", "missingTensor", "model.layers.2.") {
      $0.set("num_hidden_layers", 2_147_483_647)
    },
    .init("sizes without end", "wrongShape", "model.embed_tokens.weight", "2147483647") {
      $0.set("vocab_size", 2_147_483_647)
    },
    .init("wrong shape", "wrongShape", "k_proj", "[12, 8]", "[8, 12]") {
      $0.tensors["model.layers.0.self_attn.k_proj.weight"] = [12, 8]
    },
    .init("a vector for a matrix", "wrongShape", "o_proj", "[288]") {
      $0.tensors["model.layers.0.self_attn.o_proj.weight"] = [288]
    },
    .init("classifier of other labels", "wrongShape", "classifier.weight", "[3, 8]", family: 0) {
      $0.set("num_labels", 3)
    },
    .init("double precision", "unsupportedType", "F64", "F32, F16, BF16") {
      $0.elementType = .float64
    },
    .init("one tensor under two names", "repeatedTensor", "gamma", "weight", family: 0) {
      $0.tensors["bert.embeddings.LayerNorm.gamma"] = [8]
    },
  ]
}

@Suite("Folders that are refused")
struct RefusedFolderTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func refused(_ expected: String, _ words: [String]) throws {
    let error = try #require(throws: (any Error).self) { _ = try Checkpoint(opening: folder.url) }
    #expect(error is TransformerError || error is TensorFileError)
    #expect(caseName(error) == expected, "\(error)")
    #expect("\(error)".hasPrefix(folder.path), "\(error)")
    for word in words { #expect("\(error)".contains(word), "\(error)") }
  }

  @Test("what is wrong is said", arguments: RefusedFolder.keys + RefusedFolder.weights)
  func refused(case wrong: RefusedFolder) throws {
    let (family, configuration) = FolderModel.families[wrong.family]
    var model = try FolderModel(family, configuration)
    wrong.change(&model)
    try model.write(to: folder)
    try refused(wrong.expected, wrong.words)
  }

  @Test(
    "files that are missing, cut short or of another kind",
    arguments: [
      ("config.json", "", "notACheckpoint", "no config.json"),
      ("config.json", "[1]", "invalidKey", "an object"),
      ("config.json", "{\"model_type\": ", "malformedJSON", "config.json"),
      ("model.safetensors", "", "notACheckpoint", "neither model.safetensors nor"),
      ("model.safetensors", "12345678{}", "headerTooLong", "model.safetensors"),
    ])
  func files(name: String, text: String, expected: String, words: String) throws {
    try FolderModel(Llama.self, FolderModel.llama).write(to: folder)
    try FileManager.default.removeItem(at: folder.file(name))
    if !text.isEmpty { try folder.write(text, to: name) }
    try refused(expected, [words])
  }

  @Test("weights cut short")
  func truncated() throws {
    try FolderModel(Llama.self, FolderModel.llama).write(to: folder)
    let bytes = try Data(contentsOf: folder.file("model.safetensors"))
    for count in [0, 7, 100, bytes.count / 2, bytes.count - 1] {
      try folder.write(bytes.prefix(count), to: "model.safetensors")
      let error = try #require(throws: TensorFileError.self) {
        _ = try Checkpoint(opening: folder.url)
      }
      #expect(error.path == folder.file("model.safetensors").path)
    }
  }

  @Test(
    "shards that are missing, or do not agree with the index",
    arguments: [
      ("missing", "notFound", "part-2.safetensors"),
      ("twice", "invalidField", "both in"),
      ("elsewhere", "invalidField", "which does not hold it"),
      ("path", "invalidField", "the name of a file beside the index"),
      ("no places", "invalidField", "weight_map"),
      ("not text", "invalidField", "found an integer"),
    ])
  func shards(name: String, expected: String, words: String) throws {
    var model = try FolderModel(Llama.self, FolderModel.llama)
    let moved = "model.norm.weight"
    model.shards[moved] = "part-2.safetensors"
    try model.write(to: folder)
    func index(_ place: OrderedJSON) throws {
      var places = model.tensors.mapValues { _ in OrderedJSON.string("part-1.safetensors") }
      places[moved] = place
      let index: OrderedJSON = ["weight_map": .object(places)]
      try folder.write(index.serialized(), to: "model.safetensors.index.json")
    }
    switch name {
    case "missing": try FileManager.default.removeItem(at: folder.file("part-2.safetensors"))
    case "twice":
      let first = try Data(contentsOf: folder.file("part-1.safetensors"))
      try folder.write(first, to: "part-2.safetensors")
      try index("part-1.safetensors")
      model.tensors["model.embed_tokens.weight"] = nil
      try folder.write(
        "{\"weight_map\": {\"model.embed_tokens.weight\": \"part-2.safetensors\", "
          + model.tensors.keys.filter { $0 != moved }
          .map { "\"\($0)\": \"part-1.safetensors\"" }.joined(separator: ", ") + "}}",
        to: "model.safetensors.index.json")
    case "elsewhere": try index("part-1.safetensors")
    case "path": try index("../part-2.safetensors")
    case "no places": try folder.write("{}", to: "model.safetensors.index.json")
    default: try index(7)
    }
    try refused(expected, [words])
  }

  @Test("what is no checkpoint at all")
  func others() throws {
    let text = try folder.write("hello", to: "a.txt")
    let error = #expect(throws: TransformerError.self) { _ = try Checkpoint(opening: text) }
    #expect(error.map(caseName) == "notACheckpoint")
    #expect(throws: TensorFileError.notFound(path: folder.file("none").path)) {
      _ = try Checkpoint(opening: folder.file("none"))
    }
  }
}
