import Gradients
import LinearAlgebra

extension DampingSweep {
  /// A sweep before any work: dampings of every block, sides, and whether it fits in memory.
  struct Plan {
    /// The method's name.
    private let method: String
    private let fit: any SweepFit
    let training: GradientStore
    let queries: GradientStore
    let aggregation: Aggregation
    /// All blocks, under the default damping.
    let contexts: [BlockContext]
    /// The dampings, with nothing measured yet.
    let points: [Point]
    let defaultIndex: Int
    let queryCount: Int
    private let live: [BlockContext]
    private let sides: [Side]
    /// λ of each block that is not dead at all dampings.
    private let lambdas: [[Double]]
    private let options: CurvatureOptions

    init(
      _ estimator: any Estimator, _ grid: DampingGrid, _ training: GradientStore,
      _ queries: GradientStore, _ aggregation: Aggregation, _ options: CurvatureOptions
    ) throws {
      guard let fit = estimator.sweep else {
        throw InfluenceError.notSweepable(
          method: estimator.name,
          known: EstimatorCatalog.types.reversed().filter { $0.init().sweep != nil }.map { $0.name }
        )
      }
      try training.requireSameBlocks(as: queries)
      try queries.requireRows()
      guard fit.sides.contains(.query) || options.costModel.request != .query else {
        throw InfluenceError.invalidSetting(
          method: estimator.name, setting: "side",
          reason: "a sweep keeps K for all dampings, which is the score side; leave query out")
      }
      method = estimator.name
      self.fit = fit
      self.options = options
      self.training = training
      self.queries = queries
      self.aggregation = aggregation
      queryCount = aggregation == .mean ? 1 : queries.count
      var dampings = grid.dampings(meeting: options.damping)
      let isDefaultOnGrid = dampings.contains(options.damping)
      if !isDefaultOnGrid { dampings.append(options.damping) }
      let found = dampings.firstIndex(of: options.damping) ?? dampings.count - 1
      defaultIndex = found
      points = dampings.enumerated().map { index, damping in
        Point(
          damping: damping, isOnGrid: isDefaultOnGrid || index < dampings.count - 1,
          isDefault: index == found, effectiveDimension: 0, conditionNumbers: [],
          roundingAmplification: 0,
          relativeResiduals: [])
      }
      let blockSides = training.layout.blocks.map { block in
        fit.sides.contains(.query)
          ? options.costModel.side(
            for: estimator, exampleCount: training.count, block: block, hasKernel: false,
            certifies: false
          ).side : .score
      }
      let bytes = Self.neededBytes(
        of: training, sides: blockSides, dampings: points.count, queries: queryCount)
      guard bytes.scores <= options.memoryBudget,
        bytes.all <= BlockNeeds.sum(options.memoryBudget, WorkingMemory.allowance)
      else {
        throw InfluenceError.sweepTooLarge(
          dampings: points.count, queries: queryCount, examples: training.count, bytes: bytes.all,
          budget: options.memoryBudget)
      }
      contexts = try BlockContext.all(of: training, damping: options.damping)
      live = contexts.filter { !$0.isDead }
      sides = live.map { blockSides[$0.index] }
      lambdas = try live.map { context in
        try dampings.map { try $0.lambda(trace: context.trace, width: context.width) }
      }
    }

    /// Bytes of all scores, the largest stack of preconditioned queries, and what blocks in flight take: a Gram matrix with
    /// LAPACK's workspace of twice its size, and queries in its eigenbasis; and of all that is held for each example.
    private static func neededBytes(
      of training: GradientStore, sides: [Side], dampings: Int, queries: Int
    ) -> (scores: Int, all: Int) {
      let blocks = training.layout.blocks
      let count = Double(training.count)
      let orders = zip(blocks, sides).map { $1 == .score ? count : Double($0.width) }
      let rows = Double(dampings * queries)
      let stacked = zip(orders, sides).map { $1 == .query ? 2 * $0 : 0 }.max() ?? 0
      let block = orders.map { $0 * (3 * $0 + Double(queries)) }.max() ?? 0
      let scores =
        8 * (rows * (count + stacked) + Double(BlockWalk.blocksAtATime(of: blocks.count)) * block)
      // The scores of a block as they are added, ranks of two dampings' scores of a query, and norms.
      let others =
        count * (16 * rows + 150 + (training.recordsNorms ? 0 : 8 * Double(blocks.count)))
      return (Int(min(0x1p61, scores)), Int(min(0x1p61, scores + others)))
    }

    /// Works through the blocks: decomposed several at a time, their scores added in the layout's order.
    ///
    /// - Returns: All scores, `L·m × n`: row `i · m + q` is query q at damping i.
    func run<Element: Scalar>(
      _ points: inout [Point], _ progress: ProgressHandler?, precision: Element.Type
    ) throws -> Matrix<Double> {
      let places = Dictionary(
        uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
      var total = Matrix<Double>.zeros(points.count * queryCount, training.count)
      var residuals = Matrix<Double>.zeros(points.count, queryCount)
      var norms = [Double](repeating: 0, count: queryCount)
      let (live, sides, method, fit) = (live, sides, method, fit)
      let (training, queries, aggregation, options) = (training, queries, aggregation, options)
      let walk = BlockWalk(
        stage: "sweeping", of: training, blocks: live.map(\.index), options: options,
        progress: progress)
      try walk.forEach { place, monitor -> SweptBlock in
        guard let queryPlace = places[live[place].name] else {
          preconditionFailure("layouts were compared")
        }
        let rows = try Curvature.rows(
          of: queries, block: queryPlace, aggregation: aggregation, precision: Element.self)
        return try SweptBlock(
          live[place], sides[place], fit, method: method, queries: rows,
          pass: GradientPass<Element>(
            store: training, block: live[place].index, monitor: monitor,
            reduction: options.reduction))
      } combine: { place, block in
        try block.addScores(at: lambdas[place], to: &total)
        for (query, square) in block.squaredQueryNorms.enumerated() { norms[query] += square }
        for (index, lambda) in lambdas[place].enumerated() {
          points[index].effectiveDimension += block.effectiveDimension(at: lambda)
          points[index].conditionNumbers.append(block.conditionNumber(at: lambda))
          points[index].roundingAmplification = max(
            points[index].roundingAmplification, block.roundingAmplification(at: lambda))
          for (query, square) in try block.scores.squaredResiduals(at: lambda).enumerated() {
            residuals[index, query] += square
          }
        }
      }
      try queries.requireUnchanged()
      for index in points.indices {
        points[index].relativeResiduals = zip(residuals[row: index], norms).map { residual, norm in
          norm > 0 ? (residual / norm).squareRoot() : 0
        }
      }
      return total
    }
  }
}
