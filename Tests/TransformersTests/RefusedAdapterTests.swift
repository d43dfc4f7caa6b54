import Foundation
import OrderedCollections
import TensorFiles
import TestSupport
import Testing
import Transformers

/// A folder of PEFT with something wrong, and the case of the error and the words that say so.
struct RefusedAdapter: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let expected: String
  let words: [String]
  let family: String
  let change: @Sendable (inout AdapterFolder) -> Void

  init(
    _ name: String, _ expected: String, _ words: String..., family: String = "llama",
    change: @escaping @Sendable (inout AdapterFolder) -> Void
  ) {
    self.init(name, expected, words: words, family: family, change: change)
  }

  private init(
    _ name: String, _ expected: String, words: [String], family: String,
    change: @escaping @Sendable (inout AdapterFolder) -> Void
  ) {
    (testDescription, self.expected, self.words) = (name, expected, words)
    (self.family, self.change) = (family, change)
  }

  /// A key of the configuration with another value, which the error names.
  static func key(
    _ key: String, _ value: OrderedJSON?, _ expected: String, _ words: String...,
    family: String = "llama"
  ) -> RefusedAdapter {
    let text = value.flatMap { try? $0.serialized() } ?? "absent"
    return RefusedAdapter("\(key) \(text)", expected, words: [key] + words, family: family) {
      $0.configuration[key] = value
    }
  }
}

/// The parts of an adapter's folder.
struct AdapterFolder {
  var configuration: OrderedDictionary<String, OrderedJSON>
  var tensors: OrderedDictionary<String, [Int]>
  var value: Float = 1
  var elementType = ElementType.float32
  /// What is left of the weights' bytes.
  var kept = 1.0
}

/// Folders that are refused.
@Suite("Refused adapters")
struct RefusedAdapterTests {
  static let wrongKeys: [RefusedAdapter] = [
    .key("peft_type", nil, "missingKey"),
    .key("peft_type", "IA3", "unsupported", "IA3", "LORA"),
    .key("peft_type", 7, "invalidKey"),
    .key("use_dora", true, "unsupported"),
    .key("bias", "lora_only", "unsupported", "lora_only", "none"),
    .key("bias", "all", "unsupported"),
    .key("lora_bias", true, "unsupported"),
    .key("fan_in_fan_out", true, "unsupported", "false"),
    .key("init_lora_weights", "pissa", "unsupported", "pissa", "gaussian"),
    .key("init_lora_weights", "loftq", "unsupported"),
    .key("megatron_config", ["a": 1], "unsupported"),
    .key("layer_replication", [[0, 1], [0, 2]], "unsupported"),
    .key("trainable_token_indices", [1, 2], "unsupported"),
    .key("alora_invocation_tokens", [3], "unsupported"),
    .key("target_parameters", ["q_proj.weight"], "unsupported"),
    .key("use_qalora", true, "unsupported"),
    .key("kasa_config", ["beta": 0.1], "unsupported"),
    .key("a_key_of_the_future", 1, "unsupported"),
    .key("r", 0, "invalidKey", "from 1"),
    .key("r", 2_147_483_648, "invalidKey"),
    .key("r", "8", "invalidKey"),
    .key("lora_alpha", -1, "invalidKey", "above 0"),
    .key("lora_dropout", 1, "invalidKey", "below 1"),
    .key("target_modules", nil, "missingKey"),
    .key("target_modules", ["q_proj", 7], "invalidKey"),
    .key("modules_to_save", [true], "invalidKey"),
    .key("rank_pattern", ["q_proj": "2"], "invalidKey"),
    .key("alpha_pattern", [1], "invalidKey"),
    .key("layers_to_transform", [-1], "invalidKey"),
    .key("task_type", "TOKEN_CLS", "unsupported", "SEQ_CLS, CAUSAL_LM"),
    .key("task_type", "SEQ_CLS", "noHead", "CAUSAL_LM"),
    .key("task_type", "CAUSAL_LM", "noHead", "SEQ_CLS", family: "bert"),
    .key("modules_to_save", ["lm_head"], "noHead", "lm_head"),
    .key("modules_to_save", ["query"], "noHead", "query", "classifier", family: "bert"),
  ]

  static let wrongWeights: [RefusedAdapter] = [
    .init("missing B", "missingTensor", "layers.1.self_attn.v_proj.lora_B.weight", "[8, 2]") {
      $0.tensors["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"] = nil
    },
    .init("missing classifier", "missingTensor", "classifier.bias", family: "bert") {
      $0.tensors["base_model.model.classifier.bias"] = nil
    },
    .init("another rank", "wrongShape", "[3, 12]", "[2, 12]") { $0.configuration["r"] = 3 },
    .init("a rank without end", "wrongShape", "2147483647") {
      $0.configuration["r"] = 2_147_483_647
    },
    .init("a larger model of the family", "wrongShape", "q_proj.lora_A", "[2, 16]") {
      $0.tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"] = [2, 16]
    },
    .init("a deeper model of the family", "otherModel", "layers.2.self_attn.q_proj", "llama") {
      $0.tensors["base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight"] = [2, 12]
    },
    .init("another family", "otherModel", "bert.encoder.layer.0.attention.self.query") {
      $0.tensors = [
        "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight": [2, 8]
      ]
    },
    .init("no prefix", "otherModel", "model.layers.0") {
      $0.tensors = ["model.layers.0.self_attn.q_proj.lora_A.weight": [2, 12]]
    },
    .init("a pair too many", "unexpectedTensor", "k_proj.lora_A") {
      $0.tensors["base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight"] = [2, 12]
    },
    .init("magnitudes of DoRA", "unexpectedTensor", "lora_magnitude_vector") {
      $0.tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"] = [24]
    },
    .init("nothing matches", "noMatch", "\"query\"", "self_attn.q_proj", "mlp.down_proj") {
      $0.configuration["target_modules"] = ["query"]
      $0.tensors = ["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": [2, 12]]
    },
    .init("all is excluded", "noMatch") { $0.configuration["exclude_modules"] = ".*" },
    .init("no targets", "noMatch") { $0.configuration["target_modules"] = [] },
    .init("layers that are not there", "noMatch") {
      $0.configuration["layers_to_transform"] = [2]
    },
    .init("a pair beside embeddings", "notAMap", "model.embed_tokens") {
      $0.configuration["target_modules"] = ["q_proj", "embed_tokens"]
    },
    .init("a pair beside the head", "notAMap", "lm_head") {
      $0.configuration["target_modules"] = ["q_proj", "lm_head"]
    },
    .init("a pair beside a classifier of other labels", "wrongShape", "[3, 2]", family: "bert") {
      $0.configuration["target_modules"] = ["classifier"]
      $0.configuration["task_type"] = nil
      $0.tensors = [
        "base_model.model.classifier.lora_A.weight": [2, 8],
        "base_model.model.classifier.lora_B.weight": [3, 2],
      ]
    },
    .init("layers beside an expression", "unsupported", "layers_to_transform") {
      $0.configuration["target_modules"] = ".*q_proj"
      $0.configuration["layers_to_transform"] = 1
    },
    .init("not a number", "notFinite", "row 0") { $0.value = .nan },
    .init("infinity", "notFinite") { $0.value = .infinity },
    .init("double precision", "unsupportedType", "F64", "F32, F16, BF16") {
      $0.elementType = .float64
    },
    .init("half of the file", "offsetsOutOfRange") { $0.kept = 0.8 },
    .init("a few bytes", "truncated") { $0.kept = 0.002 },
  ]

  static let wrongPatterns = [
    "(q_proj", "q_proj)", "[q", "*", "a**", "(?=q).*", "(?i).*Q_PROJ", "(?<!k)_proj", "(a)\\1",
    "a{5,2}",
    "((((a{999}){999}){999}){999})", "(){9999}{9999}", "((){9999}){9999}", "\\pL", "[z-a]",
    "[^\\W]", "a\\",
    String(repeating: "(", count: 100_000) + String(repeating: ")", count: 100_000),
    String(repeating: "a", count: 10_001),
  ]

  private let model: TemporaryDirectory
  private let folder: TemporaryDirectory

  init() throws {
    model = try TemporaryDirectory()
    folder = try TemporaryDirectory()
  }

  private func write(_ family: String, _ change: (inout AdapterFolder) -> Void) throws {
    let checkpoint = try adaptedModel(family, in: model)
    let names = ["llama": ["q_proj", "v_proj"], "gpt2": ["c_attn"]][family] ?? ["query"]
    let task = family == "bert" ? "SEQ_CLS" : "CAUSAL_LM"
    let adapter = try Adapter(
      for: checkpoint,
      configuration: LoRAConfiguration(
        rank: 2, targets: .names(names), task: .init(rawValue: task)), seed: 0)
    try adapter.write(to: folder.url)
    let configuration = try OrderedJSON(contentsOf: folder.file("adapter_config.json"))
    let file = try SafetensorsFile(opening: folder.file("adapter_model.safetensors"))
    var parts = AdapterFolder(
      configuration: configuration.object ?? [:], tensors: file.tensors.mapValues(\.shape))
    // Unchanged, it opens.
    _ = try Adapter(opening: folder.url, for: checkpoint)
    change(&parts)
    try folder.write(
      OrderedJSON.object(parts.configuration).serialized(), to: "adapter_config.json")
    let url = folder.file("adapter_model.safetensors")
    var writer = try SafetensorsWriter(
      at: url,
      tensors: parts.tensors.map {
        .init(name: $0, elementType: parts.elementType, shape: $1)
      })
    for shape in parts.tensors.values {
      let values = [Float](repeating: parts.value, count: shape.reduce(1, *))
      try writer.append(values.span)
    }
    try writer.commit()
    let bytes = try Data(contentsOf: url)
    try bytes.prefix(Int(Double(bytes.count) * parts.kept)).write(to: url)
  }

  private func refused(_ name: String, _ words: [String]) throws {
    let checkpoint = try Checkpoint(opening: model.url)
    do {
      _ = try Adapter(opening: folder.url, for: checkpoint)
      Issue.record("the folder was opened")
    } catch {
      #expect(caseName(error) == name, "\(error)")
      #expect(error is AdapterError || error is TransformerError || error is TensorFileError)
      for word in words { #expect("\(error)".contains(word), "\(word) in: \(error)") }
    }
  }

  @Test("what PEFT may say and is not computed here", arguments: wrongKeys)
  func key(_ refused: RefusedAdapter) throws {
    try write(refused.family, refused.change)
    try self.refused(refused.expected, refused.words)
  }

  @Test("weights that do not go with the configuration or the model", arguments: wrongWeights)
  func weights(_ refused: RefusedAdapter) throws {
    try write(refused.family, refused.change)
    try self.refused(refused.expected, refused.words)
  }

  @Test("expressions that are none, or are too long", arguments: wrongPatterns.indices)
  func pattern(index: Int) throws {
    let pattern = Self.wrongPatterns[index]
    try write("llama") { $0.configuration["target_modules"] = .string(pattern) }
    try refused("invalidPattern", ["target_modules"])
    try write("llama") { $0.configuration["rank_pattern"] = [pattern: 2] }
    try refused("invalidPattern", ["rank_pattern"])
  }

  @Test("a damaged file of our own")
  func damage() throws {
    let checkpoint = try adaptedModel("llama", in: model)
    let adapter = try Adapter(
      for: checkpoint, configuration: LoRAConfiguration(rank: 2, targets: .names(["q_proj"])),
      seed: 0)
    try adapter.write(to: folder.url)
    let url = folder.file("adapter_model.safetensors")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 3] ^= 1
    try bytes.write(to: url)
    try refused("wrongChecksum", [])
  }

  @Test("folders without one of the files")
  func files() throws {
    _ = try adaptedModel("llama", in: model)
    try refused("notAnAdapter", ["adapter_config.json"])
    try folder.write(
      "{\"peft_type\": \"LORA\", \"target_modules\": [\"q_proj\"]}", to: "adapter_config.json")
    try refused("notAnAdapter", ["there is no adapter_model.safetensors"])
    try folder.write("pickle", to: "adapter_model.bin")
    try refused("notAnAdapter", ["adapter_model.bin is not read"])
    try folder.write("[]", to: "adapter_config.json")
    try folder.write("", to: "adapter_model.safetensors")
    try refused("invalidKey", ["an object"])
    try folder.write("{", to: "adapter_config.json")
    try refused("malformedJSON", [])
  }

  @Test("settings out of their ranges, and names of no map")
  func settings() throws {
    let checkpoint = try adaptedModel("bert", in: model)
    func refused(
      _ name: String, labels: Int? = nil, _ change: (inout LoRAConfiguration) -> Void
    ) {
      var configuration = LoRAConfiguration(targets: .names(["query"]), task: .classification)
      change(&configuration)
      let error = #expect(throws: AdapterError.self) {
        try Adapter(
          for: checkpoint, configuration: configuration, labelCount: labels, seed: 0)
      }
      #expect(error.map(caseName) == name)
    }
    refused("invalidSetting") { $0.rank = 0 }
    refused("invalidSetting") { $0.rankPattern = ["query": -1] }
    refused("invalidSetting") { $0.alpha = .nan }
    refused("invalidSetting") { $0.dropout = 1 }
    refused("invalidSetting", labels: 0) { _ in }
    refused("invalidSetting", labels: 2_000_000) { _ in }
    refused("tooLarge") { $0.rank = 2_147_483_647 }
    refused("noMatch") { $0.targets = .names(["query", "vlaue"]) }
    refused("notAMap") { $0.targets = .names(["query", "LayerNorm"]) }
    refused("noHead") { $0.task = .languageModel }
  }
}
