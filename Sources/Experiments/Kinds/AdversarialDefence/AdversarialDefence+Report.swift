internal import OrderedCollections
internal import Reporting

extension AdversarialDefence {
  private static let random = "random"

  /// By which examples rows are scored.
  private enum View: String {
    case honest, leaking
  }

  /// Classifiers without a defence by scores, with the names that tables show.
  private static let baselines: [(name: String, accuracies: @Sendable (Result) -> Accuracies)] = [
    ("none", \.none), ("majority", \.majority), ("train-on-validation", \.trainOnValidation),
  ]
  private var views: [View] { [.honest] + (options.leak ? [.leaking] : []) }

  /// An accuracy of one seed; of random scores the mean over draws.
  private func number(
    _ result: Result, _ view: View, _ method: String, _ defence: Defence,
    _ measure: (Accuracies) -> Double
  ) -> Double {
    func number(_ defended: Defended?, _ method: String) -> Double {
      defended?[method]?[defence.rawValue].map(measure) ?? .nan
    }
    guard method == Self.random else {
      return number(view == .honest ? result.honest : result.leaking, method)
    }
    // Random scores look at nothing, so they are drawn once for both views.
    let draws = (0..<options.randomDraws).map { number(result.honest, Self.draw($0)) }
    return draws.reduce(0, +) / Double(draws.count)
  }

  private func statistic(
    _ results: ExperimentResults<Self>, _ share: Double, _ view: View, _ method: String,
    _ defence: Defence, _ measure: (Accuracies) -> Double = \.attacked
  ) throws -> SeedStatistic {
    try results.statistic(at: share) { number($0, view, method, defence, measure) }
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let names = classifier.methods.map(\.rawValue) + [Self.random]
    var report = ExperimentReport()
    report.add(
      "accuracy",
      "Accuracy on test examples of which a share was attacked, on the attacked ones alone, and before the attack (± 95 % over seeds). Scored by: attacked validation examples (honest)\(options.leak ? ", or the attacked test examples themselves (leaking)" : "").",
      try table(results, names))
    try report.add(
      "attacked",
      "Accuracy on the attacked test examples against the share that was attacked, scored by attacked validation examples; bands are 95 % over seeds.",
      try picture(results, names, .honest))
    if options.leak {
      try report.add(
        "leaking",
        "The same when rows are scored by the attacked test examples themselves: what published scripts measure.",
        try picture(results, names, .leaking))
    }
    try describe(results, names, in: &report)
    return report
  }

  private struct Row {
    let share: Double
    var defence: String
    var method = "–"
    var view = "–"
    /// The mean over seeds of one of the accuracies.
    let statistic: ((Accuracies) -> Double) throws -> SeedStatistic
  }

  private func table(_ results: ExperimentResults<Self>, _ names: [String]) throws -> Table {
    var rows: [Row] = []
    for share in options.shares {
      for (name, accuracies) in Self.baselines {
        rows.append(
          Row(share: share, defence: name) { measure in
            try results.statistic(at: share) { measure(accuracies($0)) }
          })
      }
      for defence in options.defences {
        for name in names {
          for view in views where !(name == Self.random && view == .leaking) {
            rows.append(
              Row(share: share, defence: defence.rawValue, method: name, view: view.rawValue) {
                try statistic(results, share, view, name, defence, $0)
              })
          }
        }
      }
    }
    return try Table(
      of: rows,
      .number("share attacked", .decimals(2), \.share), .text("defence", \.defence),
      .text("method", \.method), .text("scored by", \.view),
      .statistic("attacked test") { try $0.statistic(\.attacked) },
      .statistic("attacked rows") { try $0.statistic(\.attackedRows) },
      .statistic("clean test") { try $0.statistic(\.clean) })
  }

  private func picture(
    _ results: ExperimentResults<Self>, _ names: [String], _ view: View
  ) throws -> SmallMultiples {
    let baselines: [(name: String, value: (Result) -> Double)] = [
      ("no defence", \.none.attacked), ("majority class", \.majority.attacked),
      ("trained on validation", \.trainOnValidation.attacked),
    ]
    let shares = options.shares
    let charts = try options.defences.map { defence in
      try Chart.curves(
        defence.rawValue, x: .init("examples attacked", numbers: .percent),
        y: .init("accuracy"), names + baselines.map(\.name), at: shares
      ) { curve, place in
        curve < names.count
          ? try statistic(results, shares[place], view, names[curve], defence)
          : try results.statistic(at: shares[place], baselines[curve - names.count].value)
      }
    }
    return SmallMultiples(
      "Accuracy under attack, rows scored by attacked \(view == .honest ? "validation" : "test") examples",
      columns: charts.count == 4 ? 2 : min(3, charts.count), sharesRanges: true, charts: charts)
  }

  private func describe(
    _ results: ExperimentResults<Self>, _ names: [String], in report: inout ExperimentReport
  ) throws {
    let share = options.shares[options.shares.count - 1]
    let percent = NumberFormat.significant(100 * share)
    let none = try results.statistic(at: share, \.none.attacked)
    let trained = try results.statistic(at: share, \.trainOnValidation.attacked)
    let majority = try results.statistic(at: share, \.majority.attacked)
    report.findings.append(
      "\(percent) % attacked: accuracy \(none.text()) without a defence, \(majority.text()) by always saying the more frequent class, \(trained.text()) with the attacked validation examples added to the training set."
    )
    for defence in options.defences {
      let parts = try names.map {
        "\($0) \(try statistic(results, share, .honest, $0, defence).text())"
      }
      report.findings.append("\(defence.rawValue): \(parts.joined(separator: ", ")).")
    }
    if options.leak {
      for defence in options.defences {
        let parts = try classifier.methods.map { method in
          let gains = try results.statistic(at: share) {
            number($0, .leaking, method.rawValue, defence, \.attacked)
              - number($0, .honest, method.rawValue, defence, \.attacked)
          }
          return "\(method.rawValue) \(gains.text())"
        }
        report.findings.append(
          "What scoring by the test examples adds to the accuracy, \(defence.rawValue): \(parts.joined(separator: ", "))."
        )
      }
    }
    guard options.defences.contains(.trim), classifier.methods.contains(.exactHessian) else {
      return
    }
    let exact = try statistic(
      results, share, .honest, ClassifierInfluence.Method.exactHessian.rawValue, .trim)
    let random = try statistic(results, share, .honest, Self.random, .trim)
    report.check(
      "Trimming by the exact Hessian withstands the attack no worse than random trimming (less 0.01)",
      exact.mean >= random.mean - 0.01, detail: "\(exact.text()) against \(random.text())")
  }
}
