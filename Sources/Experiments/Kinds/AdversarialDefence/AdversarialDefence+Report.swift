internal import OrderedCollections
internal import Reporting
internal import TensorFiles

extension AdversarialDefence {
  private static let random = "random"

  /// An accuracy of one seed; of random the mean over draws.
  private func number(
    _ cell: OrderedJSON, _ view: String, _ method: String, _ defence: Defence, _ key: String
  ) -> Double {
    guard method == Self.random else {
      return cell.number(at: view, method, defence.rawValue, key) ?? .nan
    }
    // Random scores look at nothing, so they are drawn once for both views.
    let draws = (cell["honest"]?.object ?? [:]).filter { $0.key.hasPrefix("random-") }.values.map {
      $0.number(at: defence.rawValue, key) ?? .nan
    }
    return draws.reduce(0, +) / Double(draws.count)
  }

  private func statistic(
    _ results: ExperimentResults, _ share: Double, _ view: String, _ method: String,
    _ defence: Defence, _ key: String
  ) throws -> SeedStatistic {
    try SeedStatistic(
      results.seeds.map { number(results[Self.cell($0, share)], view, method, defence, key) })
  }

  private func baseline(
    _ results: ExperimentResults, _ share: Double, _ name: String, _ key: String
  ) throws -> SeedStatistic {
    try SeedStatistic(
      results.seeds.map { results[Self.cell($0, share)].number(at: name, key) ?? .nan })
  }

  private static let baselines = ["none", "majority", "train-on-validation"]
  private static let keys = ["attacked", "attacked_rows", "clean"]
  private var views: [String] { ["honest"] + (leaks ? ["leaking"] : []) }

  /// Accuracies of every method and defence, against no defence and against training on the validation examples.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    let names = methods.map(\.rawValue) + [Self.random]
    var report = ExperimentReport()
    report.tables = [
      .init(
        "accuracy",
        caption:
          "Accuracy on test examples of which a share was attacked, on the attacked ones alone, and before the attack (± 95 % over seeds). Scored by: attacked validation examples (honest)\(leaks ? ", or the attacked test examples themselves (leaking)" : "").",
        try table(results, names))
    ]
    report.pictures = [
      .init(
        "attacked",
        caption:
          "Accuracy on the attacked test examples against the share that was attacked, scored by attacked validation examples; bands are 95 % over seeds.",
        svg: try picture(results, names, "honest").svg())
    ]
    if leaks {
      report.pictures.append(
        .init(
          "leaking",
          caption:
            "The same when rows are scored by the attacked test examples themselves: what published scripts measure.",
          svg: try picture(results, names, "leaking").svg()))
    }
    try describe(results, names, in: &report)
    return report
  }

  private func table(_ results: ExperimentResults, _ names: [String]) throws -> Table {
    var table = Table(
      columns: [
        .init("share attacked", .decimals(2)), .init("defence"), .init("method"),
        .init("scored by"),
      ] + SeedStatistic.columns("attacked test") + SeedStatistic.columns("attacked rows")
        + SeedStatistic.columns("clean test"))
    for share in shares {
      for name in Self.baselines {
        table.append(
          [.number(share), .text(name), .text("–"), .text("–")]
            + (try Self.keys.flatMap { try baseline(results, share, name, $0).cells }))
      }
      for defence in defences {
        for name in names {
          for view in views where !(name == Self.random && view == "leaking") {
            table.append(
              [.number(share), .text(defence.rawValue), .text(name), .text(view)]
                + (try Self.keys.flatMap {
                  try statistic(results, share, view, name, defence, $0).cells
                }))
          }
        }
      }
    }
    return table
  }

  private func picture(
    _ results: ExperimentResults, _ names: [String], _ view: String
  ) throws -> SmallMultiples {
    func curve(_ values: (Double) throws -> SeedStatistic) rethrows -> [Chart.Point] {
      try shares.map { share in
        let value = try values(share)
        return Chart.Point(share, value.mean, lower: value.lower, upper: value.upper)
      }
    }
    let charts = try defences.map { defence in
      var curves = try names.map { name in
        (
          name: name,
          points: try curve {
            try statistic(results, $0, view, name, defence, "attacked")
          }
        )
      }
      curves.append(("no defence", try curve { try baseline(results, $0, "none", "attacked") }))
      curves.append(
        ("majority class", try curve { try baseline(results, $0, "majority", "attacked") }))
      curves.append(
        (
          "trained on validation",
          try curve { try baseline(results, $0, "train-on-validation", "attacked") }
        ))
      return Chart.curves(
        defence.rawValue, x: .init("examples attacked", numbers: .percent),
        y: .init("accuracy"), curves)
    }
    return SmallMultiples(
      "Accuracy under attack, rows scored by attacked \(view == "honest" ? "validation" : "test") examples",
      columns: charts.count == 4 ? 2 : min(3, charts.count), sharesRanges: true, charts: charts)
  }

  private func describe(
    _ results: ExperimentResults, _ names: [String], in report: inout ExperimentReport
  ) throws {
    let share = shares[shares.count - 1]
    let percent = NumberFormat.significant(100 * share)
    let none = try baseline(results, share, "none", "attacked")
    let trained = try baseline(results, share, "train-on-validation", "attacked")
    let majority = try baseline(results, share, "majority", "attacked")
    report.findings.append(
      "\(percent) % attacked: accuracy \(none.text()) without a defence, \(majority.text()) by always saying the more frequent class, \(trained.text()) with the attacked validation examples added to the training set."
    )
    for defence in defences {
      let parts = try names.map {
        "\($0) \(try statistic(results, share, "honest", $0, defence, "attacked").text())"
      }
      report.findings.append("\(defence.rawValue): \(parts.joined(separator: ", ")).")
    }
    if leaks {
      for defence in defences {
        let parts = try methods.map { method in
          let gains = try SeedStatistic(
            results.seeds.map { seed in
              let cell = results[Self.cell(seed, share)]
              return number(cell, "leaking", method.rawValue, defence, "attacked")
                - number(cell, "honest", method.rawValue, defence, "attacked")
            })
          return "\(method.rawValue) \(gains.text())"
        }
        report.findings.append(
          "What scoring by the test examples adds to the accuracy, \(defence.rawValue): \(parts.joined(separator: ", "))."
        )
      }
    }
    guard defences.contains(.trim), methods.contains(.exactHessian) else { return }
    let exact = try statistic(results, share, "honest", "exact-hessian", .trim, "attacked")
    let random = try statistic(results, share, "honest", Self.random, .trim, "attacked")
    report.checks.append(
      .init(
        "Trimming by the exact Hessian withstands the attack no worse than random trimming (less 0.01)",
        exact.mean >= random.mean - 0.01, detail: "\(exact.text()) against \(random.text())"))
  }
}
