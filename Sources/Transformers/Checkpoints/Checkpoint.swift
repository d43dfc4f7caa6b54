public import Foundation
public import LinearAlgebra
import OrderedCollections
package import TensorFiles

/// A language model's configuration and weights, opened and held against each other, the weights not yet read.
///
/// A folder of Hugging Face (`config.json`, and `model.safetensors` or shards with `model.safetensors.index.json`, in
/// F32, F16 or BF16), or a `.gguf` file of version 2 or 3 (F32, F16, BF16, Q8_0, Q4_0, Q4_1). Which of them it is, is
/// told by the content. Tensors of both have the names and shapes that Hugging Face gives them, those of the body with
/// the family's prefix (`bert.`, `model.`): rows that GGUF files store in another order are put back.
///
/// Weights stay mapped in the type in which they are stored. Each request converts what it asks for, so that a layer at
/// a time can be had where memory is short.
///
///     let checkpoint = try Checkpoint(opening: URL(filePath: "SmolLM2.gguf"))
///     let queries = try checkpoint.matrix("model.layers.0.self_attn.q_proj.weight")
public struct Checkpoint: Sendable {
  /// The folder or file.
  public let url: URL
  /// What the model is made of.
  public let configuration: ModelConfiguration
  /// What a GGUF file says of its tokenizer; nil for a folder, which has one in files of its own.
  public let embeddedTokenizer: EmbeddedTokenizer?
  /// Tensors in the files that the family's models do not have, such as heads for other tasks, in the order of the files.
  public let unusedTensors: [String]
  /// The family.
  package let family: any ModelFamily.Type
  /// Whether it is a folder of Hugging Face.
  let isFolder: Bool
  private let tensors: OrderedDictionary<String, StoredTensor>

  /// Opens a checkpoint, and checks that every tensor is there in the shape that the configuration says.
  ///
  /// A head of labels and a pooler may be absent; ``has(_:)`` tells.
  ///
  /// - Parameter url: The folder or the file.
  /// - Throws: ``TransformerError``, or `TensorFileError` where a file cannot be read or is malformed. What is not
  ///   computed here (an architecture, an activation, a scaling of positions, a sliding window) is refused by its name.
  /// - Complexity: O(h + t log t) for heads of h bytes with t tensors; no weights are read.
  public init(opening url: URL) throws {
    let model: StoredModel
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
    isFolder = values?.isDirectory == true
    if isFolder {
      model = try StoredModel.folder(url)
      embeddedTokenizer = nil
    } else {
      guard try GGUFFile.isAt(url) else {
        throw TransformerError.notACheckpoint(
          path: url.path, found: "the file does not begin with the letters GGUF")
      }
      let file = try GGUFFile(opening: url)
      model = try StoredModel.gguf(file)
      embeddedTokenizer = try EmbeddedTokenizer(file)
    }
    let vocabularySize = model.configuration.vocabularySize
    if let count = embeddedTokenizer?.tokens.count, count > vocabularySize {
      throw TransformerError.invalidKey(
        path: url.path, key: EmbeddedTokenizer.tokensKey,
        expected: "at most the \(vocabularySize) tokens of the model's vocabulary",
        found: "\(count)")
    }
    self.url = url
    unusedTensors = try model.check()
    (configuration, family, tensors) = (model.configuration, model.family, model.tensors)
  }

  /// The names of all tensors, those of ``unusedTensors`` included.
  public var tensorNames: [String] { Array(tensors.keys) }

  /// Whether there is a tensor of that name.
  public func has(_ name: String) -> Bool { tensors[name] != nil }

  /// The dimensions of a tensor.
  ///
  /// - Throws: ``TransformerError/unknownTensor(path:tensor:)``.
  public func shape(of name: String) throws -> [Int] { try tensor(name).shape }

  /// A tensor as numbers: `shape[0]` rows of the rest, and n × 1 for a vector.
  ///
  /// - Throws: ``TransformerError/unknownTensor(path:tensor:)``, or an error about a type that is not read.
  /// - Complexity: O(numbers).
  public func matrix(_ name: String) throws -> Matrix<Float> {
    try rows(of: name, 0..<(tensor(name).shape.first ?? 1))
  }

  /// Some rows of a tensor as numbers.
  ///
  /// - Parameters:
  ///   - name: The tensor.
  ///   - range: Rows of the tensor as a matrix of `shape[0]` rows.
  /// - Throws: ``TransformerError/unknownTensor(path:tensor:)``, or an error about a type that is not read.
  /// - Complexity: O(numbers asked for), and of the whole tensor where the file has its transpose (GPT-2 as GGUF).
  public func rows(of name: String, _ range: Range<Int>) throws -> Matrix<Float> {
    let tensor = try tensor(name)
    let count = tensor.shape.first ?? 1
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count) of \(name)")
    return try tensor.rows(range)
  }

  /// The mapped files, each once, for walks that check that nobody changed them.
  package var files: [MemoryMap] {
    var files: OrderedDictionary<String, MemoryMap> = [:]
    for tensor in tensors.values { files[tensor.map.path] = tensor.map }
    return Array(files.values)
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw TransformerError.unknownTensor(path: url.path, tensor: name)
    }
    return tensor
  }
}
