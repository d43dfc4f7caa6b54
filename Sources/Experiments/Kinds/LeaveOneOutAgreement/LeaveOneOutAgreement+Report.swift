internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension LeaveOneOutAgreement {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    func statistic(
      _ point: Point, _ method: String, _ value: (Agreement) -> Double?
    ) throws -> SeedStatistic {
      try results.statistic(at: point) { $0.methods[method].flatMap(value) }
    }
    let all = methods + [Self.random]
    var report = ExperimentReport()
    report.add(
      "agreement",
      "Agreement with leaving each example out, query by query (± 95 % over seeds)",
      try Table(
        of: product(points, all),
        .text("model") { point, _ in point.model.rawValue },
        .text("penalty") { point, _ in point.penalty.settingText },
        .text("method") { _, method in method },
        .statistic("Pearson") { try statistic($0, $1, \.pearson) },
        .statistic("Spearman") { try statistic($0, $1, \.spearman) },
        .statistic("top 10 %") { try statistic($0, $1, \.top10PercentOverlap) }))
    try report.add(
      "spearman",
      "Spearman's correlation with the change of each query's loss when an example is left out, mean over queries; whiskers are 95 % over seeds.",
      try Chart.bars(
        "Agreement with leaving one out", groups: points.map(\.label),
        y: .init("Spearman's correlation"),
        methods: try all.map { method in
          (
            method,
            try points.map { try statistic($0, method, \.spearman).estimate }
          )
        }
      ))
    try addPredictions(results, to: &report)
    for point in points {
      let values = try all.map { "`\($0)` \(try statistic(point, $0, \.spearman).text())" }
      report.findings.append("\(point.label): Spearman \(values.joined(separator: ", ")).")
      guard methods.contains(ExactHessian.name) else { continue }
      let slope = try statistic(point, ExactHessian.name, \.slope)
      report.findings.append(
        "The true changes are \(slope.text()) times what exact-hessian foretells (\(point.label)).")
    }
    try check(results, all, in: &report)
    return report
  }

  private func addPredictions(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    guard let seed = results.seeds.first, let point = points.first else { return }
    let cell = results[seed, point]
    let truth = cell.firstQueryTruth
    let shown = [ExactHessian.name, KFAC.name, ExactFisher.name, DataInf.name].filter(
      methods.contains)
    guard !shown.isEmpty else { return }
    let charts = try shown.map { method in
      let predicted = cell.firstQuery[method, default: []]
      let pearson = try Correlation.pearson(predicted, truth)
      var chart = try Chart.againstExact(
        method, method: "a training example", exact: truth, approximate: predicted,
        remarks: ["Pearson \(NumberFormat.decimals(pearson, 3))"])
      chart.x.label = "true change of loss"
      chart.y.label = "foretold"
      chart.references[0].label = "equal"
      return chart
    }
    try report.add(
      "predictions",
      "What leaving each example out does to the first query, and what is foretold, both divided by the largest change (\(point.label), seed \(seed), at most 200 examples).",
      SmallMultiples("One query's changes of loss", columns: 2, charts: charts))
  }

  private func check(
    _ results: ExperimentResults<Self>, _ all: [String], in report: inout ExperimentReport
  ) throws {
    let norm = results.all.map(\.gradientNorm).max() ?? .infinity
    report.check(
      "Every model is at its minimum, ‖∇‖ ≤ 1e-10", norm <= 1e-10,
      detail: "largest \(NumberFormat.significant(norm))")
    if methods.contains(ExactHessian.name) {
      for point in points {
        let value = try results.statistic(at: point) { $0.methods[ExactHessian.name]?.spearman }
        report.check(
          "exact-hessian orders examples as leaving them out does (\(point.label): Spearman at least 0.95)",
          value.mean >= 0.95, detail: value.text(decimals: 4))
      }
    }
    // Random scores of a query have a correlation of deviation 1/√(n − 1), and queries are independent.
    let worst =
      results.all.map { result in
        let deviation =
          1 / (Double(result.training) - 1).squareRoot() / Double(result.queries).squareRoot()
        return abs(result.methods[Self.random]?.spearman ?? .infinity) / deviation
      }.max() ?? .infinity
    report.check(
      "Random scores foretell nothing (within 6 standard deviations)", worst < 6,
      detail: "largest \(NumberFormat.decimals(worst, 1)) standard deviations")
    let undefined = results.all.reduce(0) { sum, result in
      sum + all.reduce(0) { $0 + (result.methods[$1]?.undefinedQueries ?? 0) }
    }
    if undefined > 0 {
      report.warnings.append(
        "\(undefined) times a query's scores or changes were constant: it was left out of a mean."
      )
    }
    for warning in results.all.flatMap(\.warnings) where !report.warnings.contains(warning) {
      report.warnings.append(warning)
    }
  }
}

extension LeaveOneOutAgreement.Point {
  /// The point as sentences name it.
  fileprivate var label: String { "\(model.rawValue), α = \(penalty.settingText)" }
}
