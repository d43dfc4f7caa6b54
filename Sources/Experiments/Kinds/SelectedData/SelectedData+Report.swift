internal import OrderedCollections
internal import Reporting

extension SelectedData {
  /// The names of rankings, in the order of tables.
  private var rankings: [String] {
    options.methods + options.selfMethods.map(Self.ownName) + ["training loss"]
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    func values(
      _ name: String, _ place: Int, _ numbers: (Choice) -> [Double] = { $0.accuracies }
    ) -> [Double] {
      results.values.map { result in
        let numbers = result.choices[name].map(numbers) ?? []
        return numbers.indices.contains(place) ? numbers[place] : .nan
      }
    }
    let all = try SeedStatistic(values(Self.all, 0))
    let right = try SeedStatistic(values(Self.right, 0))
    let wrong = try results.statistic(\.wrongShare)
    var rows = [(kept: "100 %", name: Self.all, place: 0)]
    for (place, share) in shares.enumerated() {
      rows += (rankings + [Self.random]).map { (share.percentText, $0, place) }
    }
    rows.append(((1 - wrong.mean).percentText, Self.right, 0))
    let table = try Table(
      of: rows,
      .text("kept") { $0.kept }, .text("chosen by") { $0.name },
      .statistic("test accuracy", decimals: 4) { try SeedStatistic(values($0.name, $0.place)) },
      .statistic("over random", decimals: 4) { row in
        guard rankings.contains(row.name) else { return nil }
        return try SeedStatistic(
          values(row.name, row.place), minus: values(Self.random, row.place))
      },
      .statistic("over all examples", decimals: 4) { row in
        guard row.name != Self.all else { return nil }
        return try SeedStatistic(values(row.name, row.place), minus: values(Self.all, 0))
      },
      .number("wrong labels among the kept", .decimals(3)) {
        try SeedStatistic(values($0.name, $0.place, \.wrongShares)).mean
      },
      .number("kept of the class that loses most", .decimals(3)) {
        try SeedStatistic(values($0.name, $0.place, \.leastClassShares)).mean
      })
    var chart = Chart.curves(
      "Test accuracy after training on the best",
      x: .init("training examples kept", numbers: .percent),
      y: .init("test accuracy", numbers: .percent),
      try (rankings + [Self.random]).map { name in
        let points = try shares.enumerated().map { place, share in
          try SeedStatistic(values(name, place)).point(at: share)
        }
        return (name, [all.point(at: 1)] + points)
      })
    chart.references = [
      .init(.horizontal(right.mean), label: "right labels alone"),
      .init(.horizontal(all.mean), label: "all examples"),
    ]
    chart.height = 520
    var report = ExperimentReport()
    report.add(
      "accuracy",
      "Test accuracy of models trained from scratch on what is kept (± 95 % over seeds; differences are taken seed by seed)",
      table)
    try report.add(
      "accuracy",
      "Test accuracy against the share of training examples kept; bands are 95 % over seeds.",
      chart)
    try describe(
      accuracies: { values($0, $1) }, wrongShares: { values($0, 0, \.wrongShares) },
      isQuick: results.isQuick, in: &report)
    return report
  }

  private func describe(
    accuracies: (String, Int) -> [Double], wrongShares: (String) -> [Double], isQuick: Bool,
    in report: inout ExperimentReport
  ) throws {
    let all = accuracies(Self.all, 0)
    let right = accuracies(Self.right, 0)
    report.findings.append(
      "All examples: \(try SeedStatistic(all).text()); right labels alone: \(try SeedStatistic(right).text())."
    )
    for (place, share) in shares.enumerated() {
      let ordered = try rankings.map { (name: $0, value: try SeedStatistic(accuracies($0, place))) }
        .sorted { $0.value.mean > $1.value.mean }
      guard let best = ordered.first, let worst = ordered.last else { continue }
      let random = try SeedStatistic(accuracies(Self.random, place))
      let better = try rankings.filter {
        try SeedStatistic(accuracies($0, place), minus: all).lower > 0
      }
      report.findings.append(
        "\(share.percentText) kept: best by `\(best.name)` (\(best.value.text())), worst by `\(worst.name)` (\(worst.value.text())), at random \(random.text()); better than all examples beyond the interval: \(better.isEmpty ? "none" : better.map { "`\($0)`" }.joined(separator: ", "))."
      )
    }
    let gain = try SeedStatistic(right, minus: all)
    let slack = isQuick ? 0.05 : 0.0
    let least = isQuick ? "above −0.05" : "above 0"
    report.check(
      "leaving out just the wrong labels does not harm (\(least))", gain.mean > -slack,
      detail: gain.text(decimals: 4))
    let gains = try rankings.map { name in
      (name, try SeedStatistic(accuracies(name, 0), minus: accuracies(Self.random, 0)))
    }
    let best = gains.max { $0.1.mean < $1.1.mean }
    if let best {
      report.check(
        "some ranking chooses the \(shares[0].percentText) better than chance (\(least))",
        best.1.mean > -slack, detail: "\(best.0) \(best.1.text(decimals: 4)) over random")
    }
    let wrong = rankings.map { name in
      let left = wrongShares(name)
      return (name, left.reduce(0, +) / Double(left.count))
    }
    let atRandom = wrongShares(Self.random)
    let random = atRandom.reduce(0, +) / Double(atRandom.count)
    let more = wrong.filter { $0.1 > random + (isQuick ? 0.05 : 0.01) }
    report.check(
      "no ranking keeps more wrong labels than chance", more.isEmpty,
      detail: (more.isEmpty ? wrong.max { $0.1 < $1.1 }.map { [$0] } ?? [] : more)
        .map { "\($0.0) \(NumberFormat.decimals($0.1, 3))" }.joined(separator: ", ")
        + ", at random \(NumberFormat.decimals(random, 3))")
  }
}
