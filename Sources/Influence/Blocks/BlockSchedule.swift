import LinearAlgebra

/// In which order blocks are worked on, and how many at a time.
///
/// Several blocks at a time, each on one thread, where there are enough of them; one after the other,
/// each on all threads, where there are few or memory is short. Never decided by the number of threads.
struct BlockSchedule: Sendable {
  let widths: [Int]
  /// How many blocks are in flight together: ``waveSize``, ``fewestAtATime`` or 1.
  let blocksAtATime: Int

  /// Fewer blocks than this leave threads idle when each takes one.
  static let fewestAtATime = 4
  /// How many blocks' results are in flight where memory allows.
  static let waveSize = 8

  /// - Parameters:
  ///   - widths: The width of each block.
  ///   - blocksAtATime: The most blocks at a time; as many as pay unless given.
  init(widths: [Int], blocksAtATime: Int = waveSize) {
    self.widths = widths
    self.blocksAtATime =
      widths.count < Self.fewestAtATime || blocksAtATime < Self.fewestAtATime ? 1 : blocksAtATime
  }

  /// How many of `count` blocks are in flight together where memory allows.
  static func blocksAtATime(of count: Int) -> Int {
    BlockSchedule(widths: [Int](repeating: 1, count: count)).blocksInFlight
  }

  /// The most blocks whose results are held at a time.
  var blocksInFlight: Int { min(blocksAtATime, widths.count) }

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
    for first in stride(from: 0, to: widths.count, by: blocksAtATime) {
      let wave = first..<min(widths.count, first + blocksAtATime)
      if blocksAtATime == 1 {
        // Not as a piece of parallel work: the block's own products take all threads.
        try combine(first, try body(first))
      } else {
        let results = try Parallelism.map(wave.count) { try body(first + $0) }
        for (offset, result) in results.enumerated() { try combine(first + offset, result) }
      }
      done += widths[wave].reduce(0, +)
      progress?(stage, Double(done) / total)
    }
  }
}
