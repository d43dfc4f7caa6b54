import Foundation
import OrderedCollections
import TensorFiles

extension LoRAConfiguration {
  /// The file that holds a configuration.
  static let fileName = "adapter_config.json"
  /// What PEFT calls a list of targets without any, for adapters that are a head alone.
  fileprivate static let noTargets = "dummy-target-modules"

  /// Keys that change nothing of what an adapter computes, whatever their values.
  private static let harmlessKeys: Set = [
    "auto_mapping", "eva_config", "inference_mode", "loftq_config", "megatron_core", "peft_version",
    "qalora_group_size", "revision", "runtime_config",
  ]
  /// Keys that are read below.
  private static let knownKeys: Set = [
    "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules",
    "modules_to_save", "use_rslora", "rank_pattern", "alpha_pattern", "layers_to_transform",
    "layers_pattern", "task_type", "base_model_name_or_path", "fan_in_fan_out",
    "init_lora_weights", "bias",
  ]
  /// Ways to begin that leave the weights of the model as they are.
  private static let initializations: [OrderedJSON] = [
    true, false, "gaussian", "eva", "orthogonal",
  ]

  /// Reads `adapter_config.json`.
  ///
  /// - Parameter storesTransposed: Whether the model stores its maps with a row for each input.
  /// - Throws: ``TransformerError``, with the key's name, for what would be computed otherwise, or a value out of its
  ///   range; `TensorFileError` where the file is no JSON.
  init(reading url: URL, storesTransposed: Bool) throws {
    let json = try OrderedJSON(contentsOf: url)
    guard let members = json.object else {
      throw TransformerError.invalidKey(
        path: url.path, key: "adapter", expected: "an object", found: json.kind)
    }
    let keys = ConfigurationKeys(path: url.path, values: members)
    let type = try keys.text("peft_type")
    guard type == "LORA" else {
      throw keys.unsupported("peft_type", found: type, supported: "LORA")
    }
    for (key, value) in members
    where !Self.knownKeys.contains(key) && !Self.harmlessKeys.contains(key) && !value.isEmpty {
      throw keys.unsupported(
        key, found: (try? value.serialized()) ?? value.kind, supported: "nothing there")
    }
    try keys.require("bias", toBe: "none")
    if !storesTransposed { try keys.require("fan_in_fan_out", toBe: false) }
    if let way = keys.value("init_lora_weights"), !Self.initializations.contains(way) {
      throw keys.unsupported(
        "init_lora_weights", found: (try? way.serialized()) ?? way.kind,
        supported: Self.initializations.compactMap { try? $0.serialized() }.joined(separator: ", "))
    }
    guard let targets = try keys.targets("target_modules") else {
      throw TransformerError.missingKey(path: url.path, key: "target_modules")
    }
    self.init(
      rank: try keys.count("r", default: 8), alpha: try keys.positive("lora_alpha", default: 8),
      targets: targets, exclusions: try keys.targets("exclude_modules") ?? .names([]),
      modulesToSave: try keys.names("modules_to_save") ?? [],
      usesRankStabilizedScale: try keys.flag("use_rslora", default: false),
      layerNames: try keys.names("layers_pattern") ?? [],
      baseModel: keys.value("base_model_name_or_path")?.string)
    if let json = keys.value("lora_dropout") {
      guard let dropout = json.number, (0..<1).contains(dropout) else {
        throw keys.invalid("lora_dropout", expected: "a number from 0 to below 1", found: json)
      }
      self.dropout = dropout
    }
    if let patterns = try keys.object("rank_pattern") {
      for key in members["rank_pattern"]?.object?.keys ?? [] {
        rankPattern[key] = try patterns.count(key)
      }
    }
    if let patterns = try keys.object("alpha_pattern") {
      for key in members["alpha_pattern"]?.object?.keys ?? [] {
        alphaPattern[key] = try patterns.positive(key)
      }
    }
    self.storesTransposed = storesTransposed
    layers = try keys.layers("layers_to_transform")
    if case .pattern = self.targets, layers != nil || !layerNames.isEmpty {
      throw keys.unsupported(
        "layers_to_transform", found: "there beside a regular expression of targets",
        supported: "it beside a list of targets")
    }
    if keys.has("task_type") {
      let name = try keys.text("task_type")
      guard let task = Task(rawValue: name) else {
        throw keys.unsupported(
          "task_type", found: name,
          supported: Task.allCases.map(\.rawValue).joined(separator: ", "))
      }
      self.task = task
    }
  }

  /// What PEFT reads.
  ///
  /// - Parameter targets: The maps with pairs, for targets that PEFT would take for more than these.
  func json(targets modules: [String]) -> OrderedJSON {
    func json(_ targets: Targets, whenEmpty empty: OrderedJSON) -> OrderedJSON {
      switch targets {
      case .names(let names): names.isEmpty ? empty : .list(names)
      case .pattern(let text): .string(text)
      case .allLinear: .list(modules)
      }
    }
    return [
      "peft_type": "LORA",
      "task_type": .text(task?.rawValue),
      "base_model_name_or_path": .text(baseModel),
      "r": .integer(rank),
      "lora_alpha": .wholeOrFraction(alpha),
      "lora_dropout": .number(dropout),
      "target_modules": json(
        modules.isEmpty ? .names([]) : targets, whenEmpty: .string(Self.noTargets)),
      "exclude_modules": json(exclusions, whenEmpty: .null),
      "modules_to_save": modulesToSave.isEmpty ? .null : .list(modulesToSave),
      "use_rslora": .boolean(usesRankStabilizedScale),
      "rank_pattern": .object(rankPattern.mapValues { .integer($0) }),
      "alpha_pattern": .object(alphaPattern.mapValues { .wholeOrFraction($0) }),
      "layers_to_transform": layers.map { .array($0.map { .integer($0) }) } ?? .null,
      "layers_pattern": layerNames.isEmpty ? .null : .list(layerNames),
      "fan_in_fan_out": .boolean(storesTransposed),
      "bias": "none",
      "init_lora_weights": true,
      "inference_mode": true,
    ]
  }
}

extension ConfigurationKeys {
  /// A list of strings, or one string in its place.
  fileprivate func names(_ key: String) throws -> [String]? {
    guard let json = value(key) else { return nil }
    let names = (json.array ?? [json]).compactMap(\.string)
    guard names.count == json.array?.count ?? 1 else {
      throw invalid(key, expected: "strings", found: json)
    }
    return names
  }

  fileprivate func targets(_ key: String) throws -> LoRAConfiguration.Targets? {
    guard let json = value(key) else { return nil }
    guard let text = json.string else { return try names(key).map { .names($0) } }
    guard key == "target_modules" else { return .pattern(text) }
    switch text.lowercased() {
    case LoRAConfiguration.Targets.allLinearName: return .allLinear
    case LoRAConfiguration.noTargets: return .names([])
    default: return .pattern(text)
    }
  }

  /// Numbers of layers, or one number in their place; nil for none, which means all.
  fileprivate func layers(_ key: String) throws -> [Int]? {
    guard let json = value(key) else { return nil }
    let layers = (json.array ?? [json]).compactMap(\.integer)
    guard layers.count == json.array?.count ?? 1, layers.allSatisfy({ $0 >= 0 }) else {
      throw invalid(key, expected: "numbers of layers from 0", found: json)
    }
    return layers.isEmpty ? nil : layers
  }
}

extension OrderedJSON {
  /// Whether there is nothing: null, false, or an empty string, array or object.
  fileprivate var isEmpty: Bool {
    [.null, false, "", .array([]), .object([:])].contains(self)
  }

  /// A number without a fraction where it has none, as PEFT writes it.
  fileprivate static func wholeOrFraction(_ value: Double) -> OrderedJSON {
    Int(exactly: value).map { .integer($0) } ?? .number(value)
  }
}
