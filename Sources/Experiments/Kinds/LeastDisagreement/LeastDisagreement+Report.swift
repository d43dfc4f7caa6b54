internal import Evaluation
internal import OrderedCollections
internal import Reporting

extension LeastDisagreement {
  /// Accuracy against labels, and the estimate against its closed form.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    try addLearning(results, to: &report)
    try addClosedForm(results, to: &report)
    return report
  }

  private func addLearning(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    func accuracies(_ rule: QueryRule, _ place: Int) -> [Double] {
      results.learning(by: rule).map { $0.accuracies[place] }
    }
    func mean(_ rule: QueryRule) -> [Double] {
      results.learning(by: rule).map { learning in
        // The first accuracy is before any choice.
        let values = learning.accuracies.dropFirst()
        return values.reduce(0, +) / Double(max(1, values.count))
      }
    }
    let last = labelCounts.count - 1
    let hasRandom = options.rules.contains(.random)
    var table = Table(
      columns: [.init("labels", .significant(digits: 6)), .init("rule")]
        + SeedStatistic.columns("test accuracy", decimals: 4)
        + SeedStatistic.columns("over random", decimals: 4)
        + [.init("classes labelled", .decimals(2))])
    for place in labelCounts.indices {
      for rule in options.rules {
        let own = accuracies(rule, place)
        let gain: [Table.Cell] =
          hasRandom && rule != .random
          ? try SeedStatistic(own, minus: accuracies(.random, place)).cells : [.missing, .missing]
        let classes = results.learning(by: rule).map { Double($0.classes[place]) }
        table.append(
          [.integer(labelCounts[place]), .text(rule.rawValue)] + (try SeedStatistic(own).cells)
            + gain + [.number(classes.reduce(0, +) / Double(classes.count))])
      }
    }
    var summary = Table(
      columns: [.init("rule")] + SeedStatistic.columns("final accuracy", decimals: 4)
        + SeedStatistic.columns("mean accuracy", decimals: 4)
        + SeedStatistic.columns("mean over random", decimals: 4))
    var seconds = Table(columns: [.init("rule"), .init("choosing, a seed", .seconds)])
    for rule in options.rules {
      let gain: [Table.Cell] =
        hasRandom && rule != .random
        ? try SeedStatistic(mean(rule), minus: mean(.random)).cells : [.missing, .missing]
      summary.append(
        [.text(rule.rawValue)] + (try SeedStatistic(accuracies(rule, last)).cells)
          + (try SeedStatistic(mean(rule)).cells) + gain)
      let times = results.costs(at: .rule(rule)).map(\.choosingSeconds)
      seconds.append([.text(rule.rawValue), .number(times.reduce(0, +) / Double(times.count))])
    }
    report.tables += [
      .init(
        "summary",
        caption:
          "Accuracy with all \(labelCounts[last]) labels, and its mean over the rounds (± 95 % over seeds; differences are taken seed by seed)",
        summary),
      .init("rounds", caption: "Accuracy in each round (± 95 % over seeds)", table),
      .init("seconds", caption: "Mean time that choosing takes", seconds, isCost: true),
    ]
    report.pictures.append(
      .init(
        "accuracy",
        caption: "Test accuracy against the number of labels; bands are 95 % over seeds.",
        svg: try Chart.curves(
          "Test accuracy against labels", x: .init("labels"),
          y: .init("test accuracy", numbers: .percent),
          try options.rules.map { rule in
            (
              rule.rawValue,
              try labelCounts.enumerated().map { place, count in
                try SeedStatistic(accuracies(rule, place)).point(at: Double(count))
              }
            )
          }
        ).svg()))
    for rule in options.rules {
      let final = try SeedStatistic(accuracies(rule, last))
      var sentence = "`\(rule.rawValue)`: \(final.text()) with \(labelCounts[last]) labels"
      if hasRandom, rule != .random {
        let gain = try SeedStatistic(accuracies(rule, last), minus: accuracies(.random, last))
        sentence += ", \(gain.text()) over random"
      }
      report.findings.append(sentence + ".")
    }
    guard hasRandom, options.rules.contains(.leastDisagree) else { return }
    let gain = try SeedStatistic(accuracies(.leastDisagree, last), minus: accuracies(.random, last))
    let slack = results.isQuick ? 0.05 : 0.005
    report.checks.append(
      .init(
        "with all labels LDM-S is not below random choice (above −\(slack))", gain.mean > -slack,
        detail: gain.text(decimals: 4)))
  }

  private func addClosedForm(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    func statistic(
      _ dimension: Int, _ patience: Int, _ value: (Estimate) -> Double
    ) throws -> SeedStatistic {
      try SeedStatistic(
        results.closedForms(dimension: dimension).map {
          $0.patiences["\(patience)"].map(value) ?? .nan
        })
    }
    func draws(_ dimension: Int, _ patience: Int) throws -> Double {
      try statistic(dimension, patience) { Double($0.draws) }.mean
    }
    var table = Table(
      columns: [
        .init("dimension", .significant(digits: 4)), .init("patience", .significant(digits: 4)),
        .init("changes", .decimals(0)),
      ] + SeedStatistic.columns("mean error", decimals: 4)
        + SeedStatistic.columns("estimate over exact", decimals: 2)
        + SeedStatistic.columns("Spearman"))
    for dimension in dimensions {
      for patience in patiences {
        table.append(
          [
            .integer(dimension), .integer(patience),
            .number(try draws(dimension, patience)),
          ] + (try statistic(dimension, patience, \.meanError).cells)
            + (try statistic(dimension, patience, \.meanRatio).cells)
            + (try statistic(dimension, patience, \.spearman).cells))
      }
    }
    report.tables.insert(
      .init(
        "closed-form",
        caption:
          "The estimate for a linear rule against the angle over π (± 95 % over seeds): mean absolute error, ratio of the means, rank correlation",
        table), at: 1)
    func curves(
      _ value: (Estimate) -> Double
    ) throws -> [(name: String, points: [Chart.Point])] {
      try dimensions.map { dimension in
        (
          "d = \(dimension)",
          try patiences.map { patience in
            try statistic(dimension, patience, value).point(at: draws(dimension, patience))
          }
        )
      }
    }
    var grid = SmallMultiples(
      "The estimate for a linear rule", columns: 2,
      charts: [
        Chart.curves(
          "Error", x: .init("changes tried", scale: .logarithmic),
          y: .init("mean absolute error"), try curves(\.meanError)),
        Chart.curves(
          "Order", x: .init("changes tried", scale: .logarithmic),
          y: .init("Spearman's correlation"), try curves(\.spearman)),
      ])
    grid.rowHeight = 360
    report.pictures.append(
      .init(
        "closed-form",
        caption:
          "Mean absolute error of the estimate, and its rank correlation with the closed form, against the number of changes tried; bands are 95 % over seeds.",
        svg: try grid.svg()))
    if let seed = results.seeds.first {
      var chart = Chart(
        "Estimate against closed form", x: .init("angle over π"), y: .init("estimate"),
        series: dimensions.compactMap { dimension in
          results.closedForms(dimension: dimension).first.map { form in
            .init(
              "d = \(dimension)", .scatter,
              points: zip(form.exact, form.estimate).map { Chart.Point($0, $1) })
          }
        })
      chart.references = [.init(.identity, label: "equal")]
      report.pictures.append(
        .init(
          "estimate",
          caption:
            "Each example's estimate against its closed form, patience \(patiences.last ?? 0), seed \(seed).",
          svg: try chart.svg()))
    }
    guard let low = dimensions.first, let high = dimensions.last, let most = patiences.last else {
      return
    }
    let spearman = try statistic(low, most, \.spearman)
    report.findings.append(
      "Estimate for a linear rule, patience \(most): over exact \(try statistic(low, most, \.meanRatio).text(decimals: 2)) times in \(low) dimensions with Spearman \(spearman.text()), \(try statistic(high, most, \.meanRatio).text(decimals: 2)) times in \(high) dimensions with Spearman \(try statistic(high, most, \.spearman).text())."
    )
    report.checks.append(
      .init(
        "in \(low) dimensions the estimate orders examples as the closed form does (Spearman above 0.9)",
        spearman.mean > 0.9, detail: spearman.text()))
  }
}
