internal import OrderedCollections
internal import Reporting

extension MislabelledData {
  /// Tables, curves and what must hold.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let rankings = try Rankings(results, options.methods, own: selfMethods)
    var report = ExperimentReport(tables: [
      .init(
        "detection",
        caption:
          "How well rankings of the training examples find wrong labels (± 95 % over seeds; the difference is taken seed by seed)",
        rankings.table),
      .init("model", caption: "The models", try Self.models(results)),
      .init("seconds", caption: "Mean seconds a seed", try seconds(results), isCost: true),
    ])
    report.pictures = [
      .init(
        "auc",
        caption:
          "Area under the ROC curve; intervals are 95 % over seeds, the grey line is chance.",
        svg: try rankings.areas.svg()),
      .init(
        "curves",
        caption:
          "Wrong labels found as examples are looked at, by harm to the mean validation query; bands are 95 % over seeds.",
        svg: try rankings.chart(
          "Wrong labels found by harm to the validation loss", options.curves, .harm
        )
        .svg()),
    ]
    if !selfMethods.isEmpty {
      report.pictures.append(
        .init(
          "self-curves",
          caption:
            "Wrong labels found as examples are looked at, by self-influence; bands are 95 % over seeds.",
          svg: try rankings.chart("Wrong labels found by self-influence", options.curves, .own)
            .svg()))
    }
    rankings.describe(in: &report, isQuick: results.isQuick)
    addWarnings(results, to: &report)
    return report
  }

  private static func models(_ results: ExperimentResults<Self>) throws -> Table {
    var table = Table(columns: [.init("quantity")] + SeedStatistic.columns("mean"))
    let quantities: [(name: String, value: (Result) -> Double)] = [
      ("test accuracy", \.testAccuracy),
      ("share of wrong labels that the model has learned", \.wrongLabelsLearned),
      ("share of wrong labels among all", \.wrongShare),
    ]
    for quantity in quantities {
      table.append([.text(quantity.name)] + (try results.statistic(quantity.value).cells))
    }
    return table
  }

  private func seconds(_ results: ExperimentResults<Self>) throws -> Table {
    var stages: [(name: String, value: (Seconds) -> Double?)] = [
      ("fit", \.fitSeconds), ("mean query", \.harmSeconds),
    ]
    if !selfMethods.isEmpty { stages.append(("self-influence", \.selfSeconds)) }
    var table = Table(
      columns: [.init("method")] + stages.map { .init($0.name, .seconds) })
    let costs = results.costs(at: .all)
    for method in options.methods {
      table.append(
        [.text(method)]
          + stages.map { stage in
            // Self-influence is not asked of every method.
            let values = costs.compactMap { $0[method].flatMap(stage.value) }
            return values.isEmpty
              ? .missing : .number(values.reduce(0, +) / Double(values.count))
          })
    }
    return table
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
