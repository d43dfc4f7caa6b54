import Gradients
import LinearAlgebra

/// How many blocks and queries are worked on at a time within a memory budget.
///
/// Counts what is allocated: Gram matrices and factors, scores and products of the blocks in flight.
/// Not counted are mapped gradients, which the system takes back, and a few megabytes per thread for
/// converted chunks and the workspaces of BLAS.
struct WorkingMemory: Sendable {
  /// How many blocks are in flight.
  let blocksAtATime: Int
  /// How many queries are scored together.
  let queriesAtATime: Int
  /// How many training examples are scored together, one query after the other, where the scores of a single query do
  /// not fit and can be made so; nil where they are made of all examples at once.
  let examplesAtATime: Int?
  /// Bytes of the least that can be done at a time: one query, and the matrices of one block.
  let leastBytes: Int
  /// Bytes of the queries that are scored together: scores, and what they are made from.
  let queryBytes: Int
  private let budget: Int

  /// Bytes past the budget in which a run starts all the same: stores of so many examples are small.
  static let allowance = 64 << 20
  /// So many examples are always scored together.
  private static let fewestExamples = 1 << 16
  /// More would not be read faster.
  private static let mostExamples = 1 << 20

  /// The numbers of blocks at a time that `BlockWalk` knows, most first.
  private static let waves = [BlockWalk.waveSize, BlockWalk.fewestAtATime, 1]
  /// With this many queries a pass costs more arithmetic than reading: further ones gain little.
  private static let enoughQueries = 64

  /// Plans the scoring of queries.
  ///
  /// - Parameters:
  ///   - queryCount: m, all the queries that there are.
  ///   - blocks: The blocks.
  ///   - exampleCount: n.
  ///   - estimatorCount: The number of methods.
  ///   - keepsBlocks: Whether all fitted blocks are in memory, or just those in flight.
  ///   - keptShares: Of how many blocks the shares of the scores are kept.
  ///   - recordsNorms: Whether norms are mapped.
  ///   - options: Budget and precision.
  init(
    scoring queryCount: Int, with blocks: [BlockNeeds], exampleCount: Int, estimatorCount: Int,
    keepsBlocks: Bool, keptShares: Int = 0, recordsNorms: Bool, options: CurvatureOptions
  ) {
    let elementBytes = options.precision == .single ? 4 : 8
    let perBlock = blocks.map {
      Self.bytesPerQuery($0, exampleCount, estimatorCount, elementBytes)
    }
    let fixed = Self.normBytes(
      of: exampleCount, in: blocks.count, recordsNorms: recordsNorms,
      certifies: options.certifies)
    let kept = BlockNeeds.total(blocks)
    let peaks = blocks.map(\.peakBytes)
    var best = (blocks: 1, queries: 0, bytes: 0)
    var least = 0
    for atATime in Self.waves {
      let held = keepsBlocks ? kept : Self.largest(peaks, count: atATime)
      let left = max(0, options.memoryBudget - fixed - min(held, options.memoryBudget))
      // Scores as they are added up, copied to the order of files and narrowed.
      let perQuery =
        Self.largest(perBlock, count: atATime) + 8 * exampleCount * (estimatorCount + 1)
        + 4 * exampleCount
        // Shares, and as they are put side by side and narrowed.
        + exampleCount * keptShares * (8 * estimatorCount + 12)
      least = BlockNeeds.sum(fixed, BlockNeeds.sum(held, perQuery))
      let queries = min(queryCount, left / max(1, perQuery))
      if queries > best.queries || best.queries == 0 {
        best = (queries > 0 ? atATime : 1, queries, max(1, queries) * perQuery)
      }
      // Where blocks are not kept, every further set of queries fits them all again.
      if queries >= (keepsBlocks ? min(queryCount, Self.enoughQueries) : queryCount) { break }
    }
    // Where nothing fits, one query in one block, of all examples or of some of them: less is not possible.
    blocksAtATime = best.blocks
    queriesAtATime = max(1, best.queries)
    queryBytes = min(1 << 61, best.bytes)
    budget = options.memoryBudget
    let canPart =
      best.queries == 0 && exampleCount > Self.fewestExamples && estimatorCount == 1 && keepsBlocks
      && keptShares == 0 && !options.reduction.isShared && options.combination == .sum
      && blocks.allSatisfy(\.worksByExamples)
    guard canPart else {
      examplesAtATime = nil
      leastBytes = least
      return
    }
    let norms = Self.normBytes(
      of: exampleCount, in: blocks.count, recordsNorms: recordsNorms, certifies: false)
    let left = options.memoryBudget - BlockNeeds.sum(kept, norms)
    let atATime = Self.examples(within: left, each: Self.bytesPerPart)
    examplesAtATime = atATime
    leastBytes = BlockNeeds.sum(BlockNeeds.sum(kept, norms), atATime * Self.bytesPerPart)
  }

  /// Bytes of an example that is scored for one query: products, scores of a block, their sum, factors, and as they are
  /// narrowed and written.
  static let bytesPerPart = 48

  /// How many examples are worked on together in so many bytes; a multiple of 65,536.
  static func examples(within bytes: Int, each: Int) -> Int {
    let count = min(mostExamples, max(0, bytes) / each)
    return max(1, count / fewestExamples) * fewestExamples
  }

  /// Whether a run is let start: where the least that can be done at a time is within the budget or not much above.
  var starts: Bool { leastBytes <= BlockNeeds.sum(budget, Self.allowance) }

  /// Bytes of the examples' norms in every block where they are not mapped, and of the factors of certificates.
  static func normBytes(
    of exampleCount: Int, in blockCount: Int, recordsNorms: Bool, certifies: Bool
  ) -> Int {
    let each = blockCount * ((recordsNorms ? 0 : 8) + (certifies ? 16 : 0))
    let (bytes, overflow) = exampleCount.multipliedReportingOverflow(by: each)
    return overflow ? 1 << 62 : min(bytes, 1 << 62)
  }

  /// Bytes that one query takes in one block while it is in flight.
  private static func bytesPerQuery(
    _ block: BlockNeeds, _ n: Int, _ estimatorCount: Int, _ elementBytes: Int
  ) -> Int {
    guard !block.isDead else { return 0 }
    // C and S, answers in double precision, coefficients and solutions, directions of an iteration.
    let isSolved = block.needsKernel || block.needsFisher
    let isIterated = block.isIterated
    // Measured in double precision: V, X and residuals; scores, coefficients and what is left over.
    let isMeasured = block.choices.indices.contains { block.aim(of: $0) != nil }
    // DataInf's weights in both precisions, or the roots of norms.
    return n
      * (2 * elementBytes + 16 + 8 * estimatorCount + (isSolved ? 16 : 0) + (isIterated ? 24 : 0)
        + (isMeasured ? 56 : 0))
      + block.shape.width
      // V, X and the same as kernels lay them out.
      * (5 * elementBytes + (isSolved ? 24 : 0) + (isIterated ? 56 : 0) + (isMeasured ? 40 : 0))
  }

  /// Whether the matrices of all blocks can be kept, and how many blocks are fitted at a time.
  static func fitting(
    _ blocks: [BlockNeeds], options: CurvatureOptions
  ) -> (keepsBlocks: Bool, blocksAtATime: Int) {
    let atATime = blocksAtATime(of: blocks.map(\.peakBytes), within: options.matrixBudget)
    let passing = largest(blocks.map(\.passingBytes), count: atATime)
    let total = BlockNeeds.total(blocks)
    return (BlockNeeds.sum(total, passing) <= options.matrixBudget, atATime)
  }

  /// How many blocks can be in flight that take so many bytes each.
  static func blocksAtATime(of bytes: [Int], within budget: Int) -> Int {
    waves.first { largest(bytes, count: $0) <= budget } ?? 1
  }

  /// The sum of the largest few numbers of bytes.
  static func largest(_ bytes: [Int], count: Int) -> Int {
    bytes.sorted(by: >).prefix(count).reduce(0) { BlockNeeds.sum($0, $1) }
  }
}

extension WorkingMemory {
  /// - Throws: ``InfluenceError/tooManyExamples(source:rows:bytes:budget:isCertified:)`` where a run is not let start.
  func requireStart(
    on training: GradientStore, options: CurvatureOptions
  ) throws(InfluenceError) {
    guard !starts else { return }
    throw .tooManyExamples(
      source: training.name, rows: training.count, bytes: leastBytes, budget: options.memoryBudget,
      isCertified: options.certifies && examplesAtATime == nil)
  }
}
