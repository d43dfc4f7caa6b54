public import Gradients

/// Chooses the side on which each block is fitted, and says why.
///
/// Costs are multiply–adds, from the shapes alone: n training rows, d columns, m queries at a time.
/// Score side: n²d for K once, then md + mn per query and row. Query side: nd² for F once (or nothing
/// for DataInf), then passes over G.
public struct CostModel: Sendable {
  /// A side and the reason for it, in words that can be shown to the user.
  public struct Choice: Sendable, Equatable {
    /// The chosen side.
    public let side: Side
    /// Why.
    public let reason: String
    /// Whether ``Estimator/withoutMatrices`` stands in for the method.
    public var isByPasses = false
  }

  /// How a side may be asked for.
  public enum Request: String, Sendable, CaseIterable {
    /// Let costs decide.
    case automatic
    /// The score side for every block.
    case score
    /// The query side for every block.
    case query
  }

  /// What the user asked for.
  public var request: Request
  /// How many queries will be scored in all, if known; more of them pay for a kernel.
  public var expectedQueries: Int?

  /// Makes a cost model.
  ///
  /// - Parameters:
  ///   - request: Automatic, or one side for all blocks.
  ///   - expectedQueries: How many queries will be scored in all; nil means very many, so that
  ///     fitting once pays.
  public init(request: Request = .automatic, expectedQueries: Int? = nil) {
    self.request = request
    self.expectedQueries = expectedQueries
  }

  /// The side for one estimator on one block.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - exampleCount: n.
  ///   - block: The block, for its width d.
  ///   - factors: The factors that training rows are kept as, if they are, for the cost of K.
  ///   - hasKernel: Whether K is formed anyway, for another estimator.
  ///   - certifies: Whether residuals are wanted, which take K or a pass.
  public func side(
    for estimator: any Estimator, exampleCount: Int, block: Block, factors: BlockFactors? = nil,
    hasKernel: Bool, certifies: Bool
  ) -> Choice {
    guard estimator.works(on: .score) else {
      return Choice(side: .query, reason: "the method works by passes over G alone")
    }
    guard estimator.works(on: .query) else {
      return Choice(side: .score, reason: "the method works on products alone")
    }
    switch request {
    case .score: return Choice(side: .score, reason: "asked for")
    case .query: return Choice(side: .query, reason: "asked for")
    case .automatic: break
    }
    let n = Double(exampleCount)
    let d = Double(block.width)
    let needsKernel = estimator.needs(on: .score).takesGram
    let needsFisher = estimator.needs(on: .query).takesGram
    switch (needsKernel, needsFisher) {
    case (false, _):
      return hasKernel || !certifies
        ? Choice(side: .score, reason: "scores are products alone")
        : Choice(side: .query, reason: "the certificate comes from the same pass")
    case (true, true):
      return exampleCount <= block.width
        ? Choice(side: .score, reason: "n = \(exampleCount) ≤ d = \(block.width): K is the smaller")
        : Choice(side: .query, reason: "d = \(block.width) < n = \(exampleCount): F is the smaller")
    case (true, false):
      if hasKernel { return Choice(side: .score, reason: "K is formed anyway") }
      guard let expectedQueries else {
        // n² d once against another pass of 2 m n d for every set of queries.
        return exampleCount <= block.width
          ? Choice(side: .score, reason: "n ≤ d and many queries to come: K pays")
          : Choice(side: .query, reason: "n > d: passes over G cost less than K")
      }
      let m = Double(expectedQueries)
      let kernel = BlockShape(block, exampleCount: exampleCount, factors: factors).kernelOperations
      let scoreCost = kernel / 2 + m * n * d + m * n * n
      let queryCost = 3 * m * n * d
      let ratio = scoreCost / queryCost
      return scoreCost < queryCost
        ? Choice(side: .score, reason: "K costs \(Self.percent(ratio)) of passes over G")
        : Choice(side: .query, reason: "passes over G cost \(Self.percent(1 / ratio)) of K")
    }
  }

  /// The side for one estimator on one block where matrices above some order do not fit in memory.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - exampleCount: n.
  ///   - block: The block, for its width d.
  ///   - largestOrder: The largest order of K or F that fits.
  /// - Returns: A side that fits, or ``Side/query`` by passes; nil where there is none or a side was
  ///   asked for.
  func sideInMemory(
    for estimator: any Estimator, exampleCount: Int, block: Block, largestOrder: Int
  ) -> Choice? {
    guard request == .automatic else { return nil }
    func fits(_ side: Side, order: Int) -> Bool {
      guard let needs = estimator.fit(on: side)?.needs else { return false }
      return !(needs.takesGram || needs.contains(.ownFit)) || order <= largestOrder
    }
    let (n, d) = (exampleCount, block.width)
    if n <= d, fits(.score, order: n), estimator.needs(on: .score).takesGram {
      return Choice(side: .score, reason: "K is the smaller, and fits in memory")
    }
    if fits(.query, order: d) {
      return estimator.needs(on: .query).takesGram
        ? Choice(side: .query, reason: "K (n = \(n)) does not fit in memory, F (d = \(d)) does")
        : Choice(side: .query, reason: "K (n = \(n)) does not fit in memory: passes over G")
    }
    if fits(.score, order: n) {
      return Choice(side: .score, reason: "F (d = \(d)) does not fit in memory, K (n = \(n)) does")
    }
    guard estimator.withoutMatrices != nil else { return nil }
    return Choice(
      side: .query,
      reason:
        "neither K (n = \(n)) nor F (d = \(d)) fits in memory: block conjugate gradients by passes",
      isByPasses: true)
  }

  private static func percent(_ ratio: Double) -> String { "\(Int((100 * ratio).rounded())) %" }
}
