internal import OrderedCollections
internal import Reporting

extension InfluentialSubsets {
  /// Effects against the number of examples removed, winning rates, and the best of all sets.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    var effects = Table(
      columns: [.init("regression"), .init("removed", .significant(digits: 4)), .init("search")]
        + SeedStatistic.columns("effect") + SeedStatistic.columns("predicted")
        + SeedStatistic.columns("winning rate"))
    var small = Table(
      columns: [.init("regression"), .init("removed", .significant(digits: 4)), .init("search")]
        + SeedStatistic.columns("found the best") + SeedStatistic.columns("effect of the best's"))
    var charts: [Chart] = []
    var rates: [Chart] = []
    for model in options.models {
      let effect = try Effects(results, self, model)
      for (place, size) in sizes.enumerated() {
        for name in searches + [Self.random] {
          let predicted =
            name == Self.random
            ? [.missing, .missing] : try effect.statistic(name, place, \.predicted).cells
          effects.append(
            [.text(model.rawValue), .integer(size), .text(name)]
              + (try effect.statistic(name, place).cells) + predicted
              + (try SeedStatistic(effect.rates(place).map { $0[effect.column(name)] }).cells))
        }
      }
      charts.append(
        Chart.curves(
          model.rawValue, x: .init("examples removed"), y: .init("change of the answer"),
          try (searches + [Self.random]).map { name in
            (name, try curve { try effect.statistic(name, $0) })
          }))
      var rate = Chart.curves(
        model.rawValue, x: .init("examples removed"), y: .init("winning rate"),
        try (searches + [Self.random]).map { name in
          (
            name,
            try curve { place in
              try SeedStatistic(effect.rates(place).map { $0[effect.column(name)] })
            }
          )
        })
      rate.references = [
        .init(.horizontal(1 / Double(searches.count + 1)), label: "all alike")
      ]
      rates.append(rate)
      try addSmall(results, model, to: &small, &report)
      try describe(results, effect, in: &report)
    }
    report.tables = [
      .init(
        "effects",
        caption:
          "What removing the found sets does after training again, mean over points, and what the search adds up (± 95 % over seeds)",
        effects),
      .init(
        "small",
        caption:
          "Among \(options.small.examples) examples: how often a search finds the best of all sets, and what share of its effect (± 95 % over seeds)",
        small),
    ]
    report.pictures = [
      .init(
        "effects",
        caption:
          "Change of the watched answer after training without the found set, mean over points; bands are 95 % over seeds.",
        svg: try grid("Effect of removing the found sets", charts)),
      .init(
        "winning-rate",
        caption:
          "Winning rate: each search's share of the points of a vote in which a larger effect wins; bands are 95 % over seeds.",
        svg: try grid("Winning rate", rates)),
      .init(
        "predicted",
        caption:
          "Effects as the searches add them up against those after training again, \(sizes.last ?? 0) examples removed, every point of every seed.",
        svg: try grid(
          "Predicted against actual effect",
          try options.models.map { try predicted(Effects(results, self, $0)) })),
    ]
    let fixed = results.all.flatMap { $0.points.map(\.fixed) }.reduce(0, +)
    if fixed > 0 {
      report.warnings.append(
        "\(fixed) examples, over all seeds and points, determined a direction alone and could not be candidates."
      )
    }
    return report
  }

  private func curve(_ value: (Int) throws -> SeedStatistic) throws -> [Chart.Point] {
    try sizes.enumerated().map { place, size in try value(place).point(at: Double(size)) }
  }

  private func grid(_ title: String, _ charts: [Chart]) throws -> String {
    var grid = SmallMultiples(title, columns: charts.count, charts: charts)
    grid.rowHeight = 360
    return try grid.svg()
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

  /// Rows for one regression, and what must hold.
  private func addSmall(
    _ results: ExperimentResults<Self>, _ model: WatchedRegression.Kind, to table: inout Table,
    _ report: inout ExperimentReport
  ) throws {
    var undefined = 0
    for size in 1...options.small.largest {
      for name in Self.smallSearches.map(\.name) {
        var (shares, ratios): ([Double], [Double]) = ([], [])
        for result in results.values(at: model) {
          let pairs = result.small.map { found in
            (found[name, default: []][size - 1], found[Self.best, default: []][size - 1])
          }
          shares.append(
            Double(pairs.count { $0.0 >= $0.1 - 1e-9 * max(1, abs($0.1)) }) / Double(pairs.count))
          // Where even the best set moves the answer the wrong way there is no share of it.
          let positive = pairs.filter { $0.1 > 0 }
          if name == Self.adaptive(1) { undefined += pairs.count - positive.count }
          if !positive.isEmpty {
            ratios.append(positive.reduce(0) { $0 + $1.0 / $1.1 } / Double(positive.count))
          }
        }
        let share = try SeedStatistic(shares)
        let ratio = try SeedStatistic(ratios)
        table.append(
          [.text(model.rawValue), .integer(size), .text(name)] + share.cells + ratio.cells)
        if name == Self.adaptive(1), size == options.small.largest {
          report.findings.append(
            "\(model.rawValue), \(size) of \(options.small.examples): adaptive finds the best set in \(share.text()) of all cases, and \(ratio.text()) of its effect on average."
          )
          report.checks.append(
            .init(
              "\(model.rawValue): among \(options.small.examples) examples adaptive finds most of the best set's effect (above 0.8)",
              ratio.mean > 0.8, detail: ratio.text()))
        }
        if model == .leastSquares, name == "leverage-adjusted", size == 1 {
          report.checks.append(
            .init(
              "least squares: the leverage makes single effects exact, so that the best example is found",
              share.mean == 1, detail: share.text()))
        }
      }
    }
    if undefined > 0 {
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
    report.checks.append(
      .init(
        "\(model.rawValue): adaptive is at least as good as greedy on average", gain.mean > -slack,
        detail: "\(gain.text()) over greedy's \(greedy.text())"))
    let random = try effect.statistic(Self.random, last).mean
    report.checks.append(
      .init(
        "\(model.rawValue): every search does better than chance",
        try searches.allSatisfy { try effect.statistic($0, last).mean > random },
        detail: "random \(NumberFormat.decimals(random, 3))"))
    guard model == .leastSquares else { return }
    let errors = results.values(at: model).flatMap { $0.points.compactMap(\.refitError) }
    let largest = errors.max() ?? .nan
    report.checks.append(
      .init(
        "least squares: the effect of a set by its formula is that of fitting anew (within 1e-8)",
        largest < 1e-8, detail: "largest difference \(NumberFormat.significant(largest))"))
    guard steps[0] == 1 else { return }
    let differences = sizes.indices.flatMap { place in
      zip(effect.all(best, place, \.actual), effect.all(best, place, \.predicted)).map {
        abs($0 - $1) / max(1, abs($0))
      }
    }
    report.checks.append(
      .init(
        "least squares: adaptive search, one by one, predicts its effect exactly (within 1e-8)",
        (differences.max() ?? .nan) < 1e-8,
        detail: "largest difference \(NumberFormat.significant(differences.max()))"))
  }

  private static func share(_ predicted: Double, _ actual: Double) -> String {
    NumberFormat.decimals(predicted / actual, 2)
  }
}
