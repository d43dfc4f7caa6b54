import Foundation
import Gradients
import LinearAlgebra
import OrderedCollections
import TensorFiles
import Testing

import Transformers

/// A small model with an adapter, and what transformers and PEFT compute of it in double precision; made by
/// `scripts/oracles/language_models.py`.
struct ComputedModel {
  static let families = ["bert", "roberta", "llama", "qwen2", "gpt2"]

  let checkpoint: Checkpoint
  let adapter: Adapter
  let texts: [TokenSequence]
  private let expected: SafetensorsFile

  init(_ family: String) throws {
    let folder = try fixture("computed").appending(path: family)
    checkpoint = try Checkpoint(opening: folder)
    let expected = try SafetensorsFile(opening: folder.appending(path: "expected.safetensors"))
    self.expected = expected
    let file = try SafetensorsFile(
      opening: folder.appending(path: "adapter/adapter_model.safetensors"))
    adapter = try Self.adapter(file)
    let goals = try Self.integers(expected, "goal")
    let predictsTokens = !["bert", "roberta"].contains(family)
    texts = try goals.indices.map { index in
      TokenSequence(
        tokens: try Self.integers(expected, "tokens.\(index)"),
        types: family == "bert" ? try Self.integers(expected, "types.\(index)") : [],
        goal: predictsTokens ? .tokens(from: goals[index]) : .label(goals[index]))
    }
  }

  /// Reads the pairs of an adapter's file without its configuration: alpha is 3 and the rank 2.
  private static func adapter(_ file: SafetensorsFile) throws -> Adapter {
    let ending = ".lora_A.weight"
    var modules: [Adapter.Module] = []
    var parameters: [Matrix<Float>] = []
    for name in file.tensors.keys.sorted() where name.hasSuffix(ending) {
      let module = String(name.dropFirst(Adapter.prefix.count).dropLast(ending.count))
      let down = try file.matrix(name, as: Float.self)
      let up = try file.matrix("\(Adapter.prefix)\(module).lora_B.weight", as: Float.self)
      modules.append(
        Adapter.Module(
          name: module, inputs: down.columns, outputs: up.rows, rank: down.rows, scale: 1.5))
      parameters += [down, up]
    }
    var tensors: [Adapter.Tensor] = []
    for name in file.tensors.keys.sorted() where !name.contains(".lora_") {
      let values = try file.matrix(name, as: Float.self)
      let shape = file.tensors[name]?.shape ?? []
      tensors.append(
        Adapter.Tensor(name: String(name.dropFirst(Adapter.prefix.count)), shape: shape))
      parameters.append(
        shape.count == 1
          ? Matrix(rows: shape[0], columns: 1, elements: values.elements) : values)
    }
    return Adapter(modules: modules, tensors: tensors, parameters: parameters)
  }

  func values(_ name: String) throws -> Matrix<Double> { try Self.doubles(expected, name) }

  /// The gradients of all texts by one block, texts × width.
  func gradient(_ block: Block) throws -> Matrix<Double> {
    let values = try Self.doubles(expected, "gradient.\(block.name)")
    return Matrix(rows: texts.count, columns: block.width, elements: values.elements)
  }

  /// A direction for each block, and the shares of each text's tokens along it.
  func tokenShares() throws -> (directions: [Matrix<Double>], shares: [[Double]]) {
    let file = try SafetensorsFile(
      opening: fixture("computed").appending(
        path: "\(checkpoint.url.lastPathComponent)/shares.safetensors"))
    let directions = try adapter.layout.blocks.map { block in
      let values = try Self.doubles(file, "direction.\(block.name)")
      return Matrix(rows: 1, columns: block.width, elements: values.elements)
    }
    return (
      directions, try texts.indices.map { try Self.doubles(file, "share.\($0)").elements }
    )
  }

  private static func doubles(_ file: SafetensorsFile, _ name: String) throws -> Matrix<Double> {
    let shape = try #require(file.tensors[name]).shape
    let values: Matrix<Double> = try file.matrix(name)
    return Matrix(
      rows: shape[0], columns: shape.dropFirst().reduce(1, *), elements: values.elements)
  }

  private static func integers(_ file: SafetensorsFile, _ name: String) throws -> [Int] {
    try #require(try file.integers(name))
  }

  /// The model in the precision of `Element`.
  func transformer<Element: Scalar>(
    _ type: Element.Type, parameters: [Matrix<Element>]? = nil
  ) throws -> Transformer<Element> {
    let configuration = checkpoint.configuration
    return Transformer(
      configuration: configuration,
      architecture: checkpoint.family.architecture(configuration),
      weights: try ModelWeights(checkpoint, keeping: []),
      adapter: parameters.map { AdapterParameters(adapter, parameters: $0) }
        ?? AdapterParameters(adapter))
  }
}

/// The largest difference of two matrices, as a share of the largest number of the second.
func relativeError(_ a: Matrix<Double>, _ b: Matrix<Double>) -> Double {
  let largest = b.elements.map(abs).max() ?? 0
  let difference = zip(a.elements, b.elements).map { abs($0 - $1) }.max() ?? 0
  return a.elements.count == b.elements.count && largest > 0 ? difference / largest : .infinity
}
