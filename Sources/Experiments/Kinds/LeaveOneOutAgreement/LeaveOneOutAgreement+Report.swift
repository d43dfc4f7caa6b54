internal import Evaluation
internal import OrderedCollections
internal import Reporting
internal import TensorFiles

extension LeaveOneOutAgreement {
  /// Correlation with the truth of each method, and one query's predictions against it.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    func statistic(
      _ model: Model, _ penalty: Double, _ method: String, _ key: String
    ) throws -> SeedStatistic {
      try SeedStatistic(
        results.seeds.map {
          results[Self.cell($0, model, penalty)].number(at: "methods", method, key) ?? .nan
        })
    }
    let all = methods + [Self.random]
    var table = Table(
      columns: [.init("model"), .init("penalty"), .init("method")]
        + SeedStatistic.columns("Pearson") + SeedStatistic.columns("Spearman")
        + SeedStatistic.columns("top 10 %"))
    for model in models {
      for penalty in penalties {
        for method in all {
          table.append(
            [.text(model.rawValue), .text(penalty.settingText), .text(method)]
              + (try ["pearson", "spearman", "top_10_percent_overlap"].flatMap {
                try statistic(model, penalty, method, $0).cells
              }))
        }
      }
    }
    var report = ExperimentReport(tables: [
      .init(
        "agreement",
        caption: "Agreement with leaving each example out, query by query (± 95 % over seeds)",
        table)
    ])
    let groups = models.flatMap { model in
      penalties.map {
        (model, $0, "\(model.rawValue), α = \($0.settingText)")
      }
    }
    report.pictures.append(
      .init(
        "spearman",
        caption:
          "Spearman's correlation with the change of each query's loss when an example is left out, mean over queries; whiskers are 95 % over seeds.",
        svg: try Chart.bars(
          "Agreement with leaving one out", groups: groups.map(\.2),
          y: .init("Spearman's correlation"),
          methods: try all.map { method in
            (
              method,
              try groups.map { model, penalty, _ in
                let value = try statistic(model, penalty, method, "spearman")
                return Chart.Estimate(value.mean, lower: value.lower, upper: value.upper)
              }
            )
          }
        ).svg()))
    try addPredictions(results, to: &report)
    for model in models {
      for penalty in penalties {
        let values = try all.map {
          "`\($0)` \(try statistic(model, penalty, $0, "spearman").text())"
        }
        report.findings.append(
          "\(model.rawValue), α = \(penalty.settingText): Spearman \(values.joined(separator: ", "))."
        )
        guard methods.contains("exact-hessian") else { continue }
        let slope = try statistic(model, penalty, "exact-hessian", "slope")
        report.findings.append(
          "The true changes are \(slope.text()) times what exact-hessian foretells (\(model.rawValue), α = \(penalty.settingText))."
        )
      }
    }
    try check(results, all, statistic, in: &report)
    return report
  }

  private func addPredictions(
    _ results: ExperimentResults, to report: inout ExperimentReport
  ) throws {
    guard let seed = results.seeds.first, let model = models.first, let penalty = penalties.first
    else { return }
    let cell = results[Self.cell(seed, model, penalty)]
    let truth = cell.numbers(at: "first_query_truth")
    let shown = ["exact-hessian", "kfac", "exact", "datainf"].filter(methods.contains)
    guard !shown.isEmpty else { return }
    let charts = try shown.map { method in
      let predicted = cell.numbers(at: "first_query", method)
      // Each by its largest: methods without the Hessian have another unit.
      var chart = Chart(
        method, x: .init("true change of loss"), y: .init("foretold"),
        series: [
          .init(
            "a training example", .scatter,
            points: zip(Self.scaled(truth), Self.scaled(predicted)).map { Chart.Point($0, $1) })
        ])
      chart.references = [.init(.identity, label: "equal")]
      chart.remarks = [
        "Pearson \(NumberFormat.decimals(try Correlation.pearson(predicted, truth), 3))"
      ]
      return chart
    }
    report.pictures.append(
      .init(
        "predictions",
        caption:
          "What leaving each example out does to the first query, and what is foretold, each divided by its largest (\(model.rawValue), α = \(penalty.settingText), seed \(seed), at most 200 examples).",
        svg: try SmallMultiples("One query's changes of loss", columns: 2, charts: charts).svg()))
  }

  private static func scaled(_ values: [Double]) -> [Double] {
    let largest = values.map(abs).max() ?? 0
    return largest > 0 ? values.map { $0 / largest } : values
  }

  private func check(
    _ results: ExperimentResults, _ all: [String],
    _ statistic: (Model, Double, String, String) throws -> SeedStatistic,
    in report: inout ExperimentReport
  ) throws {
    let cells = results.seeds.flatMap { seed in
      models.flatMap { model in penalties.map { results[Self.cell(seed, model, $0)] } }
    }
    let norm = cells.compactMap { $0.number(at: "gradient_norm") }.max() ?? .infinity
    report.checks.append(
      .init(
        "Every model is at its minimum, ‖∇‖ ≤ 1e-10", norm <= 1e-10,
        detail: "largest \(NumberFormat.significant(norm))"))
    for (method, key) in [("exact-hessian", "spearman")] where methods.contains(method) {
      for model in models {
        for penalty in penalties {
          let value = try statistic(model, penalty, method, key)
          report.checks.append(
            .init(
              "exact-hessian orders examples as leaving them out does (\(model.rawValue), α = \(penalty.settingText): Spearman at least 0.95)",
              value.mean >= 0.95, detail: value.text(decimals: 4)))
        }
      }
    }
    // Random scores of a query have a correlation of deviation 1/√(n − 1), and queries are independent.
    let deviations = cells.map {
      1 / (($0.number(at: "training") ?? 2) - 1).squareRoot()
        / ($0.number(at: "queries") ?? 1).squareRoot()
    }
    let worst =
      zip(cells, deviations).map {
        abs($0.number(at: "methods", Self.random, "spearman") ?? .infinity) / $1
      }.max() ?? .infinity
    report.checks.append(
      .init(
        "Random scores foretell nothing (within 6 standard deviations)", worst < 6,
        detail: "largest \(NumberFormat.decimals(worst, 1)) standard deviations"))
    let undefined = cells.reduce(0.0) { sum, cell in
      sum + all.reduce(0) { $0 + (cell.number(at: "methods", $1, "undefined_queries") ?? 0) }
    }
    if undefined > 0 {
      report.warnings.append(
        "\(Int(undefined)) times a query's scores or changes were constant: it was left out of a mean."
      )
    }
    for warning in cells.flatMap({ $0["warnings"]?.array ?? [] }).compactMap(\.string)
    where !report.warnings.contains(warning) { report.warnings.append(warning) }
  }
}
