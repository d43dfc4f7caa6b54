internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension LoRAClassification {
  /// A pair of methods of which the first is held to be better.
  private struct Claim {
    let better: String
    let worse: String
    let quantity: String
    let value: (Agreement) -> Double?
  }

  /// A test at one damping.
  private typealias DampingTest = PairedTest<(point: Point, damping: Double)>

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let methods = options.methods + [ExactFisher.name]
    func statistic(
      _ point: Point, _ damping: Int, _ method: String, _ value: (Agreement) -> Double?
    ) throws -> SeedStatistic? {
      let values = results.values(at: point).map {
        $0.dampings[damping].methods[method].flatMap(value)
      }
      // What is the same for all texts by construction has no AUC.
      return values.contains(nil) ? nil : try SeedStatistic(values.compactMap { $0 })
    }
    let rows = product(product(points, options.dampings.indices), methods)
    report.add(
      "agreement",
      "Agreement with exact influence of the same λ, and how rankings find wrong labels (± 95 % over seeds)",
      try Table(
        of: rows,
        .text("targets") { $0.0.0.targets.rawValue }, .integer("rank") { $0.0.0.rank },
        .number("damping", .significant(digits: 2)) { options.dampings[$0.0.1] },
        .text("method") { $0.1 },
        .statistic("Pearson, each query") { try statistic($0.0.0, $0.0.1, $0.1, \.pearson) },
        .statistic("Spearman, each query") { try statistic($0.0.0, $0.0.1, $0.1, \.spearman) },
        .statistic("AUC, mean query") { try statistic($0.0.0, $0.0.1, $0.1, \.harmAUC) },
        .statistic("AUC, normalised queries") {
          try statistic($0.0.0, $0.0.1, $0.1, \.normalizedAUC)
        },
        .statistic("AUC, self-influence") { try statistic($0.0.0, $0.0.1, $0.1, \.selfAUC) }))
    let tests = try claimTests(results)
    if !tests.isEmpty {
      report.add(
        "differences",
        "Differences seed by seed; the chance is that of Student's t test, and after Holm's correction for all rows",
        try Table(
          of: tests,
          [
            .text("targets", \.circumstances.point.targets.rawValue),
            .integer("rank", \.circumstances.point.rank),
            .number("damping", .significant(digits: 2), \.circumstances.damping),
          ] + DampingTest.columns))
    }
    report.add("models", "The models and the rankings without gradients", try models(results))
    try addPictures(to: &report, statistic)
    report.findings += DampingTest.findings(tests)
    let drawn = results.seeds.max().map { Int($0) + 1 } ?? 0
    if drawn > data.distinctSeeds {
      report.warnings.append(
        "Seeds share examples: the files have enough for \(data.distinctSeeds). Intervals over seeds are too narrow then."
      )
    }
    let aucs = try points.compactMap { point in
      try statistic(point, 0, ExactFisher.name, \.normalizedAUC)?.mean
    }
    report.check(
      "Exact scores with an equal say for each query find wrong labels better than chance",
      results.isQuick || aucs.allSatisfy { $0 > 0.5 },
      detail: "AUC \(aucs.map { NumberFormat.decimals($0, 3) }.joined(separator: ", "))")
    return report
  }

  private func models(_ results: ExperimentResults<Self>) throws -> Table {
    let names = results.all.first.map { Array($0.baselines.keys) } ?? []
    return try Table(
      of: points,
      [
        .text("targets", \.targets.rawValue), .integer("rank", \.rank),
        .integer("columns") { results.values(at: $0).first?.columns ?? 0 },
        .statistic("test accuracy") { try results.statistic(at: $0, \.testAccuracy) },
        .statistic("wrong labels learnt") {
          try results.statistic(at: $0, \.wrongLabelsLearned)
        },
      ]
        + names.map { name in
          .statistic("AUC, \(name)") {
            try results.statistic(at: $0) { $0.baselines[name] }
          }
        })
  }

  // MARK: - Claims

  /// DataInf against Hessian-free, and against the scaling of blocks alone.
  private var claims: [Claim] {
    guard options.methods.contains(DataInf.name) else { return [] }
    return [HessianFree.name, BlockNormalized.name].filter(options.methods.contains).flatMap {
      [
        Claim(better: DataInf.name, worse: $0, quantity: "Pearson", value: \.pearson),
        Claim(
          better: DataInf.name, worse: $0, quantity: "AUC of harm", value: \.harmAUC),
      ]
    }
  }

  private func claimTests(_ results: ExperimentResults<Self>) throws -> [DampingTest] {
    var tests: [DampingTest] = []
    for (claim, (point, damping)) in product(
      claims, product(points, options.dampings.indices))
    {
      func values(_ method: String) -> (name: String, values: [Double]) {
        (
          method,
          results.values(at: point).compactMap {
            $0.dampings[damping].methods[method].flatMap(claim.value)
          }
        )
      }
      let (better, worse) = (values(claim.better), values(claim.worse))
      guard better.values.count == results.seeds.count, worse.values.count == better.values.count
      else { continue }
      tests.append(
        try PairedTest(
          of: claim.quantity, at: (point, options.dampings[damping]), better, over: worse))
    }
    return PairedTest.corrected(tests)
  }

  // MARK: - Pictures

  private func addPictures(
    to report: inout ExperimentReport,
    _ statistic: (Point, Int, String, (Agreement) -> Double?) throws -> SeedStatistic?
  ) throws {
    // Means over the points would mix ranks: the pictures are of the largest.
    guard let point = points.last else { return }
    let order = options.dampings.indices.sorted { options.dampings[$0] < options.dampings[$1] }
    let places = order.map { options.dampings[$0] }
    guard places.count > 1 else { return }
    let text = "\(point.targets.rawValue), rank \(point.rank)"
    let pictures: [(name: String, caption: String, label: String, value: (Agreement) -> Double?)] =
      [
        (
          "pearson", "Pearson's correlation with exact scores of the same λ", "Pearson, each query",
          \.pearson
        ),
        (
          "auc", "Wrong labels found by harm to the mean validation text", "AUC, mean query",
          \.harmAUC
        ),
        (
          "auc-normalised", "Wrong labels found by harm, each query with an equal say",
          "AUC, normalised queries", \.normalizedAUC
        ),
      ]
    for picture in pictures {
      let isAgreement = picture.name == "pearson"
      let methods = options.methods + (isAgreement ? [] : [ExactFisher.name])
      try report.add(
        picture.name, "\(picture.caption), against λ; \(text). Bands are 95 % over seeds.",
        try Chart.curves(
          picture.caption,
          x: .init("λ / mean eigenvalue", scale: .logarithmic, at: places),
          y: .init(picture.label), methods, at: places
        ) { method, place in
          guard
            let value = try statistic(point, order[place], methods[method], picture.value)
          else { throw EvaluationError.notFinite(.first, index: place) }
          return value
        })
    }
  }
}
