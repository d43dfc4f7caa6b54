internal import Evaluation
internal import Reporting
internal import TensorFiles

extension SelectedData {
  /// The names of rankings, in the order of tables.
  private var rankings: [String] { methods + selfMethods.map(Self.ownName) + ["training loss"] }

  /// Accuracy against the share that is kept.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    func values(_ name: String, _ place: Int, _ key: String = "accuracies") -> [Double] {
      results.seeds.map { seed in
        let numbers = results[Self.cell(seed)].numbers(at: "choices", name, key)
        return numbers.indices.contains(place) ? numbers[place] : .nan
      }
    }
    let all = try SeedStatistic(values("all", 0))
    let right = try SeedStatistic(values("right labels alone", 0))
    var table = Table(
      columns: [.init("kept"), .init("chosen by")]
        + SeedStatistic.columns("test accuracy", decimals: 4)
        + SeedStatistic.columns("over random", decimals: 4)
        + SeedStatistic.columns("over all examples", decimals: 4)
        + [
          .init("wrong labels among the kept", .decimals(3)),
          .init("kept of the class that loses most", .decimals(3)),
        ])
    func append(_ kept: String, _ name: String, _ place: Int, random: [Double]?) throws {
      let own = values(name, place)
      let gain = try random.map { try Self.difference(own, $0) }
      let change = name == "all" ? nil : try Self.difference(own, values("all", 0))
      let missing: [Table.Cell] = [.missing, .missing]
      table.append(
        [.text(kept), .text(name)] + (try SeedStatistic(own).cells)
          + (gain?.cells ?? missing) + (change?.cells ?? missing)
          + [
            .number(try SeedStatistic(values(name, place, "wrong_shares")).mean),
            .number(try SeedStatistic(values(name, place, "least_class_shares")).mean),
          ])
    }
    try append("100 %", "all", 0, random: nil)
    for (place, share) in shares.enumerated() {
      for name in rankings {
        try append(Self.percent(share), name, place, random: values("random", place))
      }
      try append(Self.percent(share), "random", place, random: nil)
    }
    let wrong = try SeedStatistic(
      results.seeds.map { results[Self.cell($0)].number(at: "wrong_share") ?? .nan })
    try append(Self.percent(1 - wrong.mean), "right labels alone", 0, random: nil)

    var chart = Chart.curves(
      "Test accuracy after training on the best",
      x: .init("training examples kept", numbers: .percent),
      y: .init("test accuracy", numbers: .percent),
      try (rankings + ["random"]).map { name in
        let points = try shares.enumerated().map { place, share in
          let value = try SeedStatistic(values(name, place))
          return Chart.Point(share, value.mean, lower: value.lower, upper: value.upper)
        }
        return (name, [Chart.Point(1, all.mean, lower: all.lower, upper: all.upper)] + points)
      })
    chart.references = [
      .init(.horizontal(right.mean), label: "right labels alone"),
      .init(.horizontal(all.mean), label: "all examples"),
    ]
    chart.height = 520
    var report = ExperimentReport(
      tables: [
        .init(
          "accuracy",
          caption:
            "Test accuracy of models trained from scratch on what is kept (± 95 % over seeds; differences are taken seed by seed)",
          table)
      ],
      pictures: [
        .init(
          "accuracy",
          caption:
            "Test accuracy against the share of training examples kept; bands are 95 % over seeds.",
          svg: try chart.svg())
      ])
    try describe(results, values, in: &report)
    return report
  }

  private func describe(
    _ results: ExperimentResults, _ values: (String, Int, String) -> [Double],
    in report: inout ExperimentReport
  ) throws {
    func accuracies(_ name: String, _ place: Int) -> [Double] { values(name, place, "accuracies") }
    let all = accuracies("all", 0)
    let right = accuracies("right labels alone", 0)
    report.findings.append(
      "All examples: \(try SeedStatistic(all).text()); right labels alone: \(try SeedStatistic(right).text())."
    )
    for (place, share) in shares.enumerated() {
      let ordered = try rankings.map { (name: $0, value: try SeedStatistic(accuracies($0, place))) }
        .sorted { $0.value.mean > $1.value.mean }
      guard let best = ordered.first, let worst = ordered.last else { continue }
      let random = try SeedStatistic(accuracies("random", place))
      let better = try rankings.filter {
        try Self.difference(accuracies($0, place), all).lower > 0
      }
      report.findings.append(
        "\(Self.percent(share)) kept: best by `\(best.name)` (\(best.value.text())), worst by `\(worst.name)` (\(worst.value.text())), at random \(random.text()); better than all examples beyond the interval: \(better.isEmpty ? "none" : better.map { "`\($0)`" }.joined(separator: ", "))."
      )
    }
    let gain = try Self.difference(right, all)
    let slack = results.isQuick ? 0.05 : 0.0
    let least = results.isQuick ? "above −0.05" : "above 0"
    report.checks.append(
      .init(
        "leaving out just the wrong labels does not harm (\(least))", gain.mean > -slack,
        detail: gain.text(decimals: 4)))
    let gains = try rankings.map { name in
      (name, try Self.difference(accuracies(name, 0), accuracies("random", 0)))
    }
    let best = gains.max { $0.1.mean < $1.1.mean }
    if let best {
      report.checks.append(
        .init(
          "some ranking chooses the \(Self.percent(shares[0])) better than chance (\(least))",
          best.1.mean > -slack, detail: "\(best.0) \(best.1.text(decimals: 4)) over random"))
    }
    let wrong = rankings.map { name in
      let left = values(name, 0, "wrong_shares")
      return (name, left.reduce(0, +) / Double(left.count))
    }
    let random = values("random", 0, "wrong_shares").reduce(0, +) / Double(results.seeds.count)
    let more = wrong.filter { $0.1 > random + (results.isQuick ? 0.05 : 0.01) }
    report.checks.append(
      .init(
        "no ranking keeps more wrong labels than chance", more.isEmpty,
        detail: (more.isEmpty ? wrong.max { $0.1 < $1.1 }.map { [$0] } ?? [] : more)
          .map { "\($0.0) \(NumberFormat.decimals($0.1, 3))" }.joined(separator: ", ")
          + ", at random \(NumberFormat.decimals(random, 3))"))
  }

  private static func difference(_ first: [Double], _ second: [Double]) throws -> SeedStatistic {
    try SeedStatistic(zip(first, second).map { $0 - $1 })
  }

  private static func percent(_ share: Double) -> String {
    let value = 100 * share
    return "\(NumberFormat.decimals(value, abs(value - value.rounded()) < 1e-9 ? 0 : 1)) %"
  }
}
