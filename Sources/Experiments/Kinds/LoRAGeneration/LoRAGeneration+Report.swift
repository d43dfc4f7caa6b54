internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension LoRAGeneration {
  /// A set, and which tokens the losses are of.
  private struct Task {
    let set: String
    let loss: GenerationTexts.Loss
    /// The place of the loss in the settings.
    let place: Int

    var text: String { "\(set), loss of \(loss == .all ? "all tokens" : "the \(loss.rawValue)")" }
  }

  /// A way to rank training examples.
  private struct Ranking {
    let name: String
    /// Nil where there is no λ.
    let damping: Double?
    let found: (AtLoss) -> Found?
  }

  private typealias KindTest = PairedTest<Task>

  private var tasks: [Task] {
    product(points, options.losses.enumerated()).map {
      Task(set: $0, loss: $1.element, place: $1.offset)
    }
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let rankings = rankings(of: results)
    report.add(
      "rankings",
      "How well training examples of a query's own kind come first (± 95 % over seeds; the deviation is over queries, mean over seeds); λ as a share of the mean eigenvalue",
      try table(results, product(tasks, rankings).map { ($0, $1) }))
    for (name, caption, pairs) in [
      ("differences", "Differences", claims(rankings)),
      ("ensembles", "What ensembles add to one model", ensembles(rankings)),
    ] where !pairs.isEmpty {
      let tests = try tests(results, pairs)
      report.add(
        name,
        "\(caption), seed by seed; the chance is that of Student's t test, and after Holm's correction for all rows",
        try Table(
          of: tests,
          [.text("set", \.circumstances.set), .text("loss", \.circumstances.loss.rawValue)]
            + KindTest.columns))
      report.findings += KindTest.findings(tests)
    }
    let damped = try options.methods.filter { try options.dampings(of: $0).count > 1 }
    if options.dampings.count > 1, !damped.isEmpty {
      report.add(
        "dampings", "The same of methods with λ, at each of them",
        try table(
          results,
          product(tasks, product(damped, options.dampings.indices)).map {
            ($0, ranking($1.0, at: $1.1))
          }))
    }
    report.add(
      "models", "The models: the queries' mean loss in nats (± 95 % over seeds)",
      try models(results)
    )
    try addPictures(results, to: &report)
    if let distinct = data.distinctSeeds, sharedQueryShare(results) != nil {
      report.warnings.append(
        "Seeds share examples: the files have enough for \(distinct). Intervals over seeds are too narrow then; differences and their chances have Nadeau and Bengio's correction."
      )
    }
    let falls = try tasks.filter { $0.loss == options.model.loss }.map { task in
      try statistic(results, task) { $0.untrainedQueryLoss - $0.queryLoss }.mean
    }
    if !falls.isEmpty {
      report.check(
        "Training lowers the loss of the queries, which are of other examples",
        results.isQuick || falls.allSatisfy { $0 > 0 },
        detail: "by \(falls.map { NumberFormat.decimals($0, 3) }.joined(separator: ", ")) nats")
    }
    return report
  }

  // MARK: - Values

  /// All rankings, those with λ at the first damping.
  private func rankings(of results: ExperimentResults<Self>) -> [Ranking] {
    let first = results.all.first?.losses.first
    let baselines = first.map { Array($0.baselines.keys) } ?? []
    let ensemble = first.map { Array($0.ensemble.keys) } ?? []
    return options.rankings.map { ranking($0, at: 0) }
      + ensemble.map { name in
        Ranking(
          name: ensembleName(name),
          damping: isDamped(name) ? options.dampings[0] : nil
        ) { $0.ensemble[name] }
      } + baselines.map { name in Ranking(name: name, damping: nil) { $0.baselines[name] } }
  }

  /// A method at one damping, or at its only one.
  private func ranking(_ method: String, at damping: Int) -> Ranking {
    Ranking(name: method, damping: isDamped(method) ? options.dampings[damping] : nil) { loss in
      loss.methods[method].map { $0.count > 1 ? $0[damping] : $0[0] }
    }
  }

  private func isDamped(_ method: String) -> Bool {
    (try? EstimatorCatalog.estimator(method).isDamped) ?? true
  }

  /// A number of each seed; what a seed does not have makes the statistic fail.
  private func statistic(
    _ results: ExperimentResults<Self>, _ task: Task, _ value: (AtLoss) -> Double?
  ) throws -> SeedStatistic {
    try results.statistic(at: task.set) { value($0.losses[task.place]) }
  }

  private func table(
    _ results: ExperimentResults<Self>, _ rows: [(task: Task, ranking: Ranking)]
  ) throws -> Table {
    func value(
      _ row: (task: Task, ranking: Ranking), _ number: (Found) -> Double
    ) throws -> SeedStatistic {
      try statistic(results, row.task) { row.ranking.found($0).map(number) }
    }
    return try Table(
      of: rows,
      .text("set", \.task.set), .text("loss", \.task.loss.rawValue),
      .text("method", \.ranking.name),
      .number("damping", .significant(digits: 2), \.ranking.damping),
      .statistic("AUC") { try value($0, \.auc) },
      .number("deviation of AUC", .decimals(3)) { try value($0, \.aucDeviation).mean },
      .statistic("recall") { try value($0, \.recall) },
      .number("deviation of recall", .decimals(3)) { try value($0, \.recallDeviation).mean })
  }

  private func models(_ results: ExperimentResults<Self>) throws -> Table {
    func value(_ number: @escaping (AtLoss) -> Double) -> (Task) throws -> SeedStatistic? {
      { try statistic(results, $0, number) }
    }
    func count(_ number: @escaping (Result) -> Int) -> (Task) -> Int {
      { results.values(at: $0.set).first.map(number) ?? 0 }
    }
    return try Table(
      of: tasks,
      .text("set", \.set), .text("loss", \.loss.rawValue),
      .integer("training examples", count(\.examples)), .integer("queries", count(\.queries)),
      .integer("columns", count(\.columns)),
      .statistic("after training", value(\.queryLoss)),
      .statistic("before training", value(\.untrainedQueryLoss)))
  }

  // MARK: - Tests

  private typealias Pair = (better: Ranking, worse: Ranking)

  /// DataInf against what costs less and against exact, EK-FAC against DataInf and lengths alone, and what the last layer
  /// reads against EK-FAC.
  private func claims(_ rankings: [Ranking]) -> [Pair] {
    let names = [
      (DataInf.name, HessianFree.name), (DataInf.name, BlockNormalized.name),
      (DataInf.name, Cosine.name), (DataInf.name, ExactFisher.name),
      (DataInf.name, KindRanking.words), (EKFAC.name, DataInf.name), (EKFAC.name, Cosine.name),
      (RepresentationSimilarity.name, EKFAC.name),
    ]
    func ranking(_ name: String) -> Ranking? { rankings.first { $0.name == name } }
    return names.compactMap { better, worse in
      guard let better = ranking(better), let worse = ranking(worse) else { return nil }
      return (better, worse)
    }
  }

  /// Each ensemble against one model.
  private func ensembles(_ rankings: [Ranking]) -> [Pair] {
    options.ensemble.methods.compactMap { name in
      guard let mean = rankings.first(where: { $0.name == ensembleName(name) }),
        let alone = rankings.first(where: { $0.name == name })
      else { return nil }
      return (mean, alone)
    }
  }

  private func ensembleName(_ method: String) -> String {
    "\(method), mean of \(options.ensemble.members)"
  }

  /// Queries by training examples where seeds share some; nil where they do not.
  private func sharedQueryShare(_ results: ExperimentResults<Self>) -> Double? {
    let drawn = results.seeds.max().map { Int($0) + 1 } ?? 0
    guard let distinct = data.distinctSeeds, drawn > distinct else { return nil }
    return data.queryShare
  }

  private func tests(
    _ results: ExperimentResults<Self>, _ pairs: [Pair]
  ) throws -> [KindTest] {
    let quantities: [(name: String, value: (Found) -> Double)] = [
      ("AUC", \.auc), ("recall", \.recall),
    ]
    return KindTest.corrected(
      try product(quantities, product(pairs, tasks)).map { quantity, row in
        let (pair, task) = row
        func values(_ ranking: Ranking) throws -> (name: String, values: [Double]) {
          (
            ranking.name,
            try statistic(results, task) { ranking.found($0).map(quantity.value) }.values
          )
        }
        return try PairedTest(
          of: quantity.name, at: task, try values(pair.better), over: try values(pair.worse),
          resampling: sharedQueryShare(results))
      })
  }

  // MARK: - Pictures

  private func addPictures(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    let order = options.dampings.indices.sorted { options.dampings[$0] < options.dampings[$1] }
    let places = order.map { options.dampings[$0] }
    guard places.count > 1 else { return }
    let pictures: [(name: String, label: String, value: (Found) -> Double)] = [
      ("auc", "AUC", \.auc), ("recall", "recall", \.recall),
    ]
    for picture in pictures {
      let title = "How well the query's own kind is found: \(picture.label)"
      let charts = try tasks.map { task in
        try Chart.curves(
          task.text, x: .init("λ / mean eigenvalue", scale: .logarithmic, at: places),
          y: .init(picture.label), options.methods, at: places
        ) { method, place in
          try statistic(results, task) {
            ranking(options.methods[method], at: order[place]).found($0).map(picture.value)
          }
        }
      }
      try report.add(
        picture.name,
        "\(title), against λ; methods without λ are level. Bands are 95 % over seeds.",
        SmallMultiples(
          title, columns: max(2, min(3, options.losses.count)), sharesRanges: true,
          charts: charts))
    }
  }
}
