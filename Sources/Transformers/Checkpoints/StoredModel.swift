import OrderedCollections
import TensorFiles

/// A model's configuration and its tensors under Hugging Face's names, not yet held against each other.
struct StoredModel {
  let family: any ModelFamily.Type
  let configuration: ModelConfiguration
  /// The tensors by the names that the family's models give them, as far as it has them.
  private(set) var tensors: OrderedDictionary<String, StoredTensor> = [:]
  /// What the weights are called in errors about tensors that are not there.
  let weightsPath: String

  init(family: any ModelFamily.Type, configuration: ModelConfiguration, weightsPath: String) {
    (self.family, self.configuration) = (family, configuration)
    self.weightsPath = weightsPath
  }

  /// Adds a tensor under its name.
  mutating func add(_ tensor: StoredTensor, as name: String) throws {
    if let other = tensors[name] {
      throw TransformerError.repeatedTensor(
        path: tensor.map.path, tensor: name, names: [other.storedName, tensor.storedName])
    }
    tensors[name] = tensor
  }

  /// Holds the tensors against what the configuration says.
  ///
  /// - Returns: The names of tensors that the family does not have, in the order of the files.
  /// - Throws: ``TransformerError`` for a tensor that is missing, of another shape, or of a type that is not read.
  func check() throws -> [String] {
    var expected = Set<String>()
    func check(_ list: [ExpectedTensor]) throws {
      for part in ExpectedTensor.Part.allCases {
        let group = list.filter { $0.part == part }
        // A part that no file has anything of is absent; a part of a part is damage.
        guard part == .body || group.contains(where: { tensors[$0.name] != nil }) else { continue }
        for tensor in group {
          expected.insert(tensor.name)
          try require(tensor)
        }
      }
    }
    try check(family.tensors(configuration))
    // A layer at a time: a number of layers without end is found out by the first one that is missing.
    for layer in 0..<configuration.layerCount {
      try check(family.tensors(configuration, layer: layer))
    }
    return tensors.keys.filter { !expected.contains($0) }
  }

  private func require(_ tensor: ExpectedTensor) throws {
    guard let found = tensors[tensor.name] else {
      throw TransformerError.missingTensor(
        path: weightsPath, tensor: tensor.name, shape: tensor.shape)
    }
    guard found.shape == tensor.shape else {
      throw TransformerError.wrongShape(
        path: found.map.path, tensor: tensor.name, expected: tensor.shape, found: found.shape)
    }
    try found.requireReadable(named: tensor.name)
  }
}
