internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension LeastDisagreement {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    try addLearning(results, to: &report)
    try describeClosedForm(results, in: &report)
    return report
  }

  func lists(of result: Result) -> [ResultList] {
    switch result {
    case .first(let learning):
      [
        ResultList("accuracies", learning.accuracies, of: labelCounts.count),
        ResultList("classes", learning.classes, of: labelCounts.count),
      ]
    case .second(let form): [ResultList("estimate", form.estimate, of: form.exact.count)]
    }
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
    /// Over random choice; nil where there is nothing to hold the rule against.
    func gain(_ rule: QueryRule, _ numbers: (QueryRule) -> [Double]) throws -> SeedStatistic? {
      guard hasRandom, rule != .random else { return nil }
      return try SeedStatistic(numbers(rule), minus: numbers(.random))
    }
    report.add(
      "summary",
      "Accuracy with all \(labelCounts[last]) labels, and its mean over the rounds (± 95 % over seeds; differences are taken seed by seed)",
      try Table(
        of: options.rules,
        .text("rule", \.rawValue),
        .statistic("final accuracy", decimals: 4) { try SeedStatistic(accuracies($0, last)) },
        .statistic("mean accuracy", decimals: 4) { try SeedStatistic(mean($0)) },
        .statistic("mean over random", decimals: 4) { try gain($0, mean) }))
    try addClosedFormTable(results, to: &report)
    report.add(
      "rounds",
      "Accuracy in each round (± 95 % over seeds)",
      try Table(
        of: product(labelCounts.indices, options.rules),
        .integer("labels") { place, _ in labelCounts[place] },
        .text("rule") { _, rule in rule.rawValue },
        .statistic("test accuracy", decimals: 4) { try SeedStatistic(accuracies($1, $0)) },
        .statistic("over random", decimals: 4) { place, rule in
          try gain(rule) { accuracies($0, place) }
        },
        .number("classes labelled", .decimals(2)) { place, rule in
          let classes = results.learning(by: rule).map { Double($0.classes[place]) }
          return classes.reduce(0, +) / Double(classes.count)
        }))
    report.add(
      "seconds",
      "Mean time that choosing takes",
      try Table(
        of: options.rules,
        .text("rule", \.rawValue),
        .number("choosing, a seed", .seconds) { rule in
          let times = results.costs(at: .rule(rule)).map(\.choosingSeconds)
          return times.reduce(0, +) / Double(times.count)
        }))
    try report.add(
      "accuracy",
      "Test accuracy against the number of labels; bands are 95 % over seeds.",
      try Chart.curves(
        "Test accuracy against labels", x: .init("labels"),
        y: .init("test accuracy", numbers: .percent), options.rules.map(\.rawValue),
        at: labelCounts.map(Double.init)
      ) { try SeedStatistic(accuracies(options.rules[$0], $1)) })
    for rule in options.rules {
      let final = try SeedStatistic(accuracies(rule, last))
      var sentence = "`\(rule.rawValue)`: \(final.text()) with \(labelCounts[last]) labels"
      if let gain = try gain(rule, { accuracies($0, last) }) {
        sentence += ", \(gain.text()) over random"
      }
      report.findings.append(sentence + ".")
    }
    guard options.rules.contains(.leastDisagree),
      let lead = try gain(.leastDisagree, { accuracies($0, last) })
    else { return }
    let slack = results.isQuick ? 0.05 : 0.005
    report.check(
      "with all labels LDM-S is not below random choice (above −\(slack))", lead.mean > -slack,
      detail: lead.text(decimals: 4))
  }

  private func statistic(
    _ results: ExperimentResults<Self>, _ dimension: Int, _ patience: Int,
    _ value: (Estimate) -> Double
  ) throws -> SeedStatistic {
    try SeedStatistic(
      results.closedForms(dimension: dimension).map {
        $0.patiences["\(patience)"].map(value) ?? .nan
      })
  }

  private func draws(
    _ results: ExperimentResults<Self>, _ dimension: Int, _ patience: Int
  ) throws -> Double {
    try statistic(results, dimension, patience) { Double($0.draws) }.mean
  }

  private func addClosedFormTable(
    _ results: ExperimentResults<Self>, to report: inout ExperimentReport
  ) throws {
    report.add(
      "closed-form",
      "The estimate for a linear rule against the angle over π (± 95 % over seeds): mean absolute error, ratio of the means, rank correlation",
      try Table(
        of: product(dimensions, patiences),
        .integer("dimension") { dimension, _ in dimension },
        .integer("patience") { _, patience in patience },
        .number("changes", .decimals(0)) { try draws(results, $0, $1) },
        .statistic("mean error", decimals: 4) { try statistic(results, $0, $1, \.meanError) },
        .statistic("estimate over exact", decimals: 2) {
          try statistic(results, $0, $1, \.meanRatio)
        },
        .statistic("Spearman") { try statistic(results, $0, $1, \.spearman) }))
  }

  private func describeClosedForm(
    _ results: ExperimentResults<Self>, in report: inout ExperimentReport
  ) throws {
    func statistic(
      _ dimension: Int, _ patience: Int, _ value: (Estimate) -> Double
    ) throws -> SeedStatistic { try self.statistic(results, dimension, patience, value) }
    func curves(
      _ value: (Estimate) -> Double
    ) throws -> [(name: String, points: [Chart.Point])] {
      try dimensions.map { dimension in
        (
          "d = \(dimension)",
          try patiences.map { patience in
            try statistic(dimension, patience, value)
              .point(at: draws(results, dimension, patience))
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
    try report.add(
      "closed-form",
      "Mean absolute error of the estimate, and its rank correlation with the closed form, against the number of changes tried; bands are 95 % over seeds.",
      grid)
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
      try report.add(
        "estimate",
        "Each example's estimate against its closed form, patience \(patiences.last ?? 0), seed \(seed).",
        chart)
    }
    guard let low = dimensions.first, let high = dimensions.last, let most = patiences.last else {
      return
    }
    let spearman = try statistic(low, most, \.spearman)
    report.findings.append(
      "Estimate for a linear rule, patience \(most): over exact \(try statistic(low, most, \.meanRatio).text(decimals: 2)) times in \(low) dimensions with Spearman \(spearman.text()), \(try statistic(high, most, \.meanRatio).text(decimals: 2)) times in \(high) dimensions with Spearman \(try statistic(high, most, \.spearman).text())."
    )
    report.check(
      "in \(low) dimensions the estimate orders examples as the closed form does (Spearman above 0.9)",
      spearman.mean > 0.9, detail: spearman.text())
  }
}
