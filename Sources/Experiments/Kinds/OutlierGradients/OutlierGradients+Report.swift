internal import Algorithms
internal import OrderedCollections
internal import Reporting

extension OutlierGradients {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    func area(_ noise: String, _ name: String) throws -> SeedStatistic {
      try results.statistic(at: noise) { $0.rankings[name]?.auc }
    }
    func statistic(
      _ noise: String, _ name: String, _ place: Int, _ numbers: (Ranking) -> [Double]
    ) throws -> SeedStatistic {
      try results.statistic(at: noise) { result in
        let numbers = result.rankings[name].map(numbers) ?? []
        return numbers.indices.contains(place) ? numbers[place] : nil
      }
    }
    var columns: [TableField<(noise: String, name: String)>] = [
      .text("wrong labels") { $0.noise }, .text("ranking") { $0.name },
      .statistic("AUC") { try area($0.noise, $0.name) },
    ]
    columns += trims.enumerated().map { place, trim in
      .statistic("accuracy without \(trim.percentText)", decimals: 4) {
        try statistic($0.noise, $0.name, place, \.accuracies)
      }
    }
    columns += trims.enumerated().map { place, trim in
      .number("found in \(trim.percentText)", .decimals(3)) {
        try statistic($0.noise, $0.name, place, \.recalls).mean
      }
    }
    let quantities: [(name: String, value: (Result) -> Double)] = [
      ("accuracy, all examples", \.all), ("accuracy, right labels alone", \.rightLabels),
      ("share of wrong labels", \.wrongShare),
      ("share of wrong labels that the model has learned", \.wrongLabelsLearned),
    ]
    let charts = try noises.map { noise in
      try trimChart(
        noise, all: results.statistic(at: noise, \.all),
        right: results.statistic(at: noise, \.rightLabels)
      ) { name, place in try statistic(noise, name, place, \.accuracies) }
    }
    var areas = try Chart.bars(
      "Finding wrong labels", groups: noises.map { "\($0) noise" }, y: .init("area under ROC"),
      methods: rankings.map { name in
        (
          name,
          try noises.map { try area($0, name).estimate }
        )
      })
    areas.series = areas.series.map { .init($0.name, .intervals, points: $0.points) }
    areas.references = [.init(.horizontal(0.5), label: "chance")]
    var grid = SmallMultiples(
      "Test accuracy after training without the highest", columns: charts.count,
      sharesRanges: true, charts: charts)
    grid.rowHeight = 380
    var report = ExperimentReport()
    report.add(
      "rankings",
      "Area under the ROC curve of finding wrong labels, test accuracy after training anew without the highest scores, and the share of all wrong labels among these (± 95 % over seeds)",
      try Table(
        of: product(noises, rankings + [Self.random]).map { (noise: $0, name: $1) }, columns))
    report.add(
      "models",
      "The models without trimming",
      try Table(
        of: product(noises, quantities),
        .text("wrong labels") { noise, _ in noise },
        .text("quantity") { _, quantity in quantity.name },
        .statistic("mean", decimals: 4) { try results.statistic(at: $0, $1.value) }))
    report.add("seconds", "Mean seconds a seed", try seconds(results))
    try report.add(
      "auc",
      "Area under the ROC curve; intervals are 95 % over seeds, the grey line is chance.",
      areas)
    try report.add(
      "trims",
      "Test accuracy against the share of training examples left out; bands are 95 % over seeds.",
      grid)
    for noise in noises {
      try describe(
        noise, results, area: { try area(noise, $0) },
        accuracy: { try statistic(noise, $0, $1, \.accuracies) }, in: &report)
    }
    return report
  }

  /// Rankings that the picture of trims shows: more are no longer told apart.
  private var shown: [String] {
    let last = options.regions.last?.rawValue ?? ""
    return rankings.filter { name in
      name.hasSuffix(last) || name == "training loss"
        || options.selfMethods.first.map {
          name == "self-influence: \($0)" || name == "harm: \($0)"
        }
          ?? false
    } + [Self.random]
  }

  private func trimChart(
    _ noise: String, all: SeedStatistic, right: SeedStatistic,
    _ value: (String, Int) throws -> SeedStatistic
  ) throws -> Chart {
    var chart = Chart.curves(
      "\(noise) noise", x: .init("training examples left out", numbers: .percent),
      y: .init("test accuracy", numbers: .percent),
      try shown.map { name in
        let points = try trims.enumerated().map { place, trim in
          try value(name, place).point(at: trim)
        }
        return (name, [all.point(at: 0)] + points)
      })
    chart.references = [
      .init(.horizontal(right.mean), label: "right labels alone"),
      .init(.horizontal(all.mean), label: "all examples"),
    ]
    return chart
  }

  private func seconds(_ results: ExperimentResults<Self>) throws -> Table {
    try Table(
      of: rankings.filter { $0 != "training loss" },
      .text("ranking") { $0 },
      .number("time", .seconds) { name in
        let values = noises.flatMap { results.costs(at: $0).compactMap { $0[name] } }
        return values.reduce(0, +) / Double(max(1, values.count))
      })
  }

  private func describe(
    _ noise: String, _ results: ExperimentResults<Self>,
    area: (String) throws -> SeedStatistic, accuracy: (String, Int) throws -> SeedStatistic,
    in report: inout ExperimentReport
  ) throws {
    let all = results.values(at: noise).map(\.all)
    let right = results.values(at: noise).map(\.rightLabels)
    let outliers = options.regions.flatMap { region in
      Self.measures.map { "\($0), \(region.rawValue)" }
    }
    func best(_ names: [String]) throws -> (name: String, value: SeedStatistic)? {
      try names.map { ($0, try area($0)) }
        .max { $0.1.mean < $1.1.mean }
    }
    if let outlier = try best(outliers),
      let other = try best(rankings.filter { !outliers.contains($0) })
    {
      report.findings.append(
        "\(noise) noise: the best outlier measure finds wrong labels with AUC \(outlier.value.text()) (`\(outlier.name)`), the best other ranking with \(other.value.text()) (`\(other.name)`)."
      )
      if noise == Noise.uniform.rawValue {
        report.check(
          "uniform noise: some outlier measure finds wrong labels better than chance (above 0.6)",
          outlier.value.mean > 0.6, detail: "\(outlier.name) \(outlier.value.text())")
      }
    }
    for (place, trim) in trims.enumerated() {
      let gains = try rankings.map { name in
        (name, try SeedStatistic(accuracy(name, place).values, minus: all))
      }
      let better = gains.filter { $0.1.lower > 0 }.map { "`\($0.0)`" }
      let worse = gains.filter { $0.1.upper < 0 }.map { "`\($0.0)`" }
      report.findings.append(
        "\(noise) noise, \(trim.percentText) left out, accuracy beyond the interval above that of all examples: \(better.isEmpty ? "none" : better.joined(separator: ", ")); below: \(worse.isEmpty ? "none" : worse.joined(separator: ", "))."
      )
    }
    let gain = try SeedStatistic(right, minus: all)
    let slack = results.isQuick ? 0.05 : 0.0
    report.check(
      "\(noise) noise: leaving out just the wrong labels does not harm\(results.isQuick ? " (above −\(slack))" : "")",
      gain.mean > -slack, detail: gain.text(decimals: 4))
    let random = try area(Self.random)
    let width = results.isQuick ? 0.15 : 0.02
    report.check(
      "\(noise) noise: random orders are at chance (within \(width))",
      abs(random.mean - 0.5) < width, detail: random.text())
  }
}
