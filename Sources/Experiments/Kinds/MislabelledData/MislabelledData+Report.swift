internal import OrderedCollections
internal import Reporting

extension MislabelledData {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let rankings = try Rankings(results, options.methods, own: selfMethods)
    var report = ExperimentReport()
    report.add(
      "detection",
      "How well rankings of the training examples find wrong labels (± 95 % over seeds; the difference is taken seed by seed)",
      try rankings.table())
    report.add("model", "The models", try Self.models(results))
    report.add("seconds", "Mean seconds a seed", try seconds(results))
    try report.add(
      "auc",
      "Area under the ROC curve; intervals are 95 % over seeds, the grey line is chance.",
      rankings.areas)
    try report.add(
      "curves",
      "Wrong labels found as examples are looked at, by harm to the mean validation query; bands are 95 % over seeds.",
      rankings.chart(
        "Wrong labels found by harm to the validation loss", options.curves, .harm))
    if !selfMethods.isEmpty {
      try report.add(
        "self-curves",
        "Wrong labels found as examples are looked at, by self-influence; bands are 95 % over seeds.",
        rankings.chart("Wrong labels found by self-influence", options.curves, .own))
    }
    rankings.describe(in: &report, isQuick: results.isQuick)
    addWarnings(results, to: &report)
    return report
  }

  private static func models(_ results: ExperimentResults<Self>) throws -> Table {
    let quantities: [(name: String, value: (Result) -> Double)] = [
      ("test accuracy", \.testAccuracy),
      ("share of wrong labels that the model has learned", \.wrongLabelsLearned),
      ("share of wrong labels among all", \.wrongShare),
    ]
    return try Table(
      of: quantities,
      .text("quantity") { name, _ in name },
      .statistic("mean") { _, value in try results.statistic(value) })
  }

  private func seconds(_ results: ExperimentResults<Self>) throws -> Table {
    var stages: [(name: String, value: (Seconds) -> Double?)] = [
      ("fit", \.fitSeconds), ("mean query", \.harmSeconds),
    ]
    if !selfMethods.isEmpty { stages.append(("self-influence", \.selfSeconds)) }
    let costs = results.costs(at: .all)
    let columns: [TableField<String>] = stages.map { name, value in
      .number(name, .seconds) { method in
        // Self-influence is not asked of every method.
        let values = costs.compactMap { $0[method].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
    }
    return try Table(of: options.methods, [.text("method") { $0 }] + columns)
  }

  private func addWarnings(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) {
    for method in options.methods {
      let all = results.values.flatMap { $0.warnings[method] ?? [] }
      guard let first = all.first else { continue }
      report.warnings.append("`\(method)`, \(all.count) warnings over all seeds, such as: \(first)")
    }
  }
}
