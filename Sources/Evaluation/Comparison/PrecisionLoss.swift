public import Gradients
import LinearAlgebra
public import TensorFiles

/// What is lost in each block when gradients are stored in a narrower type, measured on sampled rows
/// before anything is written.
///
/// Some rows take the part of queries, others that of training examples. Each block counts for itself:
/// what is small beside another block may still decide exact scores, which divide by the curvature.
public struct PrecisionLoss: Sendable {
  /// Blocks that hold numbers, in the layout's order.
  public let blocks: [BlockPrecisionLoss]
  /// max |S' − S| / max |S| of exact scores, summed over blocks; S' is of the stored numbers.
  public let exactError: Double
  /// The same of DataInf's scores.
  public let dataInfError: Double
  /// The same of inner products.
  public let innerProductError: Double
  /// Rows that took the part of queries.
  public let queries: Int
  /// Rows that took the part of training examples.
  public let examples: Int
  /// The type that was tried.
  public let elementType: ElementType

  /// Rounds sampled rows as a type would, and compares.
  ///
  /// λ is 0.1 · tr(F)/d of each block of the sample, before and after.
  ///
  /// - Parameters:
  ///   - elementType: The narrower type.
  ///   - source: The gradients.
  ///   - seed: Decides which rows are sampled: up to 32 queries, but no more than half of the rows, and up to
  ///     128 training examples. Fewer than three rows are both.
  /// - Throws: An error from reading the store.
  /// - Complexity: 10⁵ · D operations in double precision; reads the sampled rows once, and once more for int8.
  public init(
    storing source: GradientStore, as elementType: ElementType, seed: UInt64 = 0
  ) throws {
    let count = source.count
    let asked = count < 3 ? count : min(32, count / 2)
    let sample = GradientSample.rows(asked + 128, of: count, seed: seed)
    let parts = SampledGram.Parts(
      queries: 0..<asked, examples: (count < 3 ? 0 : asked)..<sample.count)
    var sums = (before: SampledScores(parts), after: SampledScores(parts))
    var losses: [BlockPrecisionLoss] = []
    for (index, block) in source.layout.blocks.enumerated() {
      let pair = try SampledBlock(
        index, of: source, rows: sample, storedAs: elementType)
      // A row that is not finite is named when it is written.
      guard pair.nonzeros > 0, pair.before.squares.allSatisfy(\.isFinite) else { continue }
      let before = try pair.before.scores(parts, width: block.width) ?? SampledScores(parts)
      let after = try pair.after.scores(parts, width: block.width) ?? SampledScores(parts)
      sums.before.add(before)
      sums.after.add(after)
      losses.append(
        BlockPrecisionLoss(name: block.name, pair, before: before, after: after))
    }
    blocks = losses
    let errors = sums.after.errors(from: sums.before)
    (exactError, dataInfError, innerProductError) = (
      errors.exact, errors.dataInf, errors.innerProduct
    )
    queries = parts.queries.count
    examples = parts.examples.count
    self.elementType = elementType
  }

  /// Checks that no block is destroyed, ``BlockPrecisionLoss/isDestroyed``.
  ///
  /// Numbers too large for the type are left to the writer, which names their row.
  ///
  /// - Throws: ``EvaluationError/destroysBlock(block:type:reason:)`` for the block that loses most.
  public func requireBlocksKept() throws(EvaluationError) {
    let destroyed = blocks.filter { $0.isDestroyed && $0.error != .infinity }
    guard let worst = destroyed.max(by: { $0.error < $1.error }) else { return }
    let others = destroyed.count > 1 ? "; so it is in \(destroyed.count - 1) more" : ""
    func percent(_ share: Double) -> String {
      let percent = (1000 * share).rounded() / 10
      return percent.rounded() == percent ? "\(Int(percent)) %" : "\(percent) %"
    }
    throw .destroysBlock(
      block: worst.name, type: elementType.name,
      reason:
        "\(percent(worst.zerosMade)) of its nonzero numbers become zero, and rows are off by \(percent(worst.medianRowError)) of their length (median)\(others)"
    )
  }
}
