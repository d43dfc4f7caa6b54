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
      contexts = try BlockContext.all(of: training, damping: options.damping)
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
      live = contexts.filter { !$0.isDead }
      sides = live.map { context in
        fit.sides.contains(.query)
          ? options.costModel.side(
            for: estimator, exampleCount: context.exampleCount, block: context.block,
            hasKernel: false, certifies: false
          ).side : .score
      }
      lambdas = try live.map { context in
        try dampings.map { try $0.lambda(trace: context.trace, width: context.width) }
      }
      let bytes = neededBytes
      guard bytes <= options.memoryBudget else {
        throw InfluenceError.sweepTooLarge(
          dampings: points.count, queries: queryCount, examples: training.count, bytes: bytes,
          budget: options.memoryBudget)
      }
    }

    /// All scores, the largest stack of preconditioned queries, and what blocks in flight take: a Gram
    /// matrix with LAPACK's workspace of twice its size, and queries in its eigenbasis.
    private var neededBytes: Int {
      let order = { (place: Int) in
        self.sides[place] == .score ? self.training.count : self.live[place].width
      }
      let stacked = live.indices.filter { sides[$0] == .query }.map { 2 * order($0) }.max() ?? 0
      let block = live.indices.map { order($0) * (3 * order($0) + queryCount) }.max() ?? 0
      return 8
        * (points.count * queryCount * (training.count + stacked) + BlockWalk.blocksAtATime(
          of: live.count) * block)
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
