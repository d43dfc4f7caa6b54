import Foundation

/// How a curvature is fitted.
public struct CurvatureOptions: Sendable {
  /// The precision that products of gradients run in.
  ///
  /// Norms, dampings, kernels, factorizations and sums over blocks are in double precision either way.
  public enum Precision: String, Sendable, CaseIterable {
    /// 32 bits: the speed of `sgemm`.
    case single
    /// 64 bits: for checking what 32 cost.
    case double
  }

  /// How λ is chosen.
  public var damping: Damping
  /// Which side each block is fitted on.
  public var costModel: CostModel
  /// Whether scores come with a ``Certificate``.
  public var certifies: Bool
  /// The precision of products.
  public var precision: Precision
  /// Where work is counted, if anywhere.
  public var meter: RunMeter?
  /// The most bytes that fitted matrices, scores and what they are made from may take together; a
  /// quarter of the machine's memory by default.
  ///
  /// Pages of mapped files do not count: the system takes them back when memory is short.
  public var memoryBudget: Int
  /// How the scores of blocks become one; their sum unless set.
  ///
  /// Other combinations have no ``Certificate``.
  public var combination = BlockCombination.sum {
    didSet { if combination != .sum { certifies = false } }
  }
  /// Whether exact scores of a thousand examples or more may be solved for by a factor in single precision, where
  /// λ is so large that it loses little beside the rounding of products; scores alone are asked for then.
  ///
  /// Half the time and memory of the factor. Self-influence forms K once more, for a factor in double precision.
  public var solvesInSingle = false
  /// Brings together what several processes make of their rows; one process reads all rows by default.
  package var reduction: any Reduction = WholeRows()

  /// Makes options.
  public init(
    damping: Damping = .standard, costModel: CostModel = CostModel(), certifies: Bool = true,
    precision: Precision = .single, memoryBudget: Int? = nil, meter: RunMeter? = nil
  ) {
    self.meter = meter
    self.damping = damping
    self.costModel = costModel
    self.certifies = certifies
    self.precision = precision
    self.memoryBudget =
      memoryBudget ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
  }

  /// The part of the budget that the matrices of blocks may take; the rest is for scores.
  var matrixBudget: Int { memoryBudget / 4 * 3 }
}
