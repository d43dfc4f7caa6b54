internal import Algorithms
internal import OrderedCollections
internal import Reporting

extension InfluentialSubsets {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    let names = searches + [Self.random]
    let effects = try options.models.map { try Effects(results, self, $0) }
    let found = product(effects, product(sizes.indices, names)).map { effect, row in
      (effect: effect, place: row.0, name: row.1)
    }
    report.add(
      "effects",
      "What removing the found sets does after training again, mean over points, and what the search adds up (± 95 % over seeds)",
      try Table(
        of: found,
        .text("regression") { $0.effect.model.rawValue }, .integer("removed") { sizes[$0.place] },
        .text("search") { $0.name },
        .statistic("effect") { try $0.effect.statistic($0.name, $0.place) },
        .statistic("predicted") {
          $0.name == Self.random
            ? nil : try $0.effect.statistic($0.name, $0.place, \.predicted)
        },
        .statistic("winning rate") { try $0.effect.rate($0.name, $0.place) }))
    let small = try smallCases(results)
    report.add(
      "small",
      "Among \(options.small.examples) examples: how often a search finds the best of all sets, and what share of its effect (± 95 % over seeds)",
      try Table(
        of: small,
        .text("regression", \.model.rawValue), .integer("removed", \.size),
        .text("search", \.name), .statistic("found the best", \.share),
        .statistic("effect of the best's", \.ratio)))
    let places = sizes.map(Double.init)
    try report.add(
      "effects",
      "Change of the watched answer after training without the found set, mean over points; bands are 95 % over seeds.",
      grid(
        "Effect of removing the found sets",
        effects.map { effect in
          try Chart.curves(
            effect.model.rawValue, x: .init("examples removed"), y: .init("change of the answer"),
            names, at: places
          ) { try effect.statistic(names[$0], $1) }
        }))
    try report.add(
      "winning-rate",
      "Winning rate: each search's share of the points of a vote in which a larger effect wins; bands are 95 % over seeds.",
      grid(
        "Winning rate",
        effects.map { effect in
          var chart = try Chart.curves(
            effect.model.rawValue, x: .init("examples removed"), y: .init("winning rate"),
            names, at: places
          ) { try effect.rate(names[$0], $1) }
          chart.references = [
            .init(.horizontal(1 / Double(names.count)), label: "all alike")
          ]
          return chart
        }))
    try report.add(
      "predicted",
      "Effects as the searches add them up against those after training again, \(sizes.last ?? 0) examples removed, every point of every seed.",
      grid("Predicted against actual effect", effects.map(predicted)))
    for effect in effects {
      describe(small.filter { $0.model == effect.model }, in: &report)
      try describe(results, effect, in: &report)
    }
    let fixed = results.all.flatMap { $0.points.map(\.fixed) }.reduce(0, +)
    if fixed > 0 {
      report.warnings.append(
        "\(fixed) examples, over all seeds and points, determined a direction alone and could not be candidates."
      )
    }
    return report
  }

  private func grid(_ title: String, _ charts: [Chart]) -> SmallMultiples {
    var grid = SmallMultiples(title, columns: charts.count, charts: charts)
    grid.rowHeight = 360
    return grid
  }

  private func predicted(_ effect: Effects) -> Chart {
    let last = sizes.count - 1
    var chart = Chart(
      effect.model.rawValue, x: .init("actual change"), y: .init("predicted change"),
      series: searches.map { name in
        let (actual, predicted) = (
          effect.all(name, last, \.actual), effect.all(name, last, \.predicted)
        )
        return Chart.Series(
          name, .scatter,
          points: zip(actual, predicted).map { Chart.Point($0, $1) })
      })
    chart.references = [.init(.identity, label: "predicted is actual")]
    // A few points are far out, and would press all others together.
    let actual = searches.flatMap { effect.all($0, last, \.actual) }.sorted()
    if actual.count > 100, let least = actual.first {
      let most = actual[actual.count - 1 - actual.count / 100]
      chart.x.range = min(0, least)...max(1e-300, 1.05 * most)
      chart.y.range = chart.x.range
    }
    return chart
  }

  /// How one search fares against the best of all sets of one size.
  private struct SmallCase {
    let model: WatchedRegression.Kind
    let size: Int
    let name: String
    /// How often the search finds the best set.
    let share: SeedStatistic
    /// What share of the best set's effect it reaches.
    let ratio: SeedStatistic
    /// How often even the best set moves the answer the wrong way, so that there is no share of its effect.
    let undefined: Int
  }

  private func smallCases(_ results: ExperimentResults<Self>) throws -> [SmallCase] {
    try options.models.flatMap { model in
      try product(1...options.small.largest, Self.smallSearches.map(\.name)).map { size, name in
        var (shares, ratios): ([Double], [Double]) = ([], [])
        var undefined = 0
        for result in results.values(at: model) {
          let pairs = result.small.map { found in
            (found[name, default: []][size - 1], found[Self.best, default: []][size - 1])
          }
          shares.append(
            Double(pairs.count { $0.0 >= $0.1 - 1e-9 * max(1, abs($0.1)) }) / Double(pairs.count))
          let positive = pairs.filter { $0.1 > 0 }
          undefined += pairs.count - positive.count
          if !positive.isEmpty {
            ratios.append(positive.reduce(0) { $0 + $1.0 / $1.1 } / Double(positive.count))
          }
        }
        return SmallCase(
          model: model, size: size, name: name, share: try SeedStatistic(shares),
          ratio: try SeedStatistic(ratios), undefined: undefined)
      }
    }
  }

  /// What must hold for one regression among few examples.
  private func describe(_ cases: [SmallCase], in report: inout ExperimentReport) {
    for found in cases {
      let model = found.model
      if found.name == Self.adaptive(1), found.size == options.small.largest {
        report.findings.append(
          "\(model.rawValue), \(found.size) of \(options.small.examples): adaptive finds the best set in \(found.share.text()) of all cases, and \(found.ratio.text()) of its effect on average."
        )
        report.check(
          "\(model.rawValue): among \(options.small.examples) examples adaptive finds most of the best set's effect (above 0.8)",
          found.ratio.mean > 0.8, detail: found.ratio.text())
      }
      if model == .leastSquares, found.name == "leverage-adjusted", found.size == 1 {
        report.check(
          "least squares: the leverage makes single effects exact, so that the best example is found",
          found.share.mean == 1, detail: found.share.text())
      }
    }
    let undefined = cases.filter { $0.name == Self.adaptive(1) }.reduce(0) { $0 + $1.undefined }
    if let model = cases.first?.model, undefined > 0 {
      report.warnings.append(
        "\(model.rawValue): in \(undefined) small cases even the best set moves the answer the wrong way; they have no share of its effect."
      )
    }
  }

  private func describe(
    _ results: ExperimentResults<Self>, _ effect: Effects, in report: inout ExperimentReport
  ) throws {
    let (model, last) = (effect.model, sizes.count - 1)
    let size = sizes[last]
    let best = Self.adaptive(steps[0])
    let greedy = try effect.statistic("greedy", last)
    let adaptive = try effect.statistic(best, last)
    let adjusted = try effect.statistic("leverage-adjusted", last)
    let gain = try SeedStatistic(adaptive.values, minus: greedy.values)
    report.findings.append(
      "\(model.rawValue), \(size) removed: greedy \(greedy.text()), leverage-adjusted \(adjusted.text()), \(best) \(adaptive.text()), random \(try effect.statistic(Self.random, last).text()); adaptive over greedy \(gain.text())."
    )
    report.findings.append(
      "\(model.rawValue), \(size) removed, predicted over actual effect: greedy \(Self.share(try effect.statistic("greedy", last, \.predicted).mean, greedy.mean)), leverage-adjusted \(Self.share(try effect.statistic("leverage-adjusted", last, \.predicted).mean, adjusted.mean)), \(best) \(Self.share(try effect.statistic(best, last, \.predicted).mean, adaptive.mean))."
    )
    let slack = 0.02 * abs(greedy.mean)
    report.check(
      "\(model.rawValue): adaptive is at least as good as greedy on average", gain.mean > -slack,
      detail: "\(gain.text()) over greedy's \(greedy.text())")
    let random = try effect.statistic(Self.random, last).mean
    report.check(
      "\(model.rawValue): every search does better than chance",
      try searches.allSatisfy { try effect.statistic($0, last).mean > random },
      detail: "random \(NumberFormat.decimals(random, 3))")
    guard model == .leastSquares else { return }
    let errors = results.values(at: model).flatMap { $0.points.compactMap(\.refitError) }
    let largest = errors.max() ?? .nan
    report.check(
      "least squares: the effect of a set by its formula is that of fitting anew (within 1e-8)",
      largest < 1e-8, detail: "largest difference \(NumberFormat.significant(largest))")
    guard steps[0] == 1 else { return }
    let differences = sizes.indices.flatMap { place in
      zip(effect.all(best, place, \.actual), effect.all(best, place, \.predicted)).map {
        abs($0 - $1) / max(1, abs($0))
      }
    }
    report.check(
      "least squares: adaptive search, one by one, predicts its effect exactly (within 1e-8)",
      (differences.max() ?? .nan) < 1e-8,
      detail: "largest difference \(NumberFormat.significant(differences.max()))")
  }

  private static func share(_ predicted: Double, _ actual: Double) -> String {
    NumberFormat.decimals(predicted / actual, 2)
  }
}
