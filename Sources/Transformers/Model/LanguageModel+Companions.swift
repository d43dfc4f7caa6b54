import Foundation
public import Gradients
import LinearAlgebra
public import Models

extension LanguageModel {
  /// The Kronecker factors of each block that gradients are taken of, per token, for K-FAC and EK-FAC.
  ///
  /// A = mean of a·aᵀ over all tokens, a what the block's map reads of a token; S = Σ s·sᵀ over the tokens, divided by the
  /// number of texts, s the gradient of the text's loss by what the map makes. So S ⊗ A is of the size of the mean g·gᵀ
  /// of the texts' gradients g = Σ s·aᵀ, and is it where every text has one token. (Eschenhagen et al., 2023, call this
  /// expand.) All tokens of a text count, as in kronfluence; there is no padding.
  ///
  /// - Parameters:
  ///   - texts: n texts that fit the model.
  ///   - labels: Of the texts; or drawn, a label or each predicted token from the model's own answer, from a random
  ///     sequence of each row's own. Drawn, there are also the eigenvectors and second moments of EK-FAC, which
  ///     follow from the gradients of a store where labels are of the texts.
  ///   - reduction: How a text's predicted tokens become one loss.
  ///   - batchTokens: The most tokens that a core takes at a time, or one text.
  ///   - batchTexts: The most texts that a core takes at a time.
  ///   - progress: Called with the share that is done.
  /// - Returns: Factors by block, in the order of the adapter's layout of gradients. The same bits on any number of threads.
  /// - Throws: ``TextError``; an error of a decomposition.
  /// - Complexity: 4 operations for each weight and token, and p² + q² for each block; twice with drawn labels, and
  ///   9(p³ + q³) for each block. Memory for 16(p² + q²) bytes for each block, 24 with drawn labels.
  public func kroneckerFactors(
    of texts: [TokenSequence], labels: FisherLabels = .empirical, reduction: TokenReduction = .mean,
    batchTokens: Int = 512, batchTexts: Int = .max, progress: ((Double) -> Void)? = nil
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    try check(texts)
    let factors = try transformer.kroneckerFactors(
      of: TextBatch.batches(of: texts, mostTokens: batchTokens, mostTexts: batchTexts),
      labels: labels, sums: reduction == .sum, rotation: rotation(for: texts), progress: progress)
    return zip(adapter.gradientLayout.blocks, factors).map { ($0.name, $1) }
  }

  /// Writes what lies beside the gradients of texts.
  func writeCompanions(
    of texts: [TokenSequence], to folder: URL, settings: StoreSettings,
    progress: ((_ what: String, _ share: Double) -> Void)?
  ) throws {
    let companions = settings.companions
    if settings.measure == .loss {
      try settings.optimizer?.write(of: adapter.gradientLayout, to: folder)
    }
    if companions.representations {
      try representations(
        of: texts, fittingHeadWith: companions.headPenalty, batchTokens: settings.batchTokens,
        batchTexts: settings.batchTexts
      ) { progress?("representations", $0) }
      .write(to: folder, metadata: ["examples": "\(texts.count)"])
    }
    if let labels = companions.factors {
      precondition(settings.measure == .loss, "Kronecker factors are of the loss")
      let factors = try kroneckerFactors(
        of: texts, labels: labels, reduction: settings.reduction,
        batchTokens: settings.batchTokens, batchTexts: settings.batchTexts
      ) { progress?("Kronecker factors", $0) }
      try StoredCurvature(
        kronecker: factors, metadata: ["fisher": labels.name, "examples": "\(texts.count)"]
      ).write(to: folder)
    }
  }
}
