import Gradients
public import Models

/// What is written beside the gradients of texts, for methods that need more than gradients.
public struct StoreCompanions: Sendable, Hashable {
  /// Whether what the last layer reads of each text is written; see
  /// ``LanguageModel/representations(of:fittingHeadWith:batchTokens:batchTexts:progress:)``.
  public var representations = false
  /// λ of the last layer that is fitted to the representations of texts with labels, above 0.
  public var headPenalty = 1e-2
  /// Whose labels the Kronecker factors are of, which are written beside gradients of the loss; nil writes none.
  ///
  /// See ``LanguageModel/kroneckerFactors(of:labels:reduction:batchTokens:batchTexts:progress:)``.
  public var factors: FisherLabels?

  /// Nothing beside the gradients.
  public init() {}

  /// The bytes that they take while they are computed of so many texts, and what takes the most.
  func memory(
    texts: Int, classes: Int, _ configuration: ModelConfiguration, _ layout: BlockLayout,
    threads: Int
  ) -> (what: String, bytes: Int) {
    // Features in single precision, in double precision, and as they are written; and where a head is fitted to them,
    // its second derivatives and their factor.
    let hidden = Double(configuration.hiddenSize)
    let parameters = Double(classes) * (hidden + 1)
    let features =
      representations ? 20 * Double(texts) * hidden + 16 * parameters * parameters : 0
    var (matrices, largest) = (0.0, 0.0)
    if let factors {
      let isSampled = factors != .empirical
      for block in layout.blocks {
        let (q, p) = (Double(block.sides.outputs), Double(block.sides.inputs))
        // Sums and factors; or factors, eigenvectors and what decomposes them, and second moments.
        matrices += 8 * (isSampled ? 3 * (q * q + p * p) + q * p : 2 * (q * q + p * p))
        largest = max(largest, q, p)
      }
    }
    // Where a decomposition works.
    if let factors, factors != .empirical { matrices += 16 * largest * largest * Double(threads) }
    return (
      matrices > features ? "the Kronecker factors" : "the representations of all texts",
      Int(min(features + matrices, 0x1p60))
    )
  }

  /// The numbers that are kept of each token of a batch.
  func numbersPerToken(_ layout: BlockLayout) -> Int {
    guard factors != nil else { return 0 }
    return layout.blocks.reduce(0) { $0 + $1.sides.outputs + $1.sides.inputs }
  }
}
