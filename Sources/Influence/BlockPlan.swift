import Gradients
import LinearAlgebra

/// What will be fitted to one block, decided before any work.
struct BlockPlan: Sendable {
  let context: BlockContext
  private let demand: BlockDemand

  init(of context: BlockContext, for estimators: [any Estimator], options: CurvatureOptions) {
    self.context = context
    demand = BlockDemand(
      of: context.block, exampleCount: context.exampleCount, isDead: context.isDead,
      for: estimators, options: options)
  }

  /// One choice an estimator.
  var choices: [CostModel.Choice] { demand.choices }
  var needsKernel: Bool { demand.needsKernel }
  var needsFisher: Bool { demand.needsFisher }
  /// Bytes that stay in memory once the block is fitted.
  var bytes: Int { demand.bytes }

  /// Refuses a fit whose matrices would not fit in memory together.
  static func check(_ plans: [BlockPlan], against budget: Int) throws(InfluenceError) {
    let bytes = BlockDemand.total(plans.map(\.demand))
    var total = 0
    for plan in plans {
      total = BlockDemand.sum(total, plan.bytes)
      guard total <= budget else {
        let order = plan.needsKernel ? plan.context.exampleCount : plan.context.width
        throw .tooLarge(
          block: plan.context.name,
          method: plan.demand.gramMethods.isEmpty
            ? "certificate" : plan.demand.gramMethods.joined(separator: ", "),
          order: order, bytes: bytes, budget: budget)
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
  static let waveSize = 8

  /// How many of `count` blocks are in flight together.
  static func blocksAtATime(of count: Int) -> Int {
    count < fewestAtATime ? min(count, 1) : min(count, waveSize)
  }

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
