import Gradients
import LinearAlgebra

extension Curvature {
  /// Examples removed from a fitted curvature, one query watched, by rank-one downdates in the span of the
  /// removed examples.
  ///
  /// Per block, with M_U = (F − G_UᵀG_U/n + λI)⁻¹ after the set U was removed, and for every example j
  ///
  ///     cⱼ = vᵀ·M_U·gⱼ,   aⱼ = gⱼᵀ·M_U·gⱼ/n,   tⱼ = gⱼᵀ·M_U·Σ_U g/n
  ///     effect of j      Σ_blocks (1/n)·cⱼ·(1 + tⱼ)/(1 − aⱼ)
  ///
  /// which is the second-order effect of U ∪ {j} less that of U, exactly. Removing u takes the column
  /// w = G·M_U·g_u: M_U's is the fitted one plus Σ w·w_u/(n(1 − a_u)) over those removed before.
  struct Removal: RemovalModel {
    private struct Block {
      /// c, a, t of all n examples.
      var scores: [Double]
      var leverages: [Double]
      var pulls: [Double]
      /// w of each removed example, with its place and 1/(n(1 − a)).
      var columns: [(values: [Double], factor: Double)] = []
    }

    private let curvature: Curvature
    private let estimator: Int
    private let queries: GradientStore
    private let aggregation: Aggregation
    private let query: Int
    private var blocks: [Block]
    private var names: [String]
    /// Columns G·M·g of the fitted curvature by example, one list per block.
    private var known: [Int: [[Double]]] = [:]
    private let sizeHint: Int
    private let direction: RemovalDirection
    private let usesLeverages: Bool

    /// - Parameters:
    ///   - queries: One row, or several whose mean is watched.
    ///   - sizeHint: How many examples will be removed.
    ///   - usesLeverages: Whether anything but first order will be asked for.
    /// - Throws: ``InfluenceError/groupTooInfluential(method:block:leverage:)`` where leverages are used and one is
    ///   above 1 by more than rounding: the method's M is then no curvature that examples could be taken out of.
    init(
      _ curvature: Curvature, estimator: Int, queries: GradientStore, aggregation: Aggregation,
      query: Int, sizeHint: Int, direction: RemovalDirection, usesLeverages: Bool,
      progress: ProgressHandler?
    ) throws {
      self.curvature = curvature
      self.estimator = estimator
      self.queries = queries
      self.aggregation = aggregation
      self.query = query
      self.sizeHint = sizeHint
      self.direction = direction
      self.usesLeverages = usesLeverages
      let n = curvature.training.count
      var scores: [[Double]] = []
      var names: [String] = []
      _ = try curvature.scores(
        of: queries, aggregation: aggregation, progress: progress,
        eachBlock: { name, shares in
          names.append(name)
          scores.append(Array(shares[estimator][row: query]))
        })
      guard usesLeverages else {
        let zeros = [Double](repeating: 0, count: n)
        blocks = scores.map { Block(scores: $0, leverages: zeros, pulls: zeros) }
        self.names = names
        return
      }
      var leverages: [[Double]] = []
      _ = try curvature.exampleQuantities(
        .selfInfluence, of: estimator..<estimator + 1, progress: progress,
        eachBlock: { leverages.append($0[0].map { $0 / Double(n) }) })
      blocks = zip(scores, leverages).map {
        Block(scores: $0, leverages: $1, pulls: [Double](repeating: 0, count: n))
      }
      self.names = names
      let rounding = curvature.options.precision == .single ? 1e-3 : 1e-9
      for (name, block) in zip(names, blocks) {
        if let largest = block.leverages.max(), largest > 1 + rounding {
          throw InfluenceError.groupTooInfluential(
            method: curvature.estimators[estimator].name, block: name, leverage: largest)
        }
      }
    }

    var count: Int { curvature.training.count }

    var firstOrderEffects: [Double] {
      sum { block, row in block.scores[row] * (1 + block.pulls[row]) }
    }

    var effects: [Double] {
      sum { block, row in
        block.scores[row] * (1 + block.pulls[row]) / (1 - block.leverages[row])
      }
    }

    var slacks: [Double] {
      (0..<count).map { row in blocks.reduce(1) { min($0, 1 - $1.leverages[row]) } }
    }

    private func sum(_ share: (Block, Int) -> Double) -> [Double] {
      (0..<count).map { row in blocks.reduce(0) { $0 + share($1, row) } / Double(count) }
    }

    mutating func remove(_ rows: [Int]) throws {
      try fetch(rows)
      let n = Double(count)
      for row in rows {
        guard let columns = known[row] else { preconditionFailure("columns were fetched") }
        for place in blocks.indices {
          var column = columns[place]
          for earlier in blocks[place].columns {
            let factor = earlier.values[row] * earlier.factor
            for index in column.indices { column[index] += factor * earlier.values[index] }
          }
          // Not the leverage as it was fitted: in single precision the two differ by rounding.
          let slack = 1 - column[row] / n
          guard slack >= RemovalSearch.leastSlack else {
            throw InfluenceError.groupTooInfluential(
              method: curvature.estimators[estimator].name, block: names[place], leverage: 1 - slack
            )
          }
          let factor = 1 / (n * slack)
          let score = blocks[place].scores[row]
          let pull = blocks[place].pulls[row]
          for index in column.indices {
            let value = column[index] * factor
            blocks[place].scores[index] += score * value
            blocks[place].leverages[index] += column[index] * value / n
            // t' = gᵀM'(Σ_U g + g_u)/n, M' = M + M g_u g_uᵀ M/(n(1 − a)).
            blocks[place].pulls[index] += value * (1 + pull)
          }
          blocks[place].columns.append((column, factor))
        }
      }
    }

    /// Columns of the rows, with those of the examples that are likely to come next: they cost one pass together.
    private mutating func fetch(_ rows: [Int]) throws {
      guard rows.contains(where: { known[$0] == nil }) else { return }
      let effects = effects
      let slacks = slacks
      let most = ExampleMemory.columnsAtATime(
        step: rows.count, size: max(rows.count, sizeHint), exampleCount: count, blocks: blocks.count
      )
      let missing = rows.filter { known[$0] == nil }
      let others = slacks.indices.filter {
        known[$0] == nil && !rows.contains($0) && slacks[$0] >= RemovalSearch.leastSlack
      }
      let wanted =
        missing
        + RemovalSearch.leading(
          max(0, most - missing.count), of: others, effects: effects, direction: direction)
      let members = try curvature.training.gathering(wanted, name: "group")
      let estimator = estimator
      var parts: [[[Double]]] = wanted.map { _ in [] }
      _ = try curvature.scores(
        of: members,
        eachBlock: { _, shares in
          for place in parts.indices { parts[place].append(Array(shares[estimator][row: place])) }
        })
      for (row, part) in zip(wanted, parts) { known[row] = part }
    }

    func effect(ofRemoving rows: [Int]) throws -> Double {
      // No more at a time than columns were fetched, whose memory is free again.
      let atATime = ExampleMemory.columnsAtATime(
        step: 1, size: rows.count, exampleCount: count, blocks: blocks.count)
      return try curvature.groupInfluence(
        ofRemoving: rows, on: queries, aggregation, atATime: atATime, progress: nil)[estimator]
        .secondOrder[query]
    }
  }
}
