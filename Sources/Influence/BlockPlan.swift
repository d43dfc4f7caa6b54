import Gradients
import LinearAlgebra

/// What will be fitted to one block, decided before any work.
struct BlockPlan: Sendable {
  let context: BlockContext
  /// One choice an estimator.
  let choices: [CostModel.Choice]
  let needsKernel: Bool
  let needsFisher: Bool
  /// Bytes that stay in memory once the block is fitted.
  let bytes: Int
  private let gramMethods: [String]

  init(of context: BlockContext, for estimators: [any Estimator], options: CurvatureOptions) {
    self.context = context
    guard !context.isDead else {
      choices = estimators.map { _ in CostModel.Choice(side: .score, reason: "dead") }
      needsKernel = false
      needsFisher = false
      bytes = 0
      gramMethods = []
      return
    }
    func choice(_ estimator: any Estimator, hasKernel: Bool) -> CostModel.Choice {
      options.costModel.side(
        for: estimator, exampleCount: context.exampleCount, block: context.block,
        hasKernel: hasKernel, certifies: options.certifies)
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
    let scoreBytes = needsKernel ? context.exampleCount * context.exampleCount * (1 + onScores) : 0
    let queryBytes = needsFisher ? context.width * context.width * (1 + onQueries) : 0
    bytes = 8 * (scoreBytes + queryBytes)
  }

  /// Refuses a fit whose matrices would not fit in memory together.
  static func check(_ plans: [BlockPlan], against budget: Int) throws(InfluenceError) {
    var total = 0
    for plan in plans {
      total += plan.bytes
      guard total <= budget else {
        let order = plan.needsKernel ? plan.context.exampleCount : plan.context.width
        throw .tooLarge(
          block: plan.context.name,
          method: plan.gramMethods.isEmpty
            ? "certificate" : plan.gramMethods.joined(separator: ", "),
          order: order, bytes: plans.reduce(0) { $0 + $1.bytes }, budget: budget)
      }
    }
  }
}

/// In which order blocks are worked on, and how many at a time.
///
/// Several blocks at a time, each on one thread, where there are enough of them; one after the other,
/// each on all threads, where there are few. Never decided by the number of threads.
struct BlockSchedule: Sendable {
  let widths: [Int]

  /// Fewer blocks than this leave threads idle when each takes one.
  private static let fewestAtATime = 4
  /// How many blocks' results are in flight.
  private static let waveSize = 8

  /// The most blocks whose results are held at a time.
  var blocksInFlight: Int {
    widths.count < Self.fewestAtATime ? min(1, widths.count) : min(Self.waveSize, widths.count)
  }

  /// The results of `body` for every block, in the layout's order.
  func map<Result: Sendable>(
    stage: String, progress: ProgressHandler?, _ body: @escaping @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    var results: [Result] = []
    try forEachWave(stage: stage, progress: progress, body) { _, result in results.append(result) }
    return results
  }

  /// Calls `combine` with each block's result, in the layout's order, a wave of blocks at a time.
  func forEachWave<Result: Sendable>(
    stage: String, progress: ProgressHandler?, _ body: @escaping @Sendable (Int) throws -> Result,
    combine: (Int, Result) throws -> Void
  ) throws {
    let total = Double(max(1, widths.reduce(0, +)))
    var done = 0
    progress?(stage, 0)
    if widths.count < Self.fewestAtATime {
      for index in widths.indices {
        try combine(index, try body(index))
        done += widths[index]
        progress?(stage, Double(done) / total)
      }
      return
    }
    for first in stride(from: 0, to: widths.count, by: Self.waveSize) {
      let wave = first..<min(widths.count, first + Self.waveSize)
      let results = try Parallelism.map(wave.count) { try body(first + $0) }
      for (offset, result) in results.enumerated() { try combine(first + offset, result) }
      done += widths[wave].reduce(0, +)
      progress?(stage, Double(done) / total)
    }
  }
}
