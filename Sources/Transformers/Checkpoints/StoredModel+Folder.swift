import Foundation
import OrderedCollections
import TensorFiles

extension StoredModel {
  /// Reads a folder of Hugging Face: `config.json`, and `model.safetensors` or the shards of its index.
  ///
  /// Where there are both, `model.safetensors` is the one, as it is for transformers.
  static func folder(_ folder: URL) throws -> StoredModel {
    let configurationURL = folder.appending(path: "config.json")
    guard FileManager.default.fileExists(atPath: configurationURL.path) else {
      throw TransformerError.notACheckpoint(
        path: folder.path, found: "the folder has no config.json")
    }
    let json = try OrderedJSON(contentsOf: configurationURL)
    guard let values = json.object else {
      throw TransformerError.invalidKey(
        path: configurationURL.path, key: "config", expected: "an object", found: json.kind)
    }
    let keys = ConfigurationKeys(path: configurationURL.path, values: values)
    let family = try family(of: keys)
    let configuration = try family.configuration(keys)
    let files = try weights(in: folder)
    var model = StoredModel(
      family: family, configuration: configuration, weightsPath: files.path)
    let names = files.tensors.keys
    let isBodyAlone = !names.contains { $0.hasPrefix(family.prefix) }
    for (name, file) in files.tensors {
      let isHead = family.headNames.contains { name.hasPrefix($0) }
      let whole = isBodyAlone && !isHead ? family.prefix + name : name
      try model.add(
        StoredTensor(place: .safetensors(file, name)), as: Self.withoutOldEnding(whole))
    }
    return model
  }

  /// Finds the family, and refuses what is not computed here before any weights are looked at.
  private static func family(of keys: ConfigurationKeys) throws -> any ModelFamily.Type {
    let type = try keys.text("model_type")
    guard let family = FamilyCatalog.family(modelType: type) else {
      throw keys.unsupported(
        "model_type", found: type, supported: FamilyCatalog.modelTypes)
    }
    if let list = keys.value("architectures") {
      guard let names = list.array?.compactMap(\.string), names.count == list.array?.count else {
        throw keys.invalid("architectures", expected: "an array of strings", found: list)
      }
      for name in names where !family.architectures.contains(name) {
        throw keys.unsupported(
          "architectures", found: name, supported: family.architectures.joined(separator: ", "))
      }
    }
    if let quantization = try keys.object("quantization_config") {
      throw keys.unsupported(
        "quantization_config", found: quantization.value("quant_method")?.string ?? "there",
        supported: "none in folders, and Q8_0, Q4_0 and Q4_1 in .gguf files")
    }
    return family
  }

  private static func weights(
    in folder: URL
  ) throws -> (path: String, tensors: OrderedDictionary<String, SafetensorsFile>) {
    let single = folder.appending(path: "model.safetensors")
    if FileManager.default.fileExists(atPath: single.path) {
      let file = try SafetensorsFile(opening: single)
      return (single.path, file.tensors.mapValues { _ in file })
    }
    let index = folder.appending(path: "model.safetensors.index.json")
    guard FileManager.default.fileExists(atPath: index.path) else {
      throw TransformerError.notACheckpoint(
        path: folder.path,
        found: "the folder has neither model.safetensors nor model.safetensors.index.json")
    }
    let shards = try SafetensorsShards(index: index, holding: OrderedJSON(contentsOf: index))
    return (index.path, shards.files)
  }

  /// Norms of early checkpoints of BERT have the names of another framework.
  private static func withoutOldEnding(_ name: String) -> String {
    for (old, new) in [
      ("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"),
    ]
    where name.hasSuffix(old) {
      return String(name.dropLast(old.count)) + new
    }
    return name
  }
}
