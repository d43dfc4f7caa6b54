internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension SyntheticInfluence {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let rows = try product(shapes, product(Self.measures, classifier.methods)).map { shape, row in
      (
        shape: shape.rawValue, measure: row.0, method: row.1.rawValue,
        agreement: try agreement(results, shape, row.0, row.1)
      )
    }
    var report = ExperimentReport()
    report.findings = try shapes.map { try finding(results, $0) }
    report.add(
      "correlation",
      "Correlation of scores with the truth (change on leaving a point out) and with the exact Hessian's scores (± 95 % over seeds). robustness: attacked points stay where they are; robustness-anew: the truth attacks the new classifier again, the scores are the same.",
      try Table(
        of: rows,
        .text("shape") { $0.shape }, .text("functional") { $0.measure },
        .text("method") { $0.method },
        .statistic("Pearson, truth") { $0.agreement[0] },
        .statistic("Spearman, truth") { $0.agreement[1] },
        .statistic("Pearson, exact Hessian") { $0.agreement[2] },
        .statistic("Spearman, exact Hessian") { $0.agreement[3] }))
    for shape in shapes { try addPoints(results, shape, to: &report) }
    try addScatter(results, to: &report)
    try addBars(results, to: &report)
    try check(results, in: &report)
    return report
  }

  /// Pearson and Spearman with the truth, then with the exact Hessian.
  private func agreement(
    _ results: ExperimentResults<Self>, _ shape: SyntheticGroups.Shape, _ measure: String,
    _ method: ClassifierInfluence.Method
  ) throws -> [SeedStatistic] {
    let lists = results.values(at: shape).map { result in
      (
        scores: values(result, method, measure), truth: values(result, nil, measure),
        exact: values(result, .exactHessian, measure)
      )
    }
    return [
      try SeedStatistic(lists.map { try Correlation.pearson($0.scores, $0.truth) }),
      try SeedStatistic(lists.map { try Correlation.spearman($0.scores, $0.truth) }),
      try SeedStatistic(lists.map { try Correlation.pearson($0.scores, $0.exact) }),
      try SeedStatistic(lists.map { try Correlation.spearman($0.scores, $0.exact) }),
    ]
  }

  private func finding(
    _ results: ExperimentResults<Self>, _ shape: SyntheticGroups.Shape
  ) throws -> String {
    let parts = try FunctionalQuery.Kind.allCases.map { kind in
      let texts = try classifier.methods.map { method in
        "\(method.rawValue) \(try agreement(results, shape, kind.rawValue, method)[0].text())"
      }
      return "\(kind.rawValue): \(texts.joined(separator: ", "))"
    }
    return "\(shape.rawValue), Pearson with leaving out. \(parts.joined(separator: "; "))."
  }

  private func check(
    _ results: ExperimentResults<Self>, in report: inout ExperimentReport
  ) throws {
    guard shapes.contains(.gaussians) else { return }
    for kind in FunctionalQuery.Kind.allCases {
      let value = try agreement(results, .gaussians, kind.rawValue, .exactHessian)[0]
      report.check(
        "On gaussians the exact Hessian's \(kind.rawValue) scores follow leaving out (mean Pearson of at least 0.95)",
        value.mean >= 0.95, detail: value.text())
    }
  }

  /// Columns of scores that pictures show: at most two methods, and the truth.
  private var shown: [(name: String, key: ClassifierInfluence.Method?)] {
    let first = classifier.methods.first { $0 != .exactHessian }
    return [first, .exactHessian].compactMap { $0 }.map { ($0.rawValue, $0) } + [
      ("leaving out", nil)
    ]
  }

  /// The scores of a method; the truth for nil.
  private func values(
    _ result: Result, _ method: ClassifierInfluence.Method?, _ measure: String
  ) -> [Double] {
    (method.map { result.scores[$0.rawValue, default: [:]] } ?? result.truth)[
      measure, default: []]
  }

  func lists(of result: Result) -> [ResultList] {
    let count = result.x.count
    func measures(_ field: String, _ measures: Measures) -> [ResultList] {
      measures.map { ResultList("\(field).\($0)", $1, of: count) }
    }
    return [ResultList("y", result.y, of: count), ResultList("labels", result.labels, of: count)]
      + result.boundary.enumerated().map {
        // x and y of each point.
        ResultList("boundary[\($0)]", $1, of: ($1.count + 1) / 2 * 2)
      } + measures("truth", result.truth)
      + result.scores.flatMap { measures("scores.\($0)", $1) }
  }

  /// Points coloured by influence: one row per functional, one column per method.
  private func addPoints(
    _ results: ExperimentResults<Self>, _ shape: SyntheticGroups.Shape,
    to report: inout ExperimentReport
  ) throws {
    let seed = results.seeds[0]
    let cell = results[seed, shape]
    let (x, y, labels) = (cell.x, cell.y, cell.labels)
    let lines = cell.boundary.map { numbers in
      stride(from: 0, to: numbers.count, by: 2).map { Chart.Point(numbers[$0], numbers[$0 + 1]) }
    }
    let charts = FunctionalQuery.Kind.allCases.flatMap { kind in
      shown.map { name, method in
        let values = Self.signedRoots(values(cell, method, kind.rawValue))
        return Chart.points(
          "\(kind.rawValue): \(name)", x: .init(""), y: .init(""),
          classes: (0..<2).map { label in
            (
              "class \(label)",
              labels.indices.filter { labels[$0] == label }.map {
                Chart.Point(x[$0], y[$0], value: values[$0])
              }
            )
          },
          colors: .init("", scale: .diverging, range: -1...1),
          boundaries: lines.enumerated().map { index, line in
            (index == 0 ? "decision boundary" : "", line)
          })
      }
    }
    try report.add(
      "points-\(shape.rawValue)",
      "Training points of seed \(seed), coloured by the square root of influence divided by the largest, with its sign: blue points lower the functional (helpful), red ones raise it; shapes are classes.",
      SmallMultiples(
        "Influence of each point: \(shape.rawValue)", columns: shown.count, charts: charts))
  }

  /// Scores of the first method against the exact Hessian's: one row per shape, one column per functional.
  private func addScatter(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    let seed = results.seeds[0]
    let method = classifier.methods.first { $0 != .exactHessian } ?? .exactHessian
    var charts: [Chart] = []
    for shape in shapes {
      let cell = results[seed, shape]
      for kind in FunctionalQuery.Kind.allCases {
        let exact = values(cell, .exactHessian, kind.rawValue)
        let other = values(cell, method, kind.rawValue)
        let pearson = try Correlation.pearson(other, exact)
        var chart = try Chart.againstExact(
          "\(shape.rawValue): \(kind.rawValue)", method: method.rawValue,
          exact: exact, approximate: other,
          remarks: ["r = \(NumberFormat.decimals(pearson, 2))"])
        chart.x.label = "exact Hessian"
        chart.y.label = method.rawValue
        charts.append(chart)
      }
    }
    try report.add(
      "against-exact",
      "Scores of \(method.rawValue) against those with the exact Hessian, both divided by the largest of the exact ones, seed \(seed).",
      SmallMultiples(
        "\(method.rawValue) against the exact Hessian", columns: 4, charts: charts))
  }

  /// Pearson's correlation with the truth: one chart per shape.
  private func addBars(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    let charts = try shapes.map { shape in
      try Chart.bars(
        shape.rawValue, groups: Self.measures,
        y: .init("Pearson, truth", range: -1...1),
        methods: try classifier.methods.map { method in
          (
            method.rawValue,
            try Self.measures.map { try agreement(results, shape, $0, method)[0].estimate }
          )
        })
    }
    try report.add(
      "truth",
      "Pearson's correlation of scores with the change on leaving a point out, 95 % over seeds.",
      SmallMultiples(
        "Correlation with leaving out", columns: min(3, charts.count), charts: charts))
  }

  /// √(|v|/max |v|) with the sign of v: every value has a colour of its own, and small ones can be seen beside outliers.
  private static func signedRoots(_ values: [Double]) -> [Double] {
    let largest = values.map { abs($0) }.max() ?? 0
    guard largest > 0 else { return values }
    return values.map { ($0 < 0 ? -1 : 1) * (abs($0) / largest).squareRoot() }
  }
}
