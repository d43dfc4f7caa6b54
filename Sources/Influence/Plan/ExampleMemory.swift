package import Gradients

/// Computations that hold numbers for every training example, beside the matrices of fitted blocks.
///
/// They cannot work some examples at a time, and are refused before any work where memory does not hold what they take:
/// the counts below are of what is allocated, and are held against measurements in docs/reliability.md.
package enum ExampleMemory {
  /// What removing a set of examples does to some queries; a few queries are scored at a time where memory is short.
  case group
  /// The search for a set of so many examples, `step` of which are removed in a round.
  case subset(size: Int, step: Int, algorithm: RemovalAlgorithm)
  /// Several methods against each other.
  case comparison(queries: Int)
  /// What a report shows of queries and suspects, of which each query's scores are held by themselves.
  case report(methods: Int)
  /// One number for each example.
  case outliers
  /// Several rankings of all examples, some of them by features, of which there are none where nobody recorded any,
  /// and others by the scores of queries, rows of which are held until they are one.
  case suspects(rankings: Int, features: Int?, heldRows: Int)
  /// The norms of all examples.
  case health

  /// Refuses what does not fit in the budget and 64 MiB.
  ///
  /// - Parameters:
  ///   - training: The training gradients.
  ///   - estimators: The methods that are fitted together; empty where nothing is fitted.
  ///   - options: As for the fit.
  /// - Throws: ``InfluenceError/tooManyExamples(source:rows:bytes:budget:isCertified:)``, or
  ///   ``InfluenceError/tooLarge(block:method:order:bytes:budget:)`` of a fit.
  /// - Complexity: O(blocks); nothing is read.
  package func requireRoom(
    on training: GradientStore, by estimators: [any Estimator] = [], options: CurvatureOptions
  ) throws {
    let needs = BlockNeeds.all(of: estimators, on: training, options: options)
    if !estimators.isEmpty { try BlockNeeds.check(needs, against: options.memoryBudget) }
    let fitting = WorkingMemory.fitting(needs, options: options)
    let held =
      fitting.keepsBlocks
      ? BlockNeeds.total(needs)
      : WorkingMemory.largest(needs.map(\.peakBytes), count: fitting.blocksAtATime)
    let each = bytesPerExample(
      blocks: training.layout.count, methods: estimators.count, exampleCount: training.count)
    let (bytes, overflow) = training.count.multipliedReportingOverflow(by: each)
    let all = BlockNeeds.sum(
      BlockNeeds.sum(held, overflow ? 1 << 62 : bytes),
      WorkingMemory.normBytes(
        of: training.count, in: needs.count, recordsNorms: training.recordsNorms, certifies: false))
    guard all <= BlockNeeds.sum(options.memoryBudget, WorkingMemory.allowance) else {
      throw InfluenceError.tooManyExamples(
        source: training.name, rows: training.count, bytes: all, budget: options.memoryBudget,
        isCertified: false)
    }
  }

  /// Bytes for each example, without its norms.
  private func bytesPerExample(blocks: Int, methods: Int, exampleCount: Int) -> Int {
    switch self {
    case .health: 0
    // Values, an order of them, and as they are narrowed and written.
    case .outliers: 36
    case .group: Self.bytesPerQuery(methods: methods, blocks: blocks)
    case .subset(let size, let step, let algorithm):
      // c, a and t of each block; effects, slacks and candidates.
      24 * blocks + 32
        // Columns of G·M·g as they were fitted and as they are downdated, and those that are fetched together.
        + (algorithm == .adaptive
          ? 16 * blocks * size + (20 + 16 * blocks)
            * Self.columnsAtATime(
              step: step, size: size, exampleCount: exampleCount, blocks: blocks)
          : Self.bytesPerQuery(methods: methods, blocks: blocks))
    case .suspects(let rankings, let features, let heldRows):
      // Values, places and order of each ranking, and the same of all together while they are sorted.
      24 * rankings + 56
        // Features and their directions; neighbours with their labels.
        + (features.map { 16 * $0 + 32 } ?? 0)
        + 8 * heldRows
    case .comparison(let queries):
      // Factors of certificates; scores of each method by itself and with its certificate, and their ranks.
      16 * blocks + queries * (64 + 20 * methods)
    case .report(let methods):
      // Factors of certificates; scores of a query, their order and places by each method, by words and by representation;
      // values, places and orders of up to nine rankings; the query's parts of layers.
      16 * blocks + methods * 48 + 48 + 9 * 32 + 96 * methods
    }
  }

  /// Bytes for each example and query whose scores are made at once: their sum, and products and scores of the blocks
  /// in flight.
  static func bytesPerQuery(methods: Int, blocks: Int) -> Int {
    8 * methods + BlockWalk.blocksAtATime(of: blocks) * (8 * methods + 12)
  }

  /// How many columns of G·M·Gᵀ a search fetches in one pass: more of them are likely to be asked for.
  static func columnsAtATime(step: Int, size: Int, exampleCount: Int, blocks: Int) -> Int {
    max(min(step, size), min(size, (1 << 25) / max(1, exampleCount * max(1, blocks))))
  }
}

extension BlockNeeds {
  /// What each block of a store needs, as far as shapes tell.
  static func all(
    of estimators: [any Estimator], on training: GradientStore, options: CurvatureOptions
  ) -> [BlockNeeds] {
    training.layout.blocks.map {
      BlockNeeds(
        of: BlockShape($0, exampleCount: training.count, curvature: training.curvature),
        isDead: estimators.isEmpty, for: estimators, options: options)
    }
  }
}
