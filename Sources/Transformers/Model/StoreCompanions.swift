/// What is written beside the gradients of texts, for methods that need more than gradients.
public struct StoreCompanions: Sendable, Hashable {
  /// Whether what the last layer reads of each text is written; see
  /// ``LanguageModel/representations(of:fittingHeadWith:batchTokens:batchTexts:progress:)``.
  public var representations = false
  /// λ of the last layer that is fitted to the representations of texts with labels, above 0.
  public var headPenalty = 1e-2

  /// Nothing beside the gradients.
  public init() {}

  /// The bytes that they take while they are computed of so many texts, and what takes the most.
  func memory(
    texts: Int, _ configuration: ModelConfiguration
  ) -> (what: String, bytes: Int) {
    // Features in single precision, in double precision, and as they are written.
    let features = representations ? 20 * Double(texts) * Double(configuration.hiddenSize) : 0
    return ("the representations", Int(min(features, 0x1p60)))
  }
}
