internal import InfluenceKit
internal import OrderedCollections

extension EnsembleExperiment {
  func baselines(of trained: TrainedTask<Model>) throws -> EnsembleBaselines {
    let count = trained.parts.training.count
    let size = try TrimCurve.rows(
      removing: options.trim, scores: [Double](repeating: 0, count: count)
    ).count
    let kept =
      [Array(0..<count)]
      + (0..<options.randomDraws).map { draw in
        var generator = SeededGenerator(seed: trained.seed, stream: 1 << 52 + UInt64(draw))
        return generator.permutation(count).prefix(size).sorted()
      }
    let accuracies = try accuracies(of: trained, after: kept)
    let scores = try scores(of: trained)
    return EnsembleBaselines(
      validationAccuracy: try trained.answers(to: trained.parts.validation).accuracy,
      accuracy: accuracies[0],
      randomAccuracies: Array(accuracies.dropFirst()), flipped: trained.parts.wrongRows.sorted(),
      scores: OrderedDictionary(uniqueKeysWithValues: zip(options.methods, scores)))
  }

  func ensembles(
    of trained: TrainedTask<Model>, _ source: EnsembleSource, _ context: CellContext,
    costs: inout Costs
  ) throws -> Ensembles {
    // Trained networks are dear: one draw of them.
    let draws = source == .trained ? 1 : options.draws
    let size = (members.last ?? 1) - 1
    let total = draws * size + options.reference
    let first = try scores(of: trained)
    var watch = StageWatch()
    let others = try watch.time(EnsembleCost.members) {
      try self.others(total, source, trained, context)
    }
    costs[EnsembleCost.oneMember] = watch.seconds.values.reduce(0, +) / Double(total)
    var results: OrderedDictionary<String, Ensembles.Method> = [:]
    var removals: [[Int]] = []
    for (place, method) in options.methods.enumerated() {
      let pool = others.map { $0[place] }
      let far = Self.mean(pool.suffix(options.reference))
      var sizes: [Ensembles.Size] = []
      for count in members {
        var (areas, ranks) = ([Double](), [Double]())
        for draw in 0..<draws {
          let mean = Self.mean([first[place]] + pool[draw * size..<draw * size + count - 1])
          areas.append(
            try Detection.areaUnderROC(scores: mean.map { -$0 }, positives: trained.parts.wrongRows)
          )
          ranks.append(try Correlation.spearman(mean, far))
          if draw == 0 { removals.append(try TrimCurve.rows(removing: options.trim, scores: mean)) }
        }
        sizes.append(
          Ensembles.Size(members: count, auc: Self.mean(areas), spearman: Self.mean(ranks)))
      }
      results[method] = Ensembles.Method(ensembles: sizes, variances: variances(of: pool))
    }
    let accuracies = try accuracies(of: trained, after: removals)
    for (place, method) in options.methods.enumerated() {
      results[method]?.accuracies = Array(
        accuracies[place * members.count..<(place + 1) * members.count])
    }
    return Ensembles(
      methods: results,
      ensembleDifference: try difference(source, trained, first, others))
  }

  /// The scores of members 1, 2, …, by member and method.
  private func others(
    _ total: Int, _ source: EnsembleSource, _ trained: TrainedTask<Model>, _ context: CellContext
  ) throws -> [[[Double]]] {
    switch source {
    case .dropout(let rate):
      let dropouts = try Dropout.members(
        count: total + 1, maximum: rate, seed: trained.seed
      ).dropFirst()
      return try dropouts.enumerated().map { index, dropout in
        context.progress("scoring members", 0.8 * Double(index) / Double(total))
        return try scores(of: trained, dropout: dropout)
      }
    case .trained:
      context.progress("training members", 0)
      let models = try others(total, than: trained)
      return try models.map {
        try scores(of: TrainedTask($0, on: trained.parts, seed: trained.seed))
      }
    }
  }

  /// Gradients under a dropout, of queries under other masks than of training examples.
  private func gradients(
    of trained: TrainedTask<Model>, dropout: Dropout?
  ) throws -> GradientPair {
    guard let dropout else { return try trained.gradients(for: options.methods) }
    let asked = try asked(trained.model, under: dropout)
    return try TrainedTask(asked.training, on: trained.parts, seed: trained.seed)
      .gradients(for: options.methods, asking: asked.queries)
  }

  /// Scores of the mean validation query, by method.
  private func scores(
    of trained: TrainedTask<Model>, dropout: Dropout? = nil
  ) throws -> [[Double]] {
    let pair = try gradients(of: trained, dropout: dropout)
    return try Curvature(
      fitting: options.methods.map { try EstimatorCatalog.estimator($0) }, on: pair.training,
      options: CurvatureOptions(certifies: false)
    ).scores(of: pair.queries, aggregation: .mean).map(\.values.elements)
  }

  /// The largest difference of the library's ensemble of members 0 and 1 from the mean taken here, by the
  /// largest score; nil for trained members, which are not kept.
  private func difference(
    _ source: EnsembleSource, _ trained: TrainedTask<Model>, _ first: [[Double]],
    _ others: [[[Double]]]
  ) throws -> Double? {
    guard case .dropout(let rate) = source, let method = options.methods.first,
      let second = others.first
    else { return nil }
    let pairs = try Dropout.members(count: 2, maximum: rate, seed: trained.seed).map {
      try gradients(of: trained, dropout: $0)
    }
    let ensemble = try ScoreEnsemble(
      pairs.map { .init(weight: 0.5, training: $0.training, queries: $0.queries) })
    let scores = try ensemble.scores(
      by: EstimatorCatalog.estimator(method), aggregation: .mean
    ).values.elements
    let mean = Self.mean([first[0], second[0]])
    let largest = mean.map(abs).max() ?? 1
    return (zip(scores, mean).map { abs($0 - $1) }.max() ?? 0) / (largest > 0 ? largest : 1)
  }

  /// The variance of the mean of k members beyond member 0 for k = T − 1 of each T but 1: over disjoint
  /// groups of the pool, without bias; mean over examples.
  private func variances(of pool: [[Double]]) -> [Double] {
    members.dropFirst().map { count in
      let groups = (0..<pool.count / (count - 1)).map {
        Self.mean(pool[$0 * (count - 1)..<($0 + 1) * (count - 1)])
      }
      let mean = Self.mean(groups)
      let squares = groups.reduce(0.0) { sum, group in
        sum + zip(group, mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
      return groups.count > 1 ? squares / Double(groups.count - 1) / Double(mean.count) : 0
    }
  }

  /// The test accuracy of networks trained on these rows alone, mean over trainings.
  private func accuracies(
    of trained: TrainedTask<Model>, after kept: [[Int]]
  ) throws -> [Double] {
    try trained.accuracies(
      after: kept,
      seeds: (1...UInt64(options.trimSeeds)).map { trained.seed &+ 7_000_003 &* $0 })
  }

  static func mean(_ values: [Double]) -> Double { Statistics.mean(values) }

  private static func mean(_ lists: some Collection<[Double]>) -> [Double] {
    var sum = [Double](repeating: 0, count: lists.first?.count ?? 0)
    for list in lists {
      for index in sum.indices { sum[index] += list[index] }
    }
    return sum.map { $0 / Double(lists.count) }
  }
}
