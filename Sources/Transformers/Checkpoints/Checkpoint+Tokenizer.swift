public import Data
import Foundation
import TensorFiles

extension Checkpoint {
  /// The model's tokenizer: of the files in the folder, or of what the GGUF file holds.
  ///
  /// What a GGUF file does not say is as llama.cpp has it.
  ///
  /// - Throws: ``TransformerError`` where a GGUF file has none or contradicts itself, or the model has fewer tokens than
  ///   the tokenizer; `TokenizerError` where a folder has none, or it is of a kind that is not read here.
  /// - Complexity: O(tokens and merges).
  public func tokenizer() throws -> Tokenizer {
    let tokenizer: Tokenizer
    if let embedded = embeddedTokenizer {
      tokenizer = try Tokenizer(
        embedded.arrays(path: url.path), model: embedded.model,
        preTokenizer: embedded.preTokenizer ?? "default")
    } else if isFolder {
      tokenizer = try Tokenizer(opening: url)
    } else {
      throw TransformerError.missingKey(path: url.path, key: EmbeddedTokenizer.modelKey)
    }
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw TransformerError.otherTokenizer(
        path: url.path, tokens: tokenizer.vocabularySize,
        vocabulary: configuration.vocabularySize)
    }
    return tokenizer
  }
}

extension EmbeddedTokenizer {
  /// The arrays that a tokenizer is made of.
  ///
  /// - Parameter path: The file, for errors.
  func arrays(path: String) throws(TransformerError) -> TokenizerArrays {
    func needed(_ id: Int?, _ key: String) throws(TransformerError) -> Int {
      guard let id else { throw .missingKey(path: path, key: "tokenizer.ggml.\(key)") }
      return id
    }
    var arrays = TokenizerArrays(path: path, tokens: tokens)
    for (index, type) in types.enumerated() {
      guard let kind = TokenizerArrays.Kind(rawValue: type) else {
        throw .invalidKey(
          path: path, key: "tokenizer.ggml.token_type", expected: "kinds from 1 to 6",
          found: "\(type) for token \(index)")
      }
      arrays.kinds.append(kind)
    }
    (arrays.scores, arrays.merges, arrays.unknown) = (scores, merges, unknown)
    let beginsByDefault =
      model == "llama" || ["llama-bpe", "llama3", "llama-v3"].contains(preTokenizer)
    if addsBeginning ?? beginsByDefault { arrays.start = try needed(beginning, "bos_token_id") }
    if addsEnd ?? false { arrays.end = try needed(end, "eos_token_id") }
    arrays.addsSpace = addsSpacePrefix ?? true
    return arrays
  }
}
