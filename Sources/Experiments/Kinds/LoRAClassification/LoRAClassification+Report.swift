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

  /// A claim at one damping.
  private struct ClaimTest {
    let claim: Claim
    let point: Point
    let damping: Double
    let difference: SeedStatistic
    /// The chance of a difference as far from zero where there is none; nil for one seed.
    let chance: Double?
    /// The same after Holm's correction for all tests of the table.
    var corrected: Double?
  }

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
          .text("targets", \.point.targets.rawValue), .integer("rank", \.point.rank),
          .number("damping", .significant(digits: 2), \.damping), .text("of", \.claim.quantity),
          .text("method", \.claim.better), .text("over", \.claim.worse),
          .statistic("difference", \.difference),
          .number("chance", .significant(digits: 2), \.chance),
          .number("corrected", .significant(digits: 2), \.corrected)))
    }
    report.add("models", "The models and the rankings without gradients", try models(results))
    try addPictures(to: &report, statistic)
    describe(tests, in: &report)
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

  private func claimTests(_ results: ExperimentResults<Self>) throws -> [ClaimTest] {
    var tests: [ClaimTest] = []
    for (claim, (point, damping)) in product(
      claims, product(points, options.dampings.indices))
    {
      func values(_ method: String) -> [Double] {
        results.values(at: point).compactMap {
          $0.dampings[damping].methods[method].flatMap(claim.value)
        }
      }
      let (better, worse) = (values(claim.better), values(claim.worse))
      guard better.count == results.seeds.count, worse.count == better.count else { continue }
      let difference = try SeedStatistic(better, minus: worse)
      tests.append(
        ClaimTest(
          claim: claim, point: point, damping: options.dampings[damping],
          difference: difference, chance: difference.chanceOfNone, corrected: nil))
    }
    let chances = tests.compactMap(\.chance)
    guard chances.count == tests.count else { return tests }
    for (index, chance) in MultipleTests.holm(chances).enumerated() {
      tests[index].corrected = chance
    }
    return tests
  }

  private func describe(_ tests: [ClaimTest], in report: inout ExperimentReport) {
    for group in tests.chunked(by: {
      $0.claim.quantity == $1.claim.quantity && $0.claim.worse == $1.claim.worse
    }) {
      guard let first = group.first else { continue }
      let clear = group.filter { ($0.corrected ?? 1) < 0.05 }
      let above = clear.count { $0.difference.mean > 0 }
      let mean = group.map(\.difference.mean).reduce(0, +) / Double(group.count)
      report.findings.append(
        "\(first.claim.quantity) of `\(first.claim.better)` over `\(first.claim.worse)`: \(NumberFormat.decimals(mean, 3)) on average over \(group.count) settings; clearly above in \(above), clearly below in \(clear.count - above) (5 %, corrected for all comparisons)."
      )
    }
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
