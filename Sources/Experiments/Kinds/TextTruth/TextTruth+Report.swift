internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension TextTruth {
  private typealias TruthTest = PairedTest<String>

  /// The name that another training's own truth has among methods.
  private static let retraining = "another training"

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let shared = sharedTestShare(results)
    report.add(
      "methods",
      "LDS where the other half of the subsets chooses λ, and the rise of the mean validation loss without the most helpful texts over that at random (± 95 % over seeds)",
      try methods(results, shared))
    report.add(
      "lds",
      "The linear datamodeling score of each λ, mean over queries (± 95 % over seeds), of −loss and of margins",
      try sweep(results, shared))
    let tests = try tests(results, shared)
    if !tests.isEmpty {
      report.add(
        "differences",
        "Differences seed by seed; the chance is that of Student's t test, and after Holm's correction for all rows",
        try Table(of: tests, [.text("by", \.circumstances)] + TruthTest.columns))
    }
    report.add(
      "models", "The models of all texts",
      try Table(
        of: [WholeSeed.all],
        .integer("columns") { _ in results.values.first?.columns ?? 0 },
        .statistic("test accuracy") { _ in try results.statistic(\.testAccuracy) },
        .statistic("LDS of \(Self.retraining)") { _ in try results.statistic(\.retraining) },
        .text("rise of the loss without texts at random") { _ in
          options.removals.indices.map { place in
            let rises = results.values.map { $0.randomRises[place] }
            return
              "\(options.removals[place].percentText): \(NumberFormat.decimals(Statistics.mean(rises), 4))"
          }.joined(separator: ", ")
        }))
    try addPictures(results, shared, to: &report)
    try describe(results, tests, shared, in: &report)
    return report
  }

  /// Validation texts by training texts where seeds share some; nil where they do not.
  private func sharedTestShare(_ results: ExperimentResults<Self>) -> Double? {
    let drawn = results.seeds.max().map { Int($0) + 1 } ?? 0
    return drawn > data.distinctSeeds ? data.validationShare : nil
  }

  // MARK: - Values

  /// A number of each seed for a method; nil where some seed has none.
  private func values(
    _ results: ExperimentResults<Self>, _ method: String, _ value: (Agreement) -> Double?
  ) -> [Double]? {
    let values = results.values.map { $0.methods[method].flatMap(value) }
    return values.contains(nil) ? nil : values.compactMap(\.self)
  }

  private func statistic(
    _ results: ExperimentResults<Self>, _ method: String, _ shared: Double?,
    _ value: (Agreement) -> Double?
  ) throws -> SeedStatistic? {
    try values(results, method, value).map { try SeedStatistic($0, resampling: shared) }
  }

  /// The rise of the loss over that at random, one for each seed.
  private func rises(_ results: ExperimentResults<Self>, _ method: String, _ place: Int) -> [Double]
  {
    results.values.map {
      ($0.methods[method]?.rises[place] ?? .nan) - $0.randomRises[place]
    }
  }

  // MARK: - Tables

  private func methods(_ results: ExperimentResults<Self>, _ shared: Double?) throws -> Table {
    try Table(
      of: rowNames,
      [
        .text("method") { $0 },
        .statistic("LDS, λ by the other half") {
          try statistic(results, $0, shared, \.chosen)
        },
      ]
        + options.removals.enumerated().map { place, share in
          .statistic("rise without \(share.percentText)", decimals: 4) {
            try SeedStatistic(rises(results, $0, place), resampling: shared)
          }
        } + [
          .text("λ of the removals") { name in
            results.values.compactMap { $0.methods[name]?.removalDamping }
              .map { NumberFormat.significant($0, digits: 3) }.joined(separator: ", ")
          }
        ])
  }

  private func sweep(_ results: ExperimentResults<Self>, _ shared: Double?) throws -> Table {
    let rows = rowNames.flatMap { name in
      (0..<(results.values.first?.methods[name]?.dampings.count ?? 0)).map { (name, $0) }
    }
    return try Table(
      of: rows,
      .text("method") { $0.0 },
      .number("damping", .significant(digits: 2)) { row in
        results.values.first?.methods[row.0]?.dampings[row.1].damping
      },
      .statistic("LDS") { row in
        try statistic(results, row.0, shared) { $0.dampings[row.1].loss }
      },
      .statistic("LDS of margins") { row in
        try statistic(results, row.0, shared) { $0.dampings[row.1].margin }
      })
  }

  /// Conjugate gradients from EK-FAC, or else the first method, against all others.
  private func tests(
    _ results: ExperimentResults<Self>, _ shared: Double?
  ) throws -> [TruthTest] {
    let preferred = EKFACConjugateGradient.name
    guard let first = options.methods.contains(preferred) ? preferred : options.methods.first else {
      return []
    }
    let others = rowNames.filter { $0 != first && $0 != Self.random }
    var tests: [TruthTest] = []
    if let better = values(results, first, \.chosen) {
      for other in others {
        guard let worse = values(results, other, \.chosen) else { continue }
        tests.append(
          try PairedTest(
            of: "LDS", at: "all subsets", (first, better), over: (other, worse),
            resampling: shared))
      }
    }
    for (other, place) in product(others, options.removals.indices) {
      tests.append(
        try PairedTest(
          of: "rise of the loss", at: "without \(options.removals[place].percentText)",
          (first, rises(results, first, place)), over: (other, rises(results, other, place)),
          resampling: shared))
    }
    return TruthTest.corrected(tests)
  }

  // MARK: - Pictures and findings

  private func addPictures(
    _ results: ExperimentResults<Self>, _ shared: Double?, to report: inout ExperimentReport
  ) throws {
    let order = options.dampings.indices.sorted { options.dampings[$0] < options.dampings[$1] }
    if order.count > 1 {
      let curves = try rowNames.compactMap { name -> (name: String, points: [Chart.Point])? in
        let points = try order.compactMap { place in
          try statistic(results, name, shared) { agreement in
            agreement.dampings[agreement.dampings.count > 1 ? place : 0].loss
          }?.point(at: options.dampings[place])
        }
        return points.count == order.count ? (name, points) : nil
      }
      try report.add(
        "lds",
        "The linear datamodeling score against λ; what has no λ is level. Bands are 95 % over seeds.",
        Chart.curves(
          "Training on halves foretold by sums of scores",
          x: .init(
            "λ / mean eigenvalue", scale: .logarithmic, at: order.map { options.dampings[$0] }),
          y: .init("LDS"), curves))
    }
    let places = options.removals.indices.sorted { options.removals[$0] < options.removals[$1] }
    try report.add(
      "removal",
      "The rise of the mean validation loss without the most helpful texts, less that without as many at random; bands are 95 % over seeds.",
      try Chart.curves(
        "Without the most helpful texts",
        x: .init("training texts left out", numbers: .percent),
        y: .init("rise of the validation loss over random"), rowNames,
        at: places.map { options.removals[$0] }
      ) { try SeedStatistic(rises(results, rowNames[$0], places[$1]), resampling: shared) })
  }

  private func describe(
    _ results: ExperimentResults<Self>, _ tests: [TruthTest], _ shared: Double?,
    in report: inout ExperimentReport
  ) throws {
    let ranked = try rowNames.compactMap { name in
      try statistic(results, name, shared, \.chosen).map { (name: name, score: $0) }
    }.sorted { $0.score.mean > $1.score.mean }
    report.findings.append(
      "LDS, λ by the other half: "
        + ranked.map { "`\($0.name)` \($0.score.text())" }.joined(separator: ", ")
        + "; another training \(try results.statistic(\.retraining).text()).")
    report.findings += TruthTest.findings(tests)
    if shared != nil {
      report.warnings.append(
        "Seeds share texts: the files have enough for \(data.distinctSeeds). Intervals and chances have Nadeau and Bengio's correction for that."
      )
    }
    report.warnings += Array(OrderedSet(results.values.flatMap(\.warnings)))
    let random = results.values.compactMap { $0.methods[Self.random]?.dampings.first?.loss }
    let mean = Statistics.mean(random)
    report.check(
      "LDS of random scores is near zero", results.isQuick || abs(mean) < 0.1,
      detail: NumberFormat.decimals(mean, 3))
    report.check(
      "Some method foretells training on halves",
      results.isQuick || (ranked.first?.score.mean ?? 0) > 0.05,
      detail: ranked.first.map { "\($0.name) \($0.score.text())" } ?? "no LDS")
  }
}
