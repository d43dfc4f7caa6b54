import Foundation
import Gradients
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing
import Transformers

/// The small model that `scripts/oracles/adapters.py` adapts.
///
/// - Parameter labels: The labels of its classifier, if it has one.
func adaptedModel(
  _ family: String, labels: Int = 2, in folder: TemporaryDirectory
) throws -> Checkpoint {
  let entry = try #require(FolderModel.families.first { $0.family.name == family })
  let configuration = entry.configuration.adding(["num_labels": .integer(labels)])
  try FolderModel(entry.family, configuration).write(to: folder)
  return try Checkpoint(opening: folder.url)
}

/// Adapters that PEFT wrote, and adapters of our own.
@Suite("Adapters")
struct AdapterTests {
  private let folder: TemporaryDirectory
  private let output: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    output = try TemporaryDirectory()
  }

  @Test("PEFT's folders, read and written again", arguments: ["bert", "roberta", "llama", "gpt2"])
  func peft(family: String) throws {
    let checkpoint = try adaptedModel(family, in: folder)
    let source = try fixture("adapters/\(family)")
    let adapter = try Adapter(opening: source, for: checkpoint)
    try expectPairs(OrderedJSON(contentsOf: source.appending(path: "expected.json")), of: adapter)
    let stored = try SafetensorsFile(opening: source.appending(path: "adapter_model.safetensors"))
    #expect(Set(adapter.layout.blocks.map(\.name)) == Set(stored.tensors.keys))
    for (block, parameter) in zip(adapter.layout.blocks, adapter.parameters) {
      #expect(block.shape == stored.tensors[block.name]?.shape)
      #expect(try stored.matrix(block.name) == parameter)
    }
    #expect(adapter.tensors.map(\.shape).last == (family.contains("bert") ? [3] : nil))

    try adapter.write(to: output.file("again"))
    let again = try Adapter(opening: output.file("again"), for: checkpoint)
    #expect(again.modules == adapter.modules && again.tensors == adapter.tensors)
    #expect(again.parameters == adapter.parameters)
    #expect(again.configuration == adapter.configuration)
    let written = try OrderedJSON(contentsOf: output.file("again/adapter_config.json"))
    let original = try OrderedJSON(contentsOf: source.appending(path: "adapter_config.json"))
    for (key, value) in try #require(written.object) {
      let wanted = try #require(original[key])
      let isList = key == "layers_pattern" && wanted == "h" && value == ["h"]
      #expect(value == wanted || value.number == wanted.number && value.number != nil || isList)
    }
  }

  private func expectPairs(_ expected: OrderedJSON, of adapter: Adapter) throws {
    let pairs = try #require(expected.object)
    #expect(Set(pairs.keys) == Set(adapter.modules.map(\.name)))
    for module in adapter.modules {
      let pair = try #require(pairs[module.name])
      #expect(module.rank == pair["rank"]?.integer && module.scale == pair["scale"]?.number)
      #expect(module.inputs == pair["inputs"]?.integer)
      #expect(module.outputs == pair["outputs"]?.integer)
    }
  }

  @Test("rules of PEFT: lists, expressions, ranks, layers, exclusions", arguments: 0..<24)
  func rules(index: Int) throws {
    let rules = try #require(OrderedJSON(contentsOf: fixture("adapters/rules.json")).array)
    #expect(rules.count == 24)
    let rule = rules[index]
    let checkpoint = try adaptedModel(#require(rule["family"]?.string), labels: 3, in: folder)
    var tensors: [SafetensorsWriter.Declaration] = []
    for (name, pair) in try #require(rule["pairs"]?.object) {
      func size(_ key: String) throws -> Int { try #require(pair[key]?.integer) }
      let name = "base_model.model.\(name)"
      tensors += [
        .init(
          name: "\(name).lora_A.weight", elementType: .float32,
          shape: [try size("rank"), try size("inputs")]),
        .init(
          name: "\(name).lora_B.weight", elementType: .float32,
          shape: [try size("outputs"), try size("rank")]),
      ]
    }
    for (name, shape) in try #require(rule["heads"]?.object) {
      tensors.append(
        .init(
          name: name, elementType: .float32, shape: (shape.array ?? []).compactMap(\.integer)))
    }
    var writer = try SafetensorsWriter(
      at: output.file("adapter_model.safetensors"), tensors: tensors)
    for tensor in tensors {
      let values = [Float](repeating: 1, count: tensor.shape.reduce(1, *))
      try writer.append(values.span)
    }
    try writer.commit()
    try output.write(
      #require(rule["configuration"]).serialized(), to: "adapter_config.json")
    let adapter = try Adapter(opening: output.url, for: checkpoint)
    try expectPairs(#require(rule["pairs"]), of: adapter)
    #expect(Set(adapter.layout.blocks.map(\.name)) == Set(tensors.map(\.name)))
    // One that is made anew by the same settings has the same parts.
    let new = try Adapter(
      for: checkpoint, configuration: adapter.configuration, seed: 1)
    #expect(new.layout == adapter.layout && new.modules == adapter.modules)
  }

  @Test("regular expressions describe the names that they describe to Python")
  func patterns() throws {
    let checkpoint = try adaptedModel("llama", in: folder)
    let cases = try #require(OrderedJSON(contentsOf: fixture("adapters/patterns.json")).array)
    #expect(cases.count == 37)
    // Python was asked about linear maps alone.
    let others = LoRAConfiguration.Targets.pattern(".*norm|.*embed_tokens|lm_head")
    // Python would need time without end for this one.
    let slow: OrderedJSON = [
      "(.*.*)*o_proj", ["model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj"],
    ]
    for entry in cases + [slow] {
      let pattern = try #require(entry.array?.first?.string)
      let expected = try #require(entry.array?.last?.array).compactMap(\.string)
      let configuration = LoRAConfiguration(
        rank: 1, targets: .pattern(pattern), exclusions: others)
      do {
        let adapter = try Adapter(for: checkpoint, configuration: configuration, seed: 0)
        #expect(adapter.modules.map(\.name) == expected, "\(pattern)")
      } catch AdapterError.noMatch {
        #expect(expected.isEmpty, "\(pattern)")
      }
    }
  }

  @Test("a new adapter begins as PEFT's do", arguments: ["bert", "roberta", "llama", "gpt2"])
  func new(family: String) throws {
    let checkpoint = try adaptedModel(family, in: folder)
    let isEncoder = family.contains("bert")
    let adapter = try adapter(family, checkpoint, seed: 3)
    #expect(adapter.modules.count == (["llama": 14, "bert": 13, "roberta": 12, "gpt2": 8][family]))
    #expect(adapter.modules.allSatisfy { $0.rank == 40 && $0.scale == 0.4 })
    for (index, module) in adapter.modules.enumerated() {
      let (a, b) = (adapter.parameters[2 * index], adapter.parameters[2 * index + 1])
      #expect(a.rows == 40 && a.columns == module.inputs)
      #expect(b.rows == module.outputs && b.elements.allSatisfy { $0 == 0 })
      let most = 1 / Float(module.inputs).squareRoot()
      #expect(a.elements.allSatisfy { $0.magnitude <= most })
      // Of at least 320 numbers, some come near the ends, and the mean square is a third of most².
      #expect(a.elements.contains { $0 > 0.9 * most } && a.elements.contains { $0 < -0.9 * most })
      let meanSquare = a.elements.reduce(0) { $0 + $1 * $1 } / Float(a.elements.count)
      #expect((meanSquare / (most * most) - 1.0 / 3).magnitude < 0.1)
    }
    if isEncoder {
      #expect(adapter.tensors.last?.shape == [5])
      let head = adapter.parameters.suffix(2)
      #expect(head.first?.elements.contains { $0 != 0 } == true)
      #expect(head.last?.elements == [0, 0, 0, 0, 0])
    }
    #expect(try self.adapter(family, checkpoint, seed: 3).parameters == adapter.parameters)
    #expect(try self.adapter(family, checkpoint, seed: 4).parameters[0] != adapter.parameters[0])
    let first = adapter.parameters.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    #expect(Set(first.prefix(adapter.modules.count).map(\.elements)).count == adapter.modules.count)

    // Held against PEFT by `scripts/oracles/adapters.py check`, where they are kept.
    var place = output.url
    if let path = ProcessInfo.processInfo.environment["INFLUENCE_WRITTEN_ADAPTERS"] {
      place = URL(filePath: path).appending(path: family)
      let model = URL(filePath: path).appending(path: "\(family)-model")
      for url in [place, model] { try? FileManager.default.removeItem(at: url) }
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: folder.url, to: model)
    }
    try adapter.write(to: place)
    let again = try Adapter(opening: place, for: checkpoint)
    #expect(again.parameters == adapter.parameters && again.modules == adapter.modules)
    #expect(again.configuration.targets == .names(adapter.modules.map(\.name)))
    #expect(again.configuration.baseModel == "tiny")
  }

  private func adapter(
    _ family: String, _ checkpoint: Checkpoint, seed: UInt64
  ) throws -> Adapter {
    let isEncoder = family.contains("bert")
    return try Adapter(
      for: checkpoint,
      configuration: LoRAConfiguration(
        rank: 40, targets: .allLinear, task: isEncoder ? .classification : .languageModel,
        baseModel: "tiny"),
      labelCount: isEncoder ? 5 : nil, seed: seed)
  }

  @Test("the head is the checkpoint's where it has one of that many labels")
  func head() throws {
    let checkpoint = try adaptedModel("bert", in: folder)
    let configuration = LoRAConfiguration(
      targets: .names(["query"]), modulesToSave: ["classifier"])
    let adapter = try Adapter(for: checkpoint, configuration: configuration, seed: 0)
    #expect(adapter.tensors.map(\.name) == ["classifier.weight", "classifier.bias"])
    #expect(try adapter.parameters[4] == checkpoint.matrix("classifier.weight"))
    #expect(try adapter.parameters[5] == checkpoint.matrix("classifier.bias"))
    let more = try Adapter(
      for: checkpoint, configuration: configuration, labelCount: 3, seed: 0)
    #expect(more.tensors.map(\.shape) == [[3, 8], [3]])
    let without = try Adapter(
      for: checkpoint, configuration: LoRAConfiguration(targets: .names(["query"])), seed: 0)
    #expect(without.tensors.isEmpty)
  }

  @Test("a head alone, and modules without a configuration")
  func parts() throws {
    let checkpoint = try adaptedModel("roberta", in: folder)
    let head = try Adapter(
      for: checkpoint,
      configuration: LoRAConfiguration(targets: .names([]), task: .classification), seed: 0)
    #expect(head.modules.isEmpty && head.tensors.count == 4)
    try head.write(to: output.file("head"))
    #expect(
      try Adapter(opening: output.file("head"), for: checkpoint).parameters == head.parameters)
    let modules = [
      Adapter.Module(
        name: "roberta.encoder.layer.1.attention.self.key", inputs: 8, outputs: 8, rank: 2,
        scale: 0.75),
      Adapter.Module(
        name: "roberta.encoder.layer.1.output.dense", inputs: 12, outputs: 8, rank: 3, scale: 2),
    ]
    let adapter = Adapter(
      modules: modules, tensors: [],
      parameters: [.zeros(2, 8), .zeros(8, 2), .zeros(3, 12), .zeros(8, 3)])
    try adapter.write(to: output.file("modules"))
    #expect(try Adapter(opening: output.file("modules"), for: checkpoint).modules == modules)
  }

  @Test("targets as people write them")
  func targets() {
    #expect(LoRAConfiguration.Targets(parsing: "query,value") == .names(["query", "value"]))
    #expect(LoRAConfiguration.Targets(parsing: "mlp.c_proj") == .names(["mlp.c_proj"]))
    #expect(LoRAConfiguration.Targets(parsing: "All-Linear") == .allLinear)
    #expect(LoRAConfiguration.Targets(parsing: ".*_proj") == .pattern(".*_proj"))
    #expect(LoRAConfiguration.Targets(parsing: "a{1,2}") == .pattern("a{1,2}"))
    #expect(LoRAConfiguration.Targets(parsing: "a,") == .pattern("a,"))
  }
}
