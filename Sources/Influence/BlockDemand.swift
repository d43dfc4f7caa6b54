import Gradients

/// Sides and Gram matrices of one block, from shapes alone: what a fit forms and what a plan counts.
struct BlockDemand: Sendable {
  /// One choice an estimator.
  let choices: [CostModel.Choice]
  let needsKernel: Bool
  let needsFisher: Bool
  /// Bytes that stay in memory once the block is fitted; at most 2⁶².
  let bytes: Int
  /// The methods that need a Gram matrix where they are fitted.
  let gramMethods: [String]

  init(
    of block: Block, exampleCount: Int, isDead: Bool, for estimators: [any Estimator],
    options: CurvatureOptions
  ) {
    guard !isDead else {
      choices = estimators.map { _ in CostModel.Choice(side: .score, reason: "dead") }
      needsKernel = false
      needsFisher = false
      bytes = 0
      gramMethods = []
      return
    }
    func choice(_ estimator: any Estimator, hasKernel: Bool) -> CostModel.Choice {
      options.costModel.side(
        for: estimator, exampleCount: exampleCount, block: block, hasKernel: hasKernel,
        certifies: options.certifies)
    }
    func takesKernel(_ estimator: any Estimator, hasKernel: Bool) -> Bool {
      estimator.need(on: .score) == .gram
        && choice(estimator, hasKernel: hasKernel).side == .score
    }
    // An estimator that needs the kernel makes it free for those that only profit from it.
    let someTakeKernel = estimators.contains { takesKernel($0, hasKernel: false) }
    let choices = estimators.map { choice($0, hasKernel: someTakeKernel) }
    let users = zip(estimators, choices).filter { $0.need(on: $1.side) == .gram }
    let onScores = users.filter { $1.side == .score }.count
    let onQueries = users.count - onScores
    let wantsKernelForCertificate =
      options.certifies && zip(estimators, choices).contains { $1.side == .score }
    self.choices = choices
    needsKernel = onScores > 0 || wantsKernelForCertificate
    needsFisher = onQueries > 0
    gramMethods = users.map { $0.0.name }
    // The Gram matrix itself, and a factor of its size for each method.
    bytes = Self.sum(
      needsKernel ? Self.bytes(order: exampleCount, matrices: 1 + onScores) : 0,
      needsFisher ? Self.bytes(order: block.width, matrices: 1 + onQueries) : 0)
  }

  /// Bytes of all blocks together.
  static func total(_ demands: [BlockDemand]) -> Int {
    demands.reduce(0) { sum($0, $1.bytes) }
  }

  /// A sum that stays at 2⁶² rather than overflow: more than any memory.
  static func sum(_ a: Int, _ b: Int) -> Int { min(1 << 62, min(a, 1 << 61) + min(b, 1 << 61)) }

  private static func bytes(order: Int, matrices: Int) -> Int {
    Int(min(0x1p61, 8 * Double(order) * Double(order) * Double(matrices)))
  }
}
