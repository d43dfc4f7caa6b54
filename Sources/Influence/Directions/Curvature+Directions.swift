public import Gradients
import LinearAlgebra

extension Curvature {
  /// The directions x = M·v of queries under one of the estimators.
  ///
  /// - Parameters:
  ///   - queries: m rows of gradients, with the training store's blocks in any order.
  ///   - index: The estimator's place in ``estimators``.
  ///   - aggregation: One direction per query, or that of their mean.
  ///   - progress: Called as blocks are done.
  /// - Returns: Directions of the blocks as they are stored, also where the fit has them in groups.
  /// - Throws: ``InfluenceError``, also ``InfluenceError/noDirections(method:)``, or an error from reading a store.
  /// - Complexity: That of the queries' scores and one pass more; m × d numbers of all blocks in memory.
  public func directions(
    of queries: GradientStore, estimator index: Int = 0, aggregation: Aggregation = .none,
    progress: ProgressHandler? = nil
  ) throws -> QueryDirections {
    try training.requireSameBlocks(as: queries)
    try queries.requireRows()
    guard estimators[index].isLinear else {
      throw InfluenceError.noDirections(method: estimators[index].name)
    }
    switch options.precision {
    case .single:
      return try directions(queries, index, aggregation, progress, precision: Float.self)
    case .double:
      return try directions(queries, index, aggregation, progress, precision: Double.self)
    }
  }

  private func directions<Element: Scalar>(
    _ queries: GradientStore, _ index: Int, _ aggregation: Aggregation,
    _ progress: ProgressHandler?, precision: Element.Type
  ) throws -> QueryDirections {
    let rowCount = aggregation == .mean ? 1 : queries.count
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    let live = contexts.filter { !$0.isDead }
    let (supply, training, reduction) = (supply, training, options.reduction)
    var found = training.layout.blocks.map { Matrix<Double>.zeros(rowCount, $0.width) }
    var norms = Matrix<Double>.zeros(rowCount, live.count)
    var ownProducts = [Double](repeating: 0, count: rowCount)
    var warnings = warnings
    let walk = BlockWalk(
      stage: "directions", of: training, blocks: live.map(\.index),
      blocksAtATime: workingMemory(rowCount).blocksAtATime, options: options, progress: progress)
    try walk.forEach { place, monitor in
      let context = live[place]
      guard let queryBlock = places[context.name] else {
        preconditionFailure("layouts were compared: block \(context.name) must be there")
      }
      let rows = try Self.rows(
        of: queries, block: queryBlock, aggregation: aggregation, precision: Element.self)
      let pass = GradientPass<Element>(
        store: training, block: context.index, monitor: monitor, reduction: reduction)
      let directions = try supply.block(context.index, monitor: monitor).directions(
        of: rows, estimator: index, pass: pass)
      let products = directions.rows.view.rowDots(with: Matrix<Double>(converting: rows).view)
      return (directions, rows.squaredRowNorms(), products)
    } combine: { place, outcome in
      found[live[place].index] = outcome.0.rows
      warnings += outcome.0.warnings
      for row in 0..<rowCount {
        norms[row, place] = outcome.1[row].squareRoot()
        ownProducts[row] += outcome.2[row]
      }
    }
    let factors = try scoreFactors(
      ofEstimator: index, queries: queries, aggregation: aggregation, liveNorms: norms,
      ownProducts: ownProducts, precision: Element.self)
    try queries.requireUnchanged()
    try requireUnchangedFit()
    return stored(found, warnings: warnings, factors: factors)
  }

  /// Directions of the blocks as they are stored, out of those of groups.
  private func stored(
    _ values: [Matrix<Double>], warnings: [String], factors: ScoreFactors?
  ) -> QueryDirections {
    let parts = values.enumerated().flatMap { index, value in
      var column = 0
      return zip(training.members(ofBlock: index), training.sourceColumns(ofBlock: index)).map {
        name, columns in
        defer { column += columns.count }
        let part = Matrix(value.view[columns: column..<column + columns.count])
        return (name: name, first: columns.lowerBound, part: part)
      }
    }.sorted { $0.first < $1.first }
    return QueryDirections(
      blocks: parts.map(\.name), values: parts.map(\.part), warnings: warnings, factors: factors)
  }
}
