import LinearAlgebra

/// How many blocks and queries are worked on at a time within a memory budget.
///
/// Counts what is allocated: Gram matrices and factors, scores and products of the blocks in flight.
/// Not counted are mapped gradients, which the system takes back, and a few megabytes a thread for
/// converted chunks and the workspaces of BLAS.
struct WorkingMemory: Sendable {
  /// How many blocks are in flight.
  let blocksAtATime: Int
  /// How many queries are scored together.
  let queriesAtATime: Int

  /// The numbers of blocks at a time that ``BlockSchedule`` knows, most first.
  private static let waves = [BlockSchedule.waveSize, BlockSchedule.fewestAtATime, 1]
  /// With this many queries a pass costs more arithmetic than reading: further ones gain little.
  private static let enoughQueries = 64

  /// Plans the scoring of queries.
  ///
  /// - Parameters:
  ///   - queryCount: m, all the queries that there are.
  ///   - demands: The blocks.
  ///   - exampleCount: n.
  ///   - estimatorCount: The number of methods.
  ///   - keepsBlocks: Whether all fitted blocks are in memory, or just those in flight.
  ///   - keptShares: Of how many blocks the shares of the scores are kept.
  ///   - options: Budget and precision.
  init(
    scoring queryCount: Int, with demands: [BlockDemand], exampleCount: Int, estimatorCount: Int,
    keepsBlocks: Bool, keptShares: Int = 0, options: CurvatureOptions
  ) {
    let elementBytes = options.precision == .single ? 4 : 8
    let perBlock = demands.map {
      Self.bytesPerQuery($0, exampleCount, estimatorCount, elementBytes)
    }
    // Norms, and the factors of certificates.
    let fixed = 8 * 3 * exampleCount * demands.count
    let kept = BlockDemand.total(demands)
    let peaks = demands.map(\.peakBytes)
    var best = (blocks: 1, queries: 0)
    for blocks in Self.waves {
      let held = keepsBlocks ? kept : Self.largest(peaks, count: blocks)
      let left = max(0, options.memoryBudget - fixed - min(held, options.memoryBudget))
      // Scores as they are added up, copied to the order of files and narrowed.
      let perQuery =
        Self.largest(perBlock, count: blocks) + 8 * exampleCount * (estimatorCount + 1)
        + 4 * exampleCount
        // Shares, and as they are put side by side and narrowed.
        + exampleCount * keptShares * (8 * estimatorCount + 12)
      let queries = min(queryCount, left / max(1, perQuery))
      if queries > best.queries { best = (blocks, queries) }
      if queries >= min(queryCount, Self.enoughQueries) { break }
    }
    // Where nothing fits, one query in one block: less is not possible.
    blocksAtATime = best.blocks
    queriesAtATime = max(1, best.queries)
  }

  /// Bytes that one query takes in one block while it is in flight.
  private static func bytesPerQuery(
    _ demand: BlockDemand, _ n: Int, _ estimatorCount: Int, _ elementBytes: Int
  ) -> Int {
    guard demand.width > 0 else { return 0 }
    // C and S, answers in double precision, coefficients and solutions, directions of an iteration.
    let isSolved = demand.needsKernel || demand.needsFisher
    let isIterated = demand.isIterated
    return n
      * (2 * elementBytes + 8 * estimatorCount + (isSolved ? 16 : 0) + (isIterated ? 24 : 0))
      + demand.width * (3 * elementBytes + (isSolved ? 24 : 0) + (isIterated ? 56 : 0))
  }

  /// Whether the matrices of all blocks can be kept, and how many blocks are fitted at a time.
  static func fitting(
    _ demands: [BlockDemand], options: CurvatureOptions
  ) -> (keepsBlocks: Bool, blocksAtATime: Int) {
    let atATime = blocksAtATime(of: demands.map(\.peakBytes), within: options.matrixBudget)
    let passing = largest(demands.map(\.passingBytes), count: atATime)
    let total = BlockDemand.total(demands)
    return (BlockDemand.sum(total, passing) <= options.matrixBudget, atATime)
  }

  /// How many blocks can be in flight that take so many bytes each.
  static func blocksAtATime(of bytes: [Int], within budget: Int) -> Int {
    waves.first { largest(bytes, count: $0) <= budget } ?? 1
  }

  /// The sum of the largest few numbers of bytes.
  static func largest(_ bytes: [Int], count: Int) -> Int {
    bytes.sorted(by: >).prefix(count).reduce(0) { BlockDemand.sum($0, $1) }
  }
}
