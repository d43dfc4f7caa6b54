internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension ApproximationError {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    func statistic(
      _ method: String, _ rank: Int, _ value: (Agreement) -> Double?
    ) throws -> SeedStatistic {
      try results.statistic(at: rank) { $0.methods[method].flatMap(value) }
    }
    let table = try Table(
      of: product(ranks, methods),
      .integer("rank") { rank, _ in rank }, .text("method") { _, method in method },
      .statistic("Pearson, mean query") { try statistic($1, $0, \.meanQueryPearson) },
      .statistic("Spearman, mean query") { try statistic($1, $0, \.meanQuerySpearman) },
      .statistic("Pearson, each query") { try statistic($1, $0, \.pearson) },
      .statistic("top 10 %") { try statistic($1, $0, \.top10PercentOverlap) })
    var report = ExperimentReport()
    report.add(
      "correlation",
      "Correlation with exact influence (± 95 % over seeds)", table)
    try report.add(
      "correlation",
      "Pearson's correlation with exact influence on the mean validation loss, against the rank of the adapters; bands are 95 % over seeds.",
      try Chart.curves(
        "Correlation with exact influence",
        x: .init("LoRA rank", scale: .logarithmic, at: ranks.map(Double.init)),
        y: .init("Pearson's correlation"), methods,
        at: ranks.map(Double.init)
      ) { try statistic(methods[$0], ranks[$1], \.meanQueryPearson) })
    try describe(
      results, { try statistic($0, $1, \.meanQueryPearson) }, in: &report)
    return report
  }

  func lists(of result: Result) -> [ResultList] {
    let exact = result.methods[MethodComparison.reference]?.meanQueryScores ?? []
    return result.methods.map {
      ResultList("methods.\($0).mean_query_scores", $1.meanQueryScores, of: exact.count)
    }
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
      try report.add(
        "against-exact",
        "Scores of \(others) against exact ones, both divided by the largest exact score, rank \(rank), seed \(seed).",
        try Chart.againstExact(
          "\(others) against exact", method: others, exact: exact, approximate: scores,
          remarks: ["Pearson \(NumberFormat.decimals(correlation, 3))"]
        ))
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
    report.check(
      "DataInf is about as close to exact as Hessian-free, or closer (mean over ranks above −0.1)",
      mean > -0.1, detail: "difference \(NumberFormat.decimals(mean, 3))")
  }
}
