import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing
import Transformers

@Suite("Checkpoints in folders")
struct FolderCheckpointTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Expects every tensor of the model under its name in the folder with its numbers.
  private func expect(
    _ checkpoint: Checkpoint, holds model: FolderModel, named: (String) -> String = { $0 }
  ) throws {
    #expect(Set(checkpoint.tensorNames) == Set(model.tensors.keys.map(named)))
    for (stored, shape) in model.tensors {
      let name = named(stored)
      #expect(try checkpoint.shape(of: name) == shape)
      let matrix = try checkpoint.matrix(name)
      #expect(matrix.rows == shape[0] && matrix.elements == FolderModel.values(stored, shape))
      let part = shape[0] / 3..<shape[0] - 1
      #expect(
        try checkpoint.rows(of: name, part)
          == Matrix(matrix.view[rows: part, columns: 0..<matrix.columns]))
    }
  }

  @Test(
    "every family is read in every type, whole and by rows",
    arguments: 0..<FolderModel.families.count, [ElementType.float32, .float16, .bfloat16])
  func types(index: Int, type: ElementType) throws {
    let (family, configuration) = FolderModel.families[index]
    var model = try FolderModel(family, configuration)
    model.elementType = type
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    #expect(checkpoint.configuration.family == family.name)
    #expect(checkpoint.unusedTensors.isEmpty && checkpoint.embeddedTokenizer == nil)
    #expect(checkpoint.files.map(\.path) == [folder.file("model.safetensors").path])
    try expect(checkpoint, holds: model)
  }

  @Test("shards are one checkpoint")
  func shards() throws {
    var model = try FolderModel(Llama.self, FolderModel.llama)
    for name in model.tensors.keys where name.contains("layers.1") {
      model.shards[name] = "part-2.safetensors"
    }
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    #expect(checkpoint.files.count == 2)
    try expect(checkpoint, holds: model)
  }

  @Test("a body alone has the family's prefix, and its heads have not", arguments: [0, 1, 2, 4])
  func bodyAlone(index: Int) throws {
    let (family, configuration) = FolderModel.families[index]
    var model = try FolderModel(family, configuration)
    model.rename { $0.hasPrefix(family.prefix) ? String($0.dropFirst(family.prefix.count)) : $0 }
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    try expect(checkpoint, holds: model) { name in
      family.headNames.contains { name.hasPrefix($0) } ? name : family.prefix + name
    }
  }

  @Test("norms of early checkpoints have other names")
  func oldNames() throws {
    var model = try FolderModel(BERT.self, FolderModel.bert)
    func old(_ name: String) -> String {
      name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
        .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
    }
    let names = Array(model.tensors.keys)
    model.rename(old)
    #expect(model.tensors.keys.contains("bert.embeddings.LayerNorm.gamma"))
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    #expect(Set(checkpoint.tensorNames) == Set(names) && checkpoint.unusedTensors.isEmpty)
  }

  @Test("a classifier and a pooler may be absent, and other tensors are listed")
  func parts() throws {
    var model = try FolderModel(BERT.self, FolderModel.bert)
    for name in ["classifier.weight", "classifier.bias", "bert.pooler.dense.weight"] {
      model.tensors[name] = nil
    }
    model.tensors["bert.pooler.dense.bias"] = nil
    model.tensors["cls.predictions.bias"] = [20]
    model.tensors["bert.encoder.layer.2.output.dense.bias"] = [8]
    try model.write(to: folder)
    let checkpoint = try Checkpoint(opening: folder.url)
    #expect(!checkpoint.has("classifier.weight"))
    #expect(
      checkpoint.unusedTensors == [
        "cls.predictions.bias", "bert.encoder.layer.2.output.dense.bias",
      ])
    #expect(throws: TransformerError.unknownTensor(path: folder.path, tensor: "classifier.weight"))
    {
      _ = try checkpoint.matrix("classifier.weight")
    }
  }

  @Test(
    "the tiny Llama of the shared data",
    .enabled(if: SharedData.has("data/tiny-llama"), SharedData.absent))
  func tinyLlama() throws {
    let url = try #require(SharedData.url("data/tiny-llama"))
    let checkpoint = try Checkpoint(opening: url)
    let configuration = checkpoint.configuration
    #expect(configuration.family == "llama" && configuration.hiddenSize == 64)
    #expect(configuration.headCount == 8 && configuration.keyValueHeadCount == 4)
    #expect(configuration.headSize == 8 && configuration.layerCount == 5)
    #expect(configuration.tiesHead && !configuration.hasAttentionBias)
    #expect(configuration.specialTokens.beginning == 1 && configuration.specialTokens.ends == [2])
    #expect(checkpoint.unusedTensors.isEmpty && checkpoint.tensorNames.count == 47)
    let name = "model.layers.4.self_attn.k_proj.weight"
    let file = try SafetensorsFile(opening: url.appending(path: "model.safetensors"))
    #expect(try checkpoint.matrix(name) == file.matrix(name))
  }
}
