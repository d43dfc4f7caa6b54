internal import Evaluation
internal import Influence
internal import OrderedCollections
internal import Reporting

extension ApproximationError {
  /// Correlation against rank, with intervals over seeds; the first seed's scores against exact.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    func statistic(
      _ method: String, _ rank: Int, _ value: (Agreement) -> Double?
    ) throws -> SeedStatistic {
      try results.statistic(at: rank) { $0.methods[method].flatMap(value) }
    }
    var table = Table(
      columns: [.init("rank", .significant(digits: 4)), .init("method")]
        + SeedStatistic.columns("Pearson, mean query")
        + SeedStatistic.columns("Spearman, mean query")
        + SeedStatistic.columns("Pearson, each query") + SeedStatistic.columns("top 10 %"))
    var curves: [(name: String, points: [Chart.Point])] = []
    for rank in ranks {
      for method in methods {
        table.append(
          [.integer(rank), .text(method)]
            + (try statistic(method, rank, \.meanQueryPearson).cells)
            + (try statistic(method, rank, \.meanQuerySpearman).cells)
            + (try statistic(method, rank, \.pearson).cells)
            + (try statistic(method, rank, \.top10PercentOverlap).cells))
      }
    }
    for method in methods {
      curves.append(
        (
          method,
          try ranks.map { rank in
            try statistic(method, rank, \.meanQueryPearson).point(at: Double(rank))
          }
        ))
    }
    var report = ExperimentReport(
      tables: [
        .init("correlation", caption: "Correlation with exact influence (± 95 % over seeds)", table)
      ])
    report.pictures.append(
      .init(
        "correlation",
        caption:
          "Pearson's correlation with exact influence on the mean validation loss, against the rank of the adapters; bands are 95 % over seeds.",
        svg: try Chart.curves(
          "Correlation with exact influence",
          x: .init("LoRA rank", scale: .logarithmic), y: .init("Pearson's correlation"), curves
        ).svg()))
    try describe(
      results, { try statistic($0, $1, \.meanQueryPearson) }, in: &report)
    return report
  }

  private func describe(
    _ results: ExperimentResults<Self>, _ pearson: (String, Int) throws -> SeedStatistic,
    in report: inout ExperimentReport
  ) throws {
    if let seed = results.seeds.first, let rank = ranks.last, let method = methods.last {
      let agreements = results[seed, rank].methods
      let exact = agreements[MethodComparison.reference]?.meanQueryScores ?? []
      let others = methods.contains(DataInf.name) ? DataInf.name : method
      let scores = agreements[others]?.meanQueryScores ?? []
      let correlation = try Correlation.pearson(scores, exact)
      report.pictures.append(
        .init(
          "against-exact",
          caption:
            "Scores of \(others) against exact ones, each divided by its largest, rank \(rank), seed \(seed).",
          svg: try Chart.againstExact(
            "\(others) against exact", method: others, exact: exact.dividedByLargest,
            approximate: scores.dividedByLargest,
            remarks: ["Pearson \(NumberFormat.decimals(correlation, 3))"]
          ).svg()))
    }
    let first = ranks.min() ?? 1
    let last = ranks.max() ?? 1
    for method in methods {
      let (low, high) = (try pearson(method, first), try pearson(method, last))
      report.findings.append(
        "`\(method)`: \(low.text()) at rank \(first), \(high.text()) at rank \(last).")
    }
    guard methods.contains(DataInf.name), methods.contains(HessianFree.name) else { return }
    let gains = try ranks.map {
      try pearson(DataInf.name, $0).mean - pearson(HessianFree.name, $0).mean
    }
    let mean = gains.reduce(0, +) / Double(gains.count)
    report.checks.append(
      .init(
        "DataInf is about as close to exact as Hessian-free, or closer (mean over ranks above −0.1)",
        mean > -0.1, detail: "difference \(NumberFormat.decimals(mean, 3))"))
  }
}
