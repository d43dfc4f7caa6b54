internal import InfluenceKit
internal import OrderedCollections

extension TextTruth {
  func compute(
    seed: UInt64, at point: WholeSeed, _ context: CellContext
  ) throws -> CellResult<Self> {
    let trained = try training.task(on: data, options.targets, rank: options.rank)
      .trained(seed: seed, progress: context.progress)
    let parts = trained.parts
    let count = parts.training.count
    context.progress("scores", 0)
    let (scores, columns) = try scores(trained)
    let subsets = try RandomSubsets.subsets(
      options.lds.subsets, of: count, fraction: options.lds.fraction, seed: seed)
    let seeds = (1...UInt64(options.lds.seeds)).map { seed &* 1000 &+ $0 }
    let retraining = try trained.retraining()
    let truth = try SubsetTruth(of: subsets, by: retraining, seeds: seeds) { done, total in
      context.progress("training on subsets", Double(done) / Double(total))
    }
    let margins = Self.margins(of: truth, seeds: seeds.count)
    var agreements: OrderedDictionary<String, Agreement> = [:]
    for swept in scores {
      agreements[swept.method] = try agreement(swept.places, subsets, truth.values, margins)
    }

    // Without the most helpful, and without as many at random.
    let groups = try removals(scores, agreements, of: count, seed: seed)
    let rises = try LeaveGroupOut(of: groups, by: retraining, seeds: seeds) { done, total in
      context.progress("training without the top", Double(done) / Double(total))
    }.changes.meanRow().elements
    let shares = options.removals.count
    for (place, swept) in scores.enumerated() {
      agreements[swept.method]?.rises = Array(rises[place * shares..<(place + 1) * shares])
    }
    let atRandom = Array(rises.dropFirst(scores.count * shares))
    return CellResult(
      Result(
        examples: count, columns: columns,
        testAccuracy: try trained.answers(to: parts.test).accuracy,
        retraining: try Self.retrainingScore(truth), methods: agreements,
        randomRises: (0..<shares).map { share in
          Statistics.mean((0..<options.randomDraws).map { atRandom[$0 * shares + share] })
        },
        warnings: Array(OrderedSet(scores.flatMap(\.warnings)))),
      scores: Self.kept(scores, subsets, truth, count))
  }

  /// The scores of all that is held against the truth, in the order of ``rowNames``, and the columns of the gradients.
  private func scores(
    _ trained: TrainedTask<FineTunedModel>
  ) throws -> (scores: [SweptScores], columns: Int) {
    let parts = trained.parts
    let pair = try trained.gradients(for: options.methods)
    var scores = try options.methods.map {
      try SweptScores(of: $0, on: pair, dampings: options.dampings)
    }
    let model = trained.model.model
    scores.append(
      SweptScores(
        undamped: Self.similarity,
        try RepresentationSimilarity().values(
          of: model.representations(of: parts.validation),
          on: model.representations(of: parts.training))))
    var generator = SeededGenerator(seed: trained.seed, stream: 1 << 50)
    scores.append(
      SweptScores(
        undamped: Self.random,
        .normal(parts.validation.count, parts.training.count, using: &generator)))
    return (scores, pair.training.layout.columnCount)
  }

  /// The mean margins over seeds, `m × M`.
  private static func margins(of truth: SubsetTruth, seeds: Int) -> Matrix<Double> {
    let (queries, subsets) = (truth.values.rows, truth.values.columns)
    var means = Matrix<Double>.zeros(queries, subsets)
    for (run, outcome) in truth.results.outcomes.enumerated() {
      for query in 0..<queries {
        means[query, run % subsets] += outcome.margins[query] / Double(seeds)
      }
    }
    return means
  }

  // MARK: - LDS

  private func agreement(
    _ places: [SweptScores.Place], _ subsets: [[Int]], _ losses: Matrix<Double>,
    _ margins: Matrix<Double>
  ) throws -> Agreement {
    let halves = [0, 1].map { half in subsets.indices.filter { $0 % 2 == half } }
    func score(
      _ place: SweptScores.Place, _ truth: Matrix<Double>, over chosen: [Int]
    ) throws -> Double? {
      try LinearDatamodelingScore(
        scores: place.scores, subsets: chosen.map { subsets[$0] },
        truth: Self.columns(chosen, of: truth)
      ).mean
    }
    let all = Array(subsets.indices)
    let swept = try places.map { place in
      AtDamping(
        damping: place.damping, loss: try score(place, losses, over: all),
        margin: try score(place, margins, over: all))
    }
    let byHalf = try halves.map { half in
      try places.map { try score($0, losses, over: half) }
    }
    let chosen = [0, 1].map { byHalf[$0][Self.best(byHalf[1 - $0])] }
    return Agreement(
      dampings: swept,
      chosen: chosen.contains(nil) ? nil : Statistics.mean(chosen.compactMap(\.self)),
      removalDamping: places[Self.best(swept.map(\.loss))].damping, rises: [])
  }

  /// The place of the largest, of equals the first; missing ones come last.
  static func best(_ values: [Double?]) -> Int {
    values.indices.max { (values[$0] ?? -2, -$0) < (values[$1] ?? -2, -$1) } ?? 0
  }

  private static func columns(_ chosen: [Int], of matrix: Matrix<Double>) -> Matrix<Double> {
    Matrix(
      rows: matrix.rows, columns: chosen.count,
      elements: (0..<matrix.rows).flatMap { row in chosen.map { matrix[row, $0] } })
  }

  /// What one training of each subset says of the mean of the others, mean over trainings and queries.
  private static func retrainingScore(_ truth: SubsetTruth) throws -> Double? {
    let known = try truth.bySeed.indices.flatMap { place in
      var others = Matrix<Double>.zeros(truth.values.rows, truth.values.columns)
      for other in truth.bySeed.indices where other != place {
        others.add(truth.bySeed[other], scale: 1)
      }
      return try ScoreAgreement(of: truth.bySeed[place], with: others).rows.compactMap {
        $0?.spearman
      }
    }
    return known.isEmpty ? nil : Statistics.mean(known)
  }

  // MARK: - Leaving out the top

  /// Training rows to leave out: of each method and share those most helpful to the mean query, and then of each draw and
  /// share random ones.
  private func removals(
    _ scores: [SweptScores], _ agreements: OrderedDictionary<String, Agreement>, of count: Int,
    seed: UInt64
  ) throws -> [[Int]] {
    let counts = try options.removals.map { try Ranking.topCount(fraction: $0, of: count) }
    let top = try scores.flatMap { swept in
      let damping = agreements[swept.method]?.removalDamping
      let place = swept.places.first { $0.damping == damping } ?? swept.places[0]
      let mean = place.scores.meanRow().elements
      return try counts.map { try Ranking.topIndices($0, of: mean).sorted() }
    }
    let random = (0..<options.randomDraws).flatMap { draw in
      counts.map {
        ChosenRows.random(Self.random, $0, of: count, seed: seed, draw: draw).rows
      }
    }
    return top + random
  }

  /// What LDS is computed from.
  private static func kept(
    _ scores: [SweptScores], _ subsets: [[Int]], _ truth: SubsetTruth, _ count: Int
  ) -> [CellScores] {
    [
      CellScores(
        "scores", about: "scores; high ones are helpful",
        queriesOf: scores.flatMap { swept in
          swept.places.map { place in
            (place.damping.map { "\(swept.method), λ \($0)" } ?? swept.method, place.scores)
          }
        }),
      .members(of: subsets, count: count),
      CellScores(
        "outcomes", about: "−loss of each query after training on the subset, by training",
        columns: "subsets",
        queriesOf: truth.bySeed.enumerated().map { ("training \($0)", $1) }),
    ]
  }
}
