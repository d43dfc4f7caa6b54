import Foundation
import OrderedCollections
import TensorFiles

extension StoredModel {
  /// Reads a GGUF file's configuration, and finds its tensors under Hugging Face's names.
  static func gguf(_ file: GGUFFile) throws -> StoredModel {
    let path = file.map.path
    let architectureKey = "general.architecture"
    guard let architecture = file.metadata[architectureKey]?.json else {
      throw TransformerError.missingKey(path: path, key: architectureKey)
    }
    guard let family = architecture.string.flatMap({ FamilyCatalog.family(architecture: $0) }),
      let layout = family.gguf
    else {
      throw TransformerError.unsupported(
        path: path, key: architectureKey, found: architecture.string ?? architecture.kind,
        supported: FamilyCatalog.architectures)
    }
    try requireComputable(file, layout)
    let configuration = try family.configuration(ConfigurationKeys(file, layout: layout))
    var model = StoredModel(family: family, configuration: configuration, weightsPath: path)
    for name in file.tensors.keys where name != ConfigurationKeys.rotaryDivisorsKey {
      let place = layout.place(of: name)
      let tensor = StoredTensor(
        place: .gguf(file, name),
        arrangement: place.map {
          arrangement(of: $0, shape: file.tensors[name]?.shape ?? [], layout, configuration)
        } ?? .same)
      try model.add(tensor, as: place?.name ?? name)
    }
    return model
  }

  /// Refuses files that are parts, of an older quantization, or of a family under the name of another.
  private static func requireComputable(_ file: GGUFFile, _ layout: GGUFLayout) throws {
    func require(_ key: String, _ supported: String, _ isSupported: (OrderedJSON) -> Bool) throws {
      guard let value = file.metadata[key]?.json, !isSupported(value) else { return }
      throw TransformerError.unsupported(
        path: file.map.path, key: key, found: (try? value.serialized()) ?? value.kind,
        supported: supported)
    }
    try require("split.count", "a single file") { ($0.integer ?? 2) <= 1 }
    try require("general.quantization_version", "2") { $0.integer == 2 }
    guard !layout.tokenizers.isEmpty else { return }
    try require("tokenizer.ggml.model", layout.tokenizers.joined(separator: ", ")) {
      layout.tokenizers.contains($0.string ?? "")
    }
  }

  private static func arrangement(
    of place: GGUFLayout.Place, shape: [Int], _ layout: GGUFLayout,
    _ configuration: ModelConfiguration
  ) -> StoredTensor.Arrangement {
    guard let name = place.layerName, let rows = shape.first else { return .same }
    // Tensors of other shapes are refused, or of layers that the model does not have.
    if layout.interleaved.contains(name), rows.isMultiple(of: configuration.headSize) {
      return .interleavedHalves(headSize: configuration.headSize)
    }
    let isTransposed = place.isWeight && layout.transposed.contains(name) && shape.count == 2
    return isTransposed ? .transposed : .same
  }
}
