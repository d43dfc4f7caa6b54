internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension FairnessRobustness {
  /// What is read off a curve for a functional.
  struct Target {
    /// The name that people use.
    let name: String
    /// Whether it is a gap, which is better the nearer it is to 0.
    let isGap: Bool
    /// The numbers after trimming, one for each budget.
    let curve: (Qualities) -> [Double]
    /// The number before trimming.
    let value: (ClassifierQuality) -> Double

    init(_ kind: FunctionalQuery.Kind) {
      switch kind {
      case .utility:
        (name, isGap, curve, value) = ("accuracy", false, \.accuracy, \.accuracy)
      case .demographicParity:
        (name, isGap) = ("|demographic parity gap|", true)
        (curve, value) = (\.demographicParity, \.demographicParity)
      case .equalOpportunity:
        (name, isGap) = ("|equal opportunity gap|", true)
        (curve, value) = (\.equalOpportunity, \.equalOpportunity)
      case .robustness:
        (name, isGap) = ("robust accuracy", false)
        (curve, value) = (\.robustAccuracy, \.robustAccuracy)
      }
    }
  }

  static let random = "random"

  /// The numbers of one curve of one seed, one for each budget; of random removals the means over draws.
  func curve(
    _ result: Result, _ kind: FunctionalQuery.Kind, _ method: String,
    _ numbers: (Curve) -> [Double], _ change: (Double) -> Double = { $0 }
  ) -> [Double] {
    guard method == Self.random else {
      return result.trimmed[kind.rawValue]?[method].map { numbers($0).map(change) } ?? []
    }
    let draws = (result.trimmed[Self.random] ?? [:]).values.map { numbers($0).map(change) }
    return budgets.indices.map { budget in
      draws.reduce(0) { $0 + $1[budget] } / Double(draws.count)
    }
  }

  func lists(of result: Result) -> [ResultList] {
    result.trimmed.flatMap { kind, curves in
      curves.flatMap { method, curve in
        [("test", curve.test), ("validation", curve.validation)].flatMap { part, qualities in
          [
            ("accuracy", qualities.accuracy), ("log_loss", qualities.logLoss),
            ("demographic_parity", qualities.demographicParity),
            ("equal_opportunity", qualities.equalOpportunity),
            ("robust_accuracy", qualities.robustAccuracy),
            ("attack_distance", qualities.attackDistance),
          ].map {
            ResultList("trimmed.\(kind).\(method).\(part).\($0)", $1, of: budgets.count)
          }
        }
      }
    }
  }

  /// A number of the test examples at one budget, over seeds.
  func statistic(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ method: String,
    _ numbers: (Qualities) -> [Double], _ budget: Int, _ change: (Double) -> Double = { $0 }
  ) throws -> SeedStatistic {
    try results.statistic { curve($0, kind, method, { numbers($0.test) }, change)[budget] }
  }

  func target(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ method: String,
    _ budget: Int
  ) throws -> SeedStatistic {
    let target = Target(kind)
    return try statistic(results, kind, method, target.curve, budget) {
      target.isGap ? abs($0) : $0
    }
  }

  /// The share of seeds whose gap has another sign than before trimming; nil where there is no gap.
  func overshoot(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ method: String,
    _ budget: Int
  ) -> Double? {
    let target = Target(kind)
    guard target.isGap else { return nil }
    // For random of the share of draws, so that signs of one model are compared.
    let shares = results.values.map { result -> Double in
      let first = curve(result, kind, method, { target.curve($0.test) })[0]
      return curve(
        result, kind, method, { target.curve($0.test) }, { $0 * first < 0 ? 1 : 0 })[budget]
    }
    return shares.reduce(0, +) / Double(shares.count)
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let names = classifier.methods.map(\.rawValue) + [Self.random]
    report.add(
      "chosen",
      "Each functional's measure on test examples, before trimming and at the budget that is best on the validation examples (± 95 % over seeds).",
      try chosenTable(results, names))
    report.add(
      "budgets",
      "Test examples after each trim (± 95 % over seeds). Overshoot: the share of seeds whose gap changed its sign; a gap is shown without its sign.",
      try budgetTable(results, names))
    try report.add(
      "trimming",
      "Above: what each trim is meant to improve (gaps should come nearer to 0, robust accuracy should rise); below: the accuracy of the same classifiers. Bands are 95 % over seeds.",
      picture(results, names))
    try report.add(
      "utility",
      "Accuracy on test examples after trimming for utility; bands are 95 % over seeds.",
      chart(results, .utility, names, accuracy: true, "Trimmed for utility"))
    let majority = try results.statistic(\.majority)
    report.findings.append(
      "Always saying the more frequent class has an accuracy of \(majority.text()), attacked or not, and no gap."
    )
    for kind in FunctionalQuery.Kind.allCases {
      report.findings.append(try finding(results, kind, names))
    }
    for kind in FunctionalQuery.Kind.allCases {
      guard let gap = kind.gap else { continue }
      let disagreeing = results.values.count { result in
        let surrogate = result.functionals[kind.rawValue] ?? 0
        return surrogate * Target(kind).value(result.validation) < 0
      }
      if disagreeing > 0 {
        report.warnings.append(
          "\(gap.rawValue): in \(disagreeing) of \(results.seeds.count) seeds the smooth functional and the gap of hard predictions on the validation examples have different signs; there trimming widens the gap at first"
        )
      }
    }
    try check(results, in: &report)
    return report
  }

  private func chart(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ names: [String],
    accuracy: Bool, _ title: String
  ) throws -> Chart {
    // Gaps with their sign: one that is trimmed beyond 0 favours the other group.
    let target = Target(kind)
    let isGap = target.isGap && !accuracy
    var chart = try Chart.curves(
      title, x: .init("rows removed", numbers: .percent),
      y: .init(accuracy ? "accuracy" : target.name.filter { $0 != "|" }), names, at: budgets
    ) { curve, place in
      try statistic(results, kind, names[curve], accuracy ? \.accuracy : target.curve, place)
    }
    if isGap { chart.references = [.init(.horizontal(0), label: "no gap")] }
    return chart
  }

  private func picture(_ results: ExperimentResults<Self>, _ names: [String]) throws
    -> SmallMultiples
  {
    let kinds: [FunctionalQuery.Kind] = [.demographicParity, .equalOpportunity, .robustness]
    var above = try kinds.map {
      try chart(results, $0, names, accuracy: false, "For \($0.rawValue)")
    }
    above[2].references = [
      .init(
        .horizontal(try results.statistic(\.majority).mean), label: "always the more frequent class"
      )
    ]
    let below = try kinds.map {
      try chart(results, $0, names, accuracy: true, "For \($0.rawValue): accuracy")
    }
    return SmallMultiples("Trimming by influence", columns: 3, charts: above + below)
  }

  /// The budget whose mean over seeds is best, and what it is.
  private func best(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ name: String
  ) throws -> (budget: Int, value: SeedStatistic) {
    let values = try budgets.indices.map { try target(results, kind, name, $0) }
    let sign = Target(kind).isGap ? -1.0 : 1
    let budget = values.indices.max { sign * values[$0].mean < sign * values[$1].mean } ?? 0
    return (budget, values[budget])
  }

  private func finding(
    _ results: ExperimentResults<Self>, _ kind: FunctionalQuery.Kind, _ names: [String]
  ) throws -> String {
    let before = try target(results, kind, names[0], 0).text()
    let parts = try names.map { name in
      let (budget, value) = try best(results, kind, name)
      return
        "\(name) \(value.text()) at \(NumberFormat.significant(100 * budgets[budget], digits: 2)) %"
    }
    return
      "Trimmed for \(kind.rawValue): \(Target(kind).name) \(before) before; best mean on test: \(parts.joined(separator: ", "))."
  }

  private func check(
    _ results: ExperimentResults<Self>, in report: inout ExperimentReport
  ) throws {
    // Among two small seeds' examples of class 1 a gap is mostly chance.
    let kinds: [FunctionalQuery.Kind] =
      results.isQuick ? [.demographicParity] : [.demographicParity, .equalOpportunity]
    for kind in kinds {
      let before = try target(results, kind, classifier.methods[0].rawValue, 0).mean
      let after = try classifier.methods.map { try best(results, kind, $0.rawValue).value.mean }
      let lowest = after.min() ?? before
      report.check(
        "Trimming by influence lowers the \(Target(kind).name) at some budget (mean over seeds)",
        lowest < before,
        detail: "\(NumberFormat.decimals(before)) before, \(NumberFormat.decimals(lowest)) after")
    }
    let last = budgets.count - 1
    let random = try target(results, .robustness, Self.random, last).mean
    let robust = try classifier.methods.map {
      try target(results, .robustness, $0.rawValue, last).mean
    }
    let worst = robust.min() ?? random
    report.check(
      "Robust accuracy after the largest trim is not below random's, by any method (less 0.01)",
      worst >= random - 0.01,
      detail: "\(NumberFormat.decimals(worst)) against \(NumberFormat.decimals(random))")
  }
}
