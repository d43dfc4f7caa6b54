import Gradients
import LinearAlgebra

/// One walk over blocks of the training gradients: the order, how many blocks are in flight, reading ahead,
/// metering and progress are the same whatever is done with each block.
///
/// Several blocks are worked on at a time, each on one thread, where there are enough of them; one after
/// the other, each on all threads, where there are few or memory is short. The number of threads never
/// decides.
struct BlockWalk: Sendable {
  /// What progress is called.
  let stage: String
  let training: GradientStore
  /// The blocks, in the layout's order.
  let blocks: [Int]
  /// How many blocks are in flight together: ``waveSize``, ``fewestAtATime`` or 1.
  let blocksAtATime: Int
  private let readBlocks: [Int]
  private let expectedBytes: Double
  private let meter: RunMeter?
  private let progress: ProgressHandler?

  /// Fewer blocks than this leave threads idle when each takes one.
  static let fewestAtATime = 4
  /// How many blocks' results are in flight where memory allows.
  static let waveSize = 8

  /// Plans a walk.
  ///
  /// - Parameters:
  ///   - stage: What progress is called.
  ///   - training: The training gradients.
  ///   - blocks: The blocks, in the layout's order.
  ///   - blocksAtATime: The most blocks at a time; as many as pay unless given.
  ///   - readBlocks: The blocks whose gradients are read; all unless given.
  ///   - expectedBytes: What is read in all passes; 0 where nobody can say, and then progress goes by the
  ///     columns of finished blocks.
  ///   - options: Where work is counted.
  ///   - progress: Called as rows or blocks are done.
  init(
    stage: String, of training: GradientStore, blocks: [Int], blocksAtATime: Int = waveSize,
    readBlocks: [Int]? = nil, expectedBytes: Double = 0, options: CurvatureOptions,
    progress: ProgressHandler?
  ) {
    self.stage = stage
    self.training = training
    self.blocks = blocks
    self.blocksAtATime =
      options.reduction.isShared ? 1 : Self.inFlight(blocks.count, atMost: blocksAtATime)
    self.readBlocks = readBlocks ?? blocks
    self.expectedBytes = expectedBytes
    meter = options.meter
    self.progress = progress
  }

  private static func inFlight(_ count: Int, atMost limit: Int) -> Int {
    count < fewestAtATime || limit < fewestAtATime ? 1 : limit
  }

  /// How many of `count` blocks are in flight together where memory allows.
  static func blocksAtATime(of count: Int) -> Int { min(inFlight(count, atMost: waveSize), count) }

  /// The most blocks whose results are held at a time.
  var blocksInFlight: Int { min(blocksAtATime, blocks.count) }

  /// The results of `body` for every block, in the layout's order.
  ///
  /// - Parameter body: Given the place of a block among ``blocks``, and what stands beside its passes.
  func map<Result: Sendable>(
    _ body: @escaping @Sendable (_ place: Int, _ monitor: PassMonitor) throws -> Result
  ) throws -> [Result] {
    var results: [Result] = []
    try forEach(body) { _, result in results.append(result) }
    return results
  }

  /// Calls `combine` with each block's result, in the layout's order, a wave of blocks at a time.
  func forEach<Result: Sendable>(
    _ body: @escaping @Sendable (_ place: Int, _ monitor: PassMonitor) throws -> Result,
    combine: (_ place: Int, Result) throws -> Void
  ) throws {
    let countsBytes = expectedBytes > 0
    let monitor = PassMonitor(
      stage: stage, of: training, blocks: readBlocks, blocksAtATime: blocksAtATime,
      expectedBytes: expectedBytes, meter: meter, progress: progress)
    defer { monitor.finish() }
    let widths = blocks.map { training.layout.blocks[$0].width }
    let total = Double(max(1, widths.reduce(0, +)))
    var done = 0
    for first in stride(from: 0, to: blocks.count, by: blocksAtATime) {
      let wave = first..<min(blocks.count, first + blocksAtATime)
      if blocksAtATime == 1 {
        // Not as a piece of parallel work: the block's own products take all threads.
        try combine(first, try body(first, monitor))
      } else {
        let results = try Parallelism.map(wave.count) { try body(first + $0, monitor) }
        for (offset, result) in results.enumerated() { try combine(first + offset, result) }
      }
      // No sum may hold numbers of files that something else has written meanwhile.
      try training.requireUnchanged()
      done += widths[wave].reduce(0, +)
      if !countsBytes, done < widths.reduce(0, +) { progress?(stage, Double(done) / total) }
    }
  }
}
