/// The families that are known.
package enum FamilyCatalog {
  /// All of them.
  package static let all: [any ModelFamily.Type] = [
    BERT.self, RoBERTa.self, Llama.self, Qwen2.self, GPT2.self,
  ]

  /// The family that `model_type` of a `config.json` means.
  static func family(modelType: String) -> (any ModelFamily.Type)? {
    all.first { $0.modelTypes.contains(modelType) }
  }

  /// The family that an architecture of a GGUF file means.
  static func family(architecture: String) -> (any ModelFamily.Type)? {
    all.first { $0.gguf?.architecture == architecture }
  }

  /// All values of `model_type`, for sentences.
  static var modelTypes: String { all.flatMap { $0.modelTypes }.joined(separator: ", ") }

  /// All architectures of GGUF files, for sentences.
  static var architectures: String {
    all.compactMap { $0.gguf?.architecture }.joined(separator: ", ")
  }
}
