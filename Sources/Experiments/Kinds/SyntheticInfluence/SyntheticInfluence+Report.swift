internal import Data
internal import Evaluation
internal import Models
internal import OrderedCollections
internal import Reporting

extension SyntheticInfluence {
  /// Correlations over seeds; the first seed's points and scores as pictures.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var table = Table(
      columns: [.init("shape"), .init("functional"), .init("method")]
        + SeedStatistic.columns("Pearson, truth") + SeedStatistic.columns("Spearman, truth")
        + SeedStatistic.columns("Pearson, exact Hessian")
        + SeedStatistic.columns("Spearman, exact Hessian"))
    var report = ExperimentReport()
    for shape in shapes {
      for measure in Self.measures {
        for method in classifier.methods {
          let agreement = try agreement(results, shape, measure, method)
          table.append(
            [.text(shape.rawValue), .text(measure), .text(method.rawValue)]
              + agreement.flatMap(\.cells))
        }
      }
      report.findings.append(try finding(results, shape))
    }
    report.tables = [
      .init(
        "correlation",
        caption:
          "Correlation of scores with the truth (change on leaving a point out) and with the exact Hessian's scores (± 95 % over seeds). robustness: attacked points stay where they are; robustness-anew: the truth attacks the new classifier again, the scores are the same.",
        table)
    ]
    for shape in shapes {
      report.pictures.append(try points(results, shape))
    }
    report.pictures.append(try scatter(results))
    report.pictures.append(try bars(results))
    report.checks = try checks(results)
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

  private func checks(_ results: ExperimentResults<Self>) throws -> [ExperimentReport.Check] {
    guard shapes.contains(.gaussians) else { return [] }
    return try FunctionalQuery.Kind.allCases.map { kind in
      let value = try agreement(results, .gaussians, kind.rawValue, .exactHessian)[0]
      return .init(
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

  /// Points coloured by influence: one row per functional, one column per method.
  private func points(
    _ results: ExperimentResults<Self>, _ shape: SyntheticGroups.Shape
  ) throws -> ExperimentReport.NamedPicture {
    let seed = results.seeds[0]
    let cell = results[seed, shape]
    let (x, y, labels) = (cell.x, cell.y, cell.labels)
    let lines = cell.boundary.map { numbers in
      stride(from: 0, to: numbers.count, by: 2).map { Chart.Point(numbers[$0], numbers[$0 + 1]) }
    }
    let charts = FunctionalQuery.Kind.allCases.flatMap { kind in
      shown.map { name, method in
        let values = Self.scaled(values(cell, method, kind.rawValue))
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
    return .init(
      "points-\(shape.rawValue)",
      caption:
        "Training points of seed \(seed), coloured by influence divided by its 95th percentile: blue points lower the functional (helpful), red ones raise it; shapes are classes.",
      svg: try SmallMultiples(
        "Influence of each point: \(shape.rawValue)", columns: shown.count, charts: charts
      ).svg())
  }

  /// Scores of the first method against the exact Hessian's: one row per shape, one column per functional.
  private func scatter(_ results: ExperimentResults<Self>) throws -> ExperimentReport.NamedPicture {
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
          exact: Self.scaled(exact, by: 1), approximate: Self.scaled(other, by: 1),
          remarks: ["r = \(NumberFormat.decimals(pearson, 2))"])
        chart.x.label = "exact Hessian"
        chart.y.label = method.rawValue
        charts.append(chart)
      }
    }
    return .init(
      "against-exact",
      caption:
        "Scores of \(method.rawValue) against those with the exact Hessian, each divided by its largest, seed \(seed).",
      svg: try SmallMultiples(
        "\(method.rawValue) against the exact Hessian", columns: 4, charts: charts
      ).svg())
  }

  /// Pearson's correlation with the truth: one chart per shape.
  private func bars(_ results: ExperimentResults<Self>) throws -> ExperimentReport.NamedPicture {
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
    return .init(
      "truth",
      caption:
        "Pearson's correlation of scores with the change on leaving a point out, 95 % over seeds.",
      svg: try SmallMultiples(
        "Correlation with leaving out", columns: min(3, charts.count), charts: charts
      ).svg())
  }

  /// Divided by a percentile of their magnitudes; 0.95 leaves room for outliers.
  private static func scaled(_ values: [Double], by share: Double = 0.95) -> [Double] {
    let sorted = values.map(abs).sorted()
    let unit = sorted.isEmpty ? 0 : sorted[Int(share * Double(sorted.count - 1))]
    return unit > 0 ? values.map { $0 / unit } : values
  }
}
