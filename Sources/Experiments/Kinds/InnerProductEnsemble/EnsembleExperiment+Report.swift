internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension EnsembleExperiment {
  /// A measure of the ensembles of one method, by the place of their size.
  private typealias Measure = @Sendable (Ensembles.Method, Int) -> Double

  private static var auc: Measure { { $0.ensembles[$1].auc } }
  private static var spearman: Measure { { $0.ensembles[$1].spearman } }
  private static var accuracy: Measure { { $0.accuracies[$1] } }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let rows = product(options.methods, product(sources, members.indices)).map { method, row in
      (source: row.0, method: method, place: row.1)
    }
    let table = try Table(
      of: rows,
      .text("method") { $0.method }, .text("members") { $0.source.label },
      .integer("T") { members[$0.place] },
      .statistic("AUC", decimals: 4) { try statistic(results, Self.auc, $0, $1, $2) },
      .statistic("gain", decimals: 4) { try gain(results, Self.auc, $0, $1, $2) },
      .statistic("Spearman with many", decimals: 4) {
        try statistic(results, Self.spearman, $0, $1, $2)
      },
      .statistic("accuracy after trimming", decimals: 4) {
        try statistic(results, Self.accuracy, $0, $1, $2)
      })
    var report = ExperimentReport()
    report.add(
      "ensembles",
      "Ensembles of T members: AUC for wrong labels and its gain over one model (paired by seed), rank correlation with the mean of very many members, test accuracy after removing the lowest \(NumberFormat.significant(100 * options.trim, digits: 2)) % (± 95 % over seeds)",
      table)
    report.add(
      "baselines",
      "Test accuracy without ensembles (± 95 % over seeds)",
      try baselineTable(results))
    report.add(
      "costs",
      "What an ensemble takes: seconds of a member beyond the first, by the clock, with its gradients and scores, median over seeds, and the gain over one model that T members have",
      try costTable(results))
    try addVariances(results, to: &report)
    try addPictures(results, to: &report)
    try describe(results, in: &report)
    return report
  }

  func lists(of result: Result) -> [ResultList] {
    (result.second?.methods ?? [:]).flatMap { name, method in
      [
        ResultList("methods.\(name).ensembles", method.ensembles, of: members.count),
        ResultList("methods.\(name).variances", method.variances, of: members.count - 1),
        ResultList("methods.\(name).accuracies", method.accuracies, of: members.count),
      ]
    }
  }

  private func statistic(
    _ results: ExperimentResults<Self>, _ measure: Measure, _ source: EnsembleSource,
    _ method: String,
    _ place: Int
  ) throws -> SeedStatistic {
    try SeedStatistic(
      results.ensembles(from: source).map { $0.methods[method].map { measure($0, place) } ?? .nan })
  }

  /// Over one model of the same seed.
  private func gain(
    _ results: ExperimentResults<Self>, _ measure: Measure, _ source: EnsembleSource,
    _ method: String,
    _ place: Int
  ) throws -> SeedStatistic {
    try SeedStatistic(
      statistic(results, measure, source, method, place).values,
      minus: statistic(results, measure, source, method, 0).values)
  }

  private func baselineTable(_ results: ExperimentResults<Self>) throws -> Table {
    let baselines = results.baselines
    var rows = [
      ("nothing", try SeedStatistic(baselines.map(\.accuracy))),
      ("at random", try SeedStatistic(baselines.map { Self.mean($0.randomAccuracies) })),
    ]
    rows += try options.methods.map {
      (
        "lowest by \($0), one model", try statistic(results, Self.accuracy, .trained, $0, 0)
      )
    }
    return try Table(
      of: rows,
      .text("removed") { name, _ in name },
      .statistic("test accuracy", decimals: 4) { _, accuracy in accuracy })
  }

  /// Members from each source, what they took, and what the first method gains by them.
  private func costTable(_ results: ExperimentResults<Self>) throws -> Table {
    let rows = product(sources, members.indices.dropFirst()).map { ($0, $1) }
    let method = options.methods.first ?? ""
    func oneMember(_ source: EnsembleSource) -> Double? {
      Statistics.median(
        results.costs(at: .ensembles(source)).compactMap { $0[EnsembleCost.oneMember] })
    }
    return try Table(
      of: rows,
      .text("members") { source, _ in source.label },
      .integer("T") { _, place in members[place] },
      .number("one member", .seconds) { source, _ in oneMember(source) },
      .number("all members", .seconds) { source, place in
        oneMember(source).map { $0 * Double(members[place] - 1) }
      },
      .statistic("gain in AUC of \(method)", decimals: 4) { source, place in
        try gain(results, Self.auc, source, method, place)
      })
  }

  /// The variance of the mean of k members against k, and its exponent.
  private func addVariances(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    let counts = members.dropFirst().map { Double($0 - 1) }
    guard counts.count >= 2 else { return }
    var table = Table(
      columns: [
        .init("method"), .init("members"), .init("exponent", .decimals(3)),
        .init("standard error", .decimals(3)),
      ])
    var exponents: [Double] = []
    var charts: [Chart] = []
    for method in options.methods {
      var curves: [(name: String, points: [Chart.Point])] = []
      for source in sources {
        // Each seed by its own first, so that a seed with large gradients counts no more.
        let relative = results.ensembles(from: source).map { ensembles in
          let values = ensembles.methods[method]?.variances ?? []
          return values.map { $0 / (values.first ?? 1) }
        }
        let means = counts.indices.map { place in Self.mean(relative.map { $0[place] }) }
        // Of too few members there are no two groups that could differ.
        let known = zip(counts, means).filter { $1 > 0 }
        curves.append((source.label, known.map { Chart.Point($0, $1) }))
        guard let fit = PowerLawFit(x: known.map(\.0), y: known.map(\.1)) else { continue }
        exponents.append(fit.exponent)
        table.append([
          .text(method), .text(source.label), .number(fit.exponent), .number(fit.standardError),
        ])
      }
      charts.append(
        Chart.curves(
          method, x: .init("members beyond member 0", scale: .logarithmic, at: counts),
          y: .init("relative variance", scale: .logarithmic), curves))
    }
    report.add(
      "variance",
      "The variance of the mean of k members beyond member 0 as a power of k, fitted to logarithms; independent members have −1",
      table)
    try report.add(
      "variance",
      "The variance of the mean of k members beyond member 0, by that of the fewest, mean over examples and seeds; without sizes of which the members make no two groups.",
      SmallMultiples("Variance of the mean", columns: 2, charts: charts))
    let worst = exponents.map { abs($0 + 1) }.max() ?? .infinity
    let bound = results.isQuick ? 1.0 : 0.4
    report.check(
      "The variance of the mean falls like 1/k (exponent within \(bound) of −1)", worst <= bound,
      detail: "farthest by \(NumberFormat.decimals(worst, 3))")
  }

  private func addPictures(_ results: ExperimentResults<Self>, to report: inout ExperimentReport)
    throws
  {
    let measures:
      [(
        name: String, title: String, label: String, caption: String,
        value: (EnsembleSource, String, Int) throws -> SeedStatistic
      )] = [
        (
          "gain", "Gain in AUC over one model", "gain in AUC",
          "The gain in AUC for wrong labels over one model of the same seed, against the number of members; bands are 95 % over seeds.",
          { try gain(results, Self.auc, $0, $1, $2) }
        ),
        (
          "spearman", "Rank correlation with very many members", "Spearman's correlation",
          "Spearman's correlation of the ensemble's scores with the mean of further members of the same kind, against the number of members; bands are 95 % over seeds.",
          { try statistic(results, Self.spearman, $0, $1, $2) }
        ),
      ]
    // Trainings of their own differ by far more than dropout makes them: each kind has its axis.
    let kinds = [
      ("dropout", sources.filter { $0 != .trained }),
      ("other seeds", sources.filter { $0 == .trained }),
    ].filter { !$0.1.isEmpty }
    for measure in measures {
      let charts = try options.methods.flatMap { method in
        try kinds.map { kind, sources in
          try Chart.curves(
            "\(method), \(kind)",
            x: .init("members T", scale: .logarithmic, at: members.map(Double.init)),
            y: .init(measure.label), sources.map(\.label), at: members.map(Double.init)
          ) { try measure.value(sources[$0], method, $1) }
        }
      }
      try report.add(
        measure.name, measure.caption,
        SmallMultiples(measure.title, columns: 2, charts: charts))
    }
  }

  private func describe(_ results: ExperimentResults<Self>, in report: inout ExperimentReport)
    throws
  {
    let last = members.count - 1
    for method in options.methods {
      let one = try statistic(results, Self.auc, .trained, method, 0)
      let gains = try sources.map {
        "\($0.label) \(try gain(results, Self.auc, $0, method, last).text(decimals: 4))"
      }
      report.findings.append(
        "`\(method)`: AUC \(one.text()) with one model; gain with \(members[last]) members: \(gains.joined(separator: ", "))."
      )
      let accuracy = try sources.map {
        "\($0.label) \(try gain(results, Self.accuracy, $0, method, last).text(decimals: 4))"
      }
      report.findings.append(
        "`\(method)`: change of test accuracy after trimming, \(members[last]) members against one: \(accuracy.joined(separator: ", "))."
      )
      let auc = one.mean
      report.check(
        "One model of \(method) finds wrong labels better than chance (AUC above 0.5)", auc > 0.5,
        detail: NumberFormat.decimals(auc, 3))
    }
    let differences = sources.flatMap {
      results.ensembles(from: $0).compactMap(\.ensembleDifference)
    }
    let worst = differences.max() ?? 0
    report.check(
      "The means are those of ScoreEnsemble (within 1e-4 of the largest score)", worst <= 1e-4,
      detail: NumberFormat.significant(worst))
  }
}
