import Gradients

/// Sides and Gram matrices of one block, from shapes alone: what a fit forms and what a plan counts.
struct BlockDemand: Sendable {
  /// One choice an estimator.
  let choices: [CostModel.Choice]
  /// The estimators, with those that work by passes in the place of those whose matrices do not fit.
  let estimators: [any Estimator]
  let needsKernel: Bool
  let needsFisher: Bool
  /// Bytes that stay in memory while the block is fitted; at most 2⁶², and none where they are mapped.
  let bytes: Int
  /// Bytes of the block's matrices, wherever they are; at most 2⁶².
  let formedBytes: Int
  /// Bytes that fitting takes beside them, and gives back; at most 2⁶².
  let passingBytes: Int
  /// The methods that need a Gram matrix where they are fitted.
  let gramMethods: [String]
  /// Whether a method iterates by passes, with directions as large as the queries.
  let isIterated: Bool
  /// The block's width d; 0 of a dead block.
  let width: Int

  /// - Parameters:
  ///   - block: The block, for its width d.
  ///   - exampleCount: n.
  ///   - isDead: Whether all gradients are zero, so that nothing is fitted.
  ///   - estimators: The methods that are fitted together.
  ///   - options: Sides that were asked for, certificate, memory.
  init(
    of block: Block, exampleCount: Int, isDead: Bool, for estimators: [any Estimator],
    options: CurvatureOptions
  ) {
    guard !isDead else {
      self.init(
        for: estimators.map { ($0, CostModel.Choice(side: .score, reason: "dead")) },
        exampleCount: 0, width: 0, certifies: false)
      return
    }
    func choice(_ estimator: any Estimator, hasKernel: Bool) -> CostModel.Choice {
      options.costModel.side(
        for: estimator, exampleCount: exampleCount, block: block, hasKernel: hasKernel,
        certifies: options.certifies)
    }
    // An estimator that needs the kernel makes it free for those that only profit from it.
    let someTakeKernel = estimators.contains {
      $0.need(on: .score) == .gram && choice($0, hasKernel: false).side == .score
    }
    let preferred = estimators.map { ($0, choice($0, hasKernel: someTakeKernel)) }
    let demand = Self(
      for: preferred, exampleCount: exampleCount, width: block.width, certifies: options.certifies)
    guard demand.peakBytes > options.matrixBudget else {
      self = demand
      return
    }
    // The largest order at which all the methods' matrices fit together.
    let perEntry = Double(8 * (2 + estimators.count))
    let largest = Int((Double(max(0, options.matrixBudget)) / perEntry).squareRoot())
    let fitting = estimators.map { estimator in
      let instead = options.costModel.sideInMemory(
        for: estimator, exampleCount: exampleCount, block: block, largestOrder: largest)
      return (estimator, instead ?? choice(estimator, hasKernel: someTakeKernel))
    }
    self.init(
      for: fitting, exampleCount: exampleCount, width: block.width, certifies: options.certifies)
  }

  /// - Parameters:
  ///   - pairs: The methods, with their sides.
  ///   - exampleCount: n.
  ///   - width: d; 0 of a dead block.
  ///   - certifies: Whether residuals are wanted.
  ///   - isMapped: Whether the matrices lie in files, whose pages the system takes back.
  init(
    for pairs: [(any Estimator, CostModel.Choice)], exampleCount: Int, width: Int, certifies: Bool,
    isMapped: Bool = false
  ) {
    let users = pairs.filter { !$0.1.isByPasses && $0.0.need(on: $0.1.side) == .gram }
    let onScores = users.filter { $0.1.side == .score }.count
    let onQueries = users.count - onScores
    choices = pairs.map(\.1)
    estimators = pairs.map { $1.isByPasses ? $0.withoutMatrices ?? $0 : $0 }
    isIterated = estimators.contains { $0 is PreconditionedConjugateGradient }
    self.width = width
    let byPasses = pairs.filter { width > 0 && $0.0.need(on: $0.1.side) == .passes }.map {
      (name: $0.0.name, bytes: $0.0.fittedBytes(width: width, exampleCount: exampleCount))
    }
    gramMethods = users.map { $0.0.name } + byPasses.filter { $0.bytes > 0 }.map(\.name)
    let wantsKernel = certifies && pairs.contains { $0.1.side == .score }
    needsKernel = width > 0 && (onScores > 0 || wantsKernel)
    needsFisher = width > 0 && onQueries > 0
    // The Gram matrix itself, and a factor of its size for each method.
    let fittedBytes = byPasses.reduce(0) { Self.sum($0, $1.bytes) }
    let gramBytes = Self.sum(
      needsKernel ? Self.bytes(order: exampleCount, matrices: 1 + Double(onScores)) : 0,
      needsFisher ? Self.bytes(order: width, matrices: 1 + Double(onQueries)) : 0)
    formedBytes = Self.sum(gramBytes, fittedBytes)
    // The sum of panels, half a matrix and more, before it is a matrix.
    let panels = Self.sum(
      needsKernel ? Self.bytes(order: exampleCount, matrices: 0.75) : 0,
      needsFisher ? Self.bytes(order: width, matrices: 0.75) : 0)
    bytes = isMapped ? 0 : formedBytes
    passingBytes = isMapped ? 0 : panels
  }

  /// How often a fit reads the block.
  var gramPasses: Int { (needsKernel ? 1 : 0) + (needsFisher ? 1 : 0) }

  /// Bytes while the block is being fitted.
  var peakBytes: Int { Self.sum(bytes, passingBytes) }

  /// Bytes of all blocks together.
  static func total(_ demands: [BlockDemand]) -> Int {
    demands.reduce(0) { sum($0, $1.bytes) }
  }

  /// A sum that stays at 2⁶² rather than overflow: more than any memory.
  static func sum(_ a: Int, _ b: Int) -> Int { min(1 << 62, min(a, 1 << 61) + min(b, 1 << 61)) }

  private static func bytes(order: Int, matrices: Double) -> Int {
    Int(min(0x1p61, 8 * Double(order) * Double(order) * matrices))
  }
}
