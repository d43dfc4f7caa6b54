internal import Data
internal import Evaluation
internal import Models
internal import Reporting
internal import TensorFiles

extension SyntheticInfluence {
  /// Correlations over seeds; the first seed's points and scores as pictures.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    var table = Table(
      columns: [.init("shape"), .init("functional"), .init("method")]
        + SeedStatistic.columns("Pearson, truth") + SeedStatistic.columns("Spearman, truth")
        + SeedStatistic.columns("Pearson, exact Hessian")
        + SeedStatistic.columns("Spearman, exact Hessian"))
    var report = ExperimentReport()
    for shape in shapes {
      for measure in Self.measures {
        for method in methods {
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
    _ results: ExperimentResults, _ shape: SyntheticGroups.Shape, _ measure: String,
    _ method: ClassifierInfluence.Method
  ) throws -> [SeedStatistic] {
    let lists = results.seeds.map { seed in
      let cell = results[Self.cell(seed, shape)]
      return (
        scores: cell.numbers(at: "scores", method.rawValue, measure),
        truth: cell.numbers(at: "truth", measure),
        exact: cell.numbers(at: "scores", ClassifierInfluence.Method.exactHessian.rawValue, measure)
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
    _ results: ExperimentResults, _ shape: SyntheticGroups.Shape
  ) throws -> String {
    let parts = try FunctionalQuery.Kind.allCases.map { kind in
      let texts = try methods.map { method in
        "\(method.rawValue) \(try agreement(results, shape, kind.rawValue, method)[0].text())"
      }
      return "\(kind.rawValue): \(texts.joined(separator: ", "))"
    }
    return "\(shape.rawValue), Pearson with leaving out. \(parts.joined(separator: "; "))."
  }

  private func checks(_ results: ExperimentResults) throws -> [ExperimentReport.Check] {
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
    let first = methods.first { $0 != .exactHessian }
    return [first, .exactHessian].compactMap { $0 }.map { ($0.rawValue, $0) } + [
      ("leaving out", nil)
    ]
  }

  private func values(
    _ cell: OrderedJSON, _ method: ClassifierInfluence.Method?, _ measure: String
  ) -> [Double] {
    method.map { cell.numbers(at: "scores", $0.rawValue, measure) }
      ?? cell.numbers(at: "truth", measure)
  }

  /// Points coloured by influence: a row a functional, a column a method.
  private func points(
    _ results: ExperimentResults, _ shape: SyntheticGroups.Shape
  ) throws -> ExperimentReport.NamedPicture {
    let seed = results.seeds[0]
    let cell = results[Self.cell(seed, shape)]
    let (x, y) = (cell.numbers(at: "x"), cell.numbers(at: "y"))
    let labels = (cell["labels"]?.array ?? []).compactMap(\.integer)
    let lines = (cell["boundary"]?.array ?? []).map { line in
      let numbers = (line.array ?? []).compactMap(\.number)
      return stride(from: 0, to: numbers.count, by: 2).map {
        Chart.Point(numbers[$0], numbers[$0 + 1])
      }
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

  /// Scores of the first method against the exact Hessian's, a row a shape, a column a functional.
  private func scatter(_ results: ExperimentResults) throws -> ExperimentReport.NamedPicture {
    let seed = results.seeds[0]
    let method = methods.first { $0 != .exactHessian } ?? .exactHessian
    var charts: [Chart] = []
    for shape in shapes {
      let cell = results[Self.cell(seed, shape)]
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

  /// Pearson's correlation with the truth, a chart a shape.
  private func bars(_ results: ExperimentResults) throws -> ExperimentReport.NamedPicture {
    let charts = try shapes.map { shape in
      try Chart.bars(
        shape.rawValue, groups: Self.measures,
        y: .init("Pearson, truth", range: -1...1),
        methods: try methods.map { method in
          (
            method.rawValue,
            try Self.measures.map { measure in
              let value = try agreement(results, shape, measure, method)[0]
              return Chart.Estimate(value.mean, lower: value.lower, upper: value.upper)
            }
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
