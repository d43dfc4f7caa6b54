internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension SelectedTexts {
  private typealias TrimTest = PairedTest<Scope>

  /// A row of the table: what the training texts were chosen by, and how many were left out.
  private struct Row {
    let name: String
    var scope: Scope?
    var place: Int?
  }

  private static let random = "random"
  private static let everything = "no trimming"
  private static let right = "right labels alone"

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let shared = sharedTestShare(results)
    report.add(
      "accuracy",
      "The model after training again without a share of the texts (± 95 % over seeds; differences are taken seed by seed)",
      try table(results, shared))
    let tests = try tests(results, shared)
    report.add(
      "differences",
      "Test accuracy, mean over all shares left out, by trimming less that of others, seed by seed; the chance is that of Student's t test, and after Holm's correction for all rows",
      try Table(of: tests, [.text("among", \.circumstances.text)] + TrimTest.columns))
    report.add("rankings", "How the rankings find wrong labels, and their λ", try rankings(results))
    try addPictures(results, shared, to: &report)
    describe(tests, in: &report)
    if shared != nil {
      report.warnings.append(
        "Seeds share texts: the files have enough for \(data.distinctSeeds). Intervals and chances have Nadeau and Bengio's correction for that."
      )
    }
    report.warnings += Array(OrderedSet(results.values.flatMap(\.warnings)))
    let gain = try SeedStatistic(
      results.values.map(\.all.loss), minus: results.values.map(\.right.loss), resampling: shared)
    report.check(
      "Leaving out just the wrong labels does not raise the test loss",
      results.isQuick || gain.upper > 0, detail: "lower by \(gain.text())")
    let aucs = try rankings.map { name in
      try results.statistic { $0.rankings[name]?.areaUnderROC }.mean
    }
    report.check(
      "Some ranking finds wrong labels better than chance",
      results.isQuick || (aucs.max() ?? 0) > 0.5,
      detail: "AUC up to \(NumberFormat.decimals(aucs.max() ?? 0, 3))")
    return report
  }

  /// Test texts by training texts where seeds share some; nil where they do not.
  private func sharedTestShare(_ results: ExperimentResults<Self>) -> Double? {
    let drawn = results.seeds.max().map { Int($0) + 1 } ?? 0
    return drawn > data.distinctSeeds ? data.testShare : nil
  }

  // MARK: - Tables

  private func outcomes(_ results: ExperimentResults<Self>, _ row: Row) throws -> [Outcome] {
    try results.values.map { result in
      let outcome =
        switch row.name {
        case Self.everything: result.all
        case Self.right: result.right
        case Self.random: row.place.map { result.random[$0] }
        default:
          row.place.flatMap { place in
            row.scope.flatMap { result.rankings[row.name]?.scopes[$0.rawValue]?[place] }
          }
        }
      guard let outcome else { throw EvaluationError.tooFewValues(count: 0, needed: 1) }
      return outcome
    }
  }

  private func table(_ results: ExperimentResults<Self>, _ shared: Double?) throws -> Table {
    var rows = [Row(name: Self.everything), Row(name: Self.right)]
    for place in options.trims.indices {
      rows.append(Row(name: Self.random, place: place))
      for (scope, name) in product(options.scopes, rankings) {
        rows.append(Row(name: name, scope: scope, place: place))
      }
    }
    func difference(
      _ row: Row, _ other: Row, _ value: (Outcome) -> Double
    ) throws -> SeedStatistic? {
      guard row.place != nil, row.name != other.name else { return nil }
      return try SeedStatistic(
        try outcomes(results, row).map(value), minus: try outcomes(results, other).map(value),
        resampling: shared)
    }
    return try Table(
      of: rows,
      .text("left out") { $0.place.map { options.trims[$0].percentText } ?? "" },
      .text("among") { $0.scope?.text ?? "" }, .text("by") { $0.name },
      .statistic("test accuracy") {
        try SeedStatistic(outcomes(results, $0).map(\.accuracy), resampling: shared)
      },
      .statistic("test loss") {
        try SeedStatistic(outcomes(results, $0).map(\.loss), resampling: shared)
      },
      .statistic("accuracy over random") {
        try difference($0, Row(name: Self.random, place: $0.place), \.accuracy)
      },
      .statistic("accuracy over no trimming") {
        try difference($0, Row(name: Self.everything), \.accuracy)
      },
      .statistic("loss under no trimming") {
        try difference($0, Row(name: Self.everything)) { -$0.loss }
      },
      .number("wrong labels among the kept", .decimals(3)) {
        Statistics.mean(try outcomes(results, $0).map(\.wrongShare))
      },
      .number("kept of the class that loses most", .decimals(3)) {
        Statistics.mean(try outcomes(results, $0).map(\.leastClassShare))
      })
  }

  private func rankings(_ results: ExperimentResults<Self>) throws -> Table {
    try Table(
      of: rankings,
      .text("ranking") { $0 },
      .statistic("AUC of wrong labels") { name in
        try results.statistic { $0.rankings[name]?.areaUnderROC }
      },
      .text("λ of each seed") { name in
        results.values.compactMap { $0.rankings[name]?.damping }
          .map { NumberFormat.significant($0, digits: 3) }.joined(separator: ", ")
      })
  }

  /// The mean over all shares that are left out, one for each seed.
  private func means(
    _ results: ExperimentResults<Self>, _ name: String, _ scope: Scope
  ) throws -> (name: String, values: [Double]) {
    let places = try options.trims.indices.map {
      try outcomes(results, Row(name: name, scope: scope, place: $0)).map(\.accuracy)
    }
    return (
      name, results.seeds.indices.map { seed in Statistics.mean(places.map { $0[seed] }) }
    )
  }

  private func tests(
    _ results: ExperimentResults<Self>, _ shared: Double?
  ) throws -> [TrimTest] {
    var tests: [TrimTest] = []
    for other in [Self.everything, Self.random, Self.loss] {
      for (name, scope) in product(rankings, options.scopes) where name != other {
        tests.append(
          try PairedTest(
            of: "accuracy", at: scope, try means(results, name, scope),
            over: try means(results, other, scope), resampling: shared))
      }
    }
    return TrimTest.corrected(tests)
  }

  /// For each scope and each of those that rankings are held against, which are clearly better and worse.
  private func describe(_ tests: [TrimTest], in report: inout ExperimentReport) {
    for (scope, other) in product(options.scopes, [Self.everything, Self.random, Self.loss]) {
      let group = tests.filter { $0.circumstances == scope && $0.worse == other }
        .sorted { $0.difference.mean > $1.difference.mean }
      guard let best = group.first, let worst = group.last else { continue }
      let clear = group.filter { ($0.correctedChance ?? 1) < 0.05 }
      func names(_ tests: [TrimTest]) -> String {
        tests.isEmpty ? "none" : tests.map { "`\($0.better)`" }.joined(separator: ", ")
      }
      report.findings.append(
        "Left out of \(scope.text), test accuracy over `\(other)`, mean over all shares: from `\(worst.better)` (\(worst.difference.text())) to `\(best.better)` (\(best.difference.text())); clearly above \(names(clear.filter { $0.difference.mean > 0 })), clearly below \(names(clear.filter { $0.difference.mean < 0 })) (5 %, corrected for all comparisons)."
      )
    }
  }

  // MARK: - Pictures

  private func addPictures(
    _ results: ExperimentResults<Self>, _ shared: Double?, to report: inout ExperimentReport
  ) throws {
    let order = options.trims.indices.sorted { options.trims[$0] < options.trims[$1] }
    let quantities: [(name: String, title: String, value: (Outcome) -> Double)] = [
      ("accuracy", "test accuracy", \.accuracy), ("loss", "test loss", \.loss),
    ]
    func mean(_ row: Row, _ value: (Outcome) -> Double) throws -> Double {
      Statistics.mean(try outcomes(results, row).map(value))
    }
    for quantity in quantities {
      let charts = try options.scopes.map { scope in
        let start = Chart.Point(0, try mean(Row(name: Self.everything), quantity.value))
        var chart = Chart.curves(
          "left out of \(scope.text)", x: .init("training texts left out", numbers: .percent),
          y: .init(quantity.title),
          try (rankings + [Self.random]).map { name in
            (
              name,
              [start]
                + (try order.map { place in
                  Chart.Point(
                    options.trims[place],
                    try mean(Row(name: name, scope: scope, place: place), quantity.value))
                })
            )
          })
        chart.references = [
          .init(
            .horizontal(try mean(Row(name: Self.right), quantity.value)), label: Self.right)
        ]
        return chart
      }
      var picture = SmallMultiples(
        "The model without the most harmful texts: \(quantity.title)", columns: 2,
        sharesRanges: true, charts: charts)
      picture.rowHeight = 460
      try report.add(
        quantity.name,
        "The \(quantity.title) against the share of training texts left out, means over seeds; the dashed line has right labels alone.",
        picture)
    }
  }
}

extension SelectedTexts.Scope {
  /// As tables have it.
  var text: String {
    switch self {
    case .all: "all texts"
    case .classes: "each class"
    }
  }
}
