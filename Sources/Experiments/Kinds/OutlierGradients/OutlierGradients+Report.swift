internal import Evaluation
internal import Reporting
internal import TensorFiles

extension OutlierGradients {
  /// AUC and accuracy after trimming, for each kind of noise.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    func values(_ noise: String, _ name: String, _ key: String, _ place: Int = 0) -> [Double] {
      results.seeds.map { seed in
        let entry = results[Self.cell(seed, noise)]["rankings"]?[name]
        if key == "auc" { return entry?.number(at: key) ?? .nan }
        let numbers = entry?.numbers(at: key) ?? []
        return numbers.indices.contains(place) ? numbers[place] : .nan
      }
    }
    func whole(_ noise: String, _ key: String) -> [Double] {
      results.seeds.map { results[Self.cell($0, noise)].number(at: key) ?? .nan }
    }
    var table = Table(
      columns: [.init("wrong labels"), .init("ranking")] + SeedStatistic.columns("AUC")
        + trims.flatMap {
          SeedStatistic.columns("accuracy without \(Self.percent($0))", decimals: 4)
        }
        + trims.map { .init("found in \(Self.percent($0))", .decimals(3)) })
    var models = Table(
      columns: [.init("wrong labels"), .init("quantity")]
        + SeedStatistic.columns("mean", decimals: 4))
    var charts: [Chart] = []
    for noise in noises {
      for name in rankings + ["random"] {
        table.append(
          [.text(noise), .text(name)] + (try SeedStatistic(values(noise, name, "auc")).cells)
            + (try trims.indices.flatMap {
              try SeedStatistic(values(noise, name, "accuracies", $0)).cells
            })
            + (try trims.indices.map {
              .number(try SeedStatistic(values(noise, name, "recalls", $0)).mean)
            }))
      }
      for (name, key) in [
        ("accuracy, all examples", "all"), ("accuracy, right labels alone", "right_labels"),
        ("share of wrong labels", "wrong_share"),
        ("share of wrong labels that the model has learned", "wrong_labels_learned"),
      ] {
        models.append([.text(noise), .text(name)] + (try SeedStatistic(whole(noise, key)).cells))
      }
      charts.append(
        try trimChart(
          noise, all: SeedStatistic(whole(noise, "all")),
          right: SeedStatistic(whole(noise, "right_labels"))
        ) { name, place in try SeedStatistic(values(noise, name, "accuracies", place)) })
    }
    var areas = try Chart.bars(
      "Finding wrong labels", groups: noises.map { "\($0) noise" }, y: .init("area under ROC"),
      methods: rankings.map { name in
        (
          name,
          try noises.map { noise in
            let value = try SeedStatistic(values(noise, name, "auc"))
            return Chart.Estimate(value.mean, lower: value.lower, upper: value.upper)
          }
        )
      })
    areas.series = areas.series.map { .init($0.name, .intervals, points: $0.points) }
    areas.references = [.init(.horizontal(0.5), label: "chance")]
    var grid = SmallMultiples(
      "Test accuracy after training without the highest", columns: charts.count,
      sharesRanges: true, charts: charts)
    grid.rowHeight = 380
    var report = ExperimentReport(
      tables: [
        .init(
          "rankings",
          caption:
            "Area under the ROC curve of finding wrong labels, test accuracy after training anew without the highest scores, and the share of all wrong labels among these (± 95 % over seeds)",
          table),
        .init("models", caption: "The models without trimming", models),
        .init("seconds", caption: "Mean seconds a seed", try seconds(results), isCost: true),
      ],
      pictures: [
        .init(
          "auc",
          caption:
            "Area under the ROC curve; intervals are 95 % over seeds, the grey line is chance.",
          svg: try areas.svg()),
        .init(
          "trims",
          caption:
            "Test accuracy against the share of training examples left out; bands are 95 % over seeds.",
          svg: try grid.svg()),
      ])
    for noise in noises {
      try describe(
        noise, all: whole(noise, "all"), right: whole(noise, "right_labels"),
        isQuick: results.isQuick, { values(noise, $0, $1, $2) }, in: &report)
    }
    return report
  }

  /// Rankings that the picture of trims shows: more are no longer told apart.
  private var shown: [String] {
    let last = regions.last?.rawValue ?? ""
    return rankings.filter { name in
      name.hasSuffix(last) || name == "training loss"
        || selfMethods.first.map { name == "self-influence: \($0)" || name == "harm: \($0)" }
          ?? false
    } + ["random"]
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
          let value = try value(name, place)
          return Chart.Point(trim, value.mean, lower: value.lower, upper: value.upper)
        }
        return (name, [Chart.Point(0, all.mean, lower: all.lower, upper: all.upper)] + points)
      })
    chart.references = [
      .init(.horizontal(right.mean), label: "right labels alone"),
      .init(.horizontal(all.mean), label: "all examples"),
    ]
    return chart
  }

  private func seconds(_ results: ExperimentResults) throws -> Table {
    var table = Table(columns: [.init("ranking"), .init("time", .seconds)])
    for name in rankings where name != "training loss" {
      let values = results.seeds.flatMap { seed in
        noises.compactMap { results.costs(Self.cell(seed, $0)).number(at: name) }
      }
      table.append([.text(name), .number(values.reduce(0, +) / Double(max(1, values.count)))])
    }
    return table
  }

  private func describe(
    _ noise: String, all: [Double], right: [Double], isQuick: Bool,
    _ values: (String, String, Int) -> [Double], in report: inout ExperimentReport
  ) throws {
    let outliers = regions.flatMap { region in Self.measures.map { "\($0), \(region.rawValue)" } }
    func best(_ names: [String]) throws -> (name: String, value: SeedStatistic)? {
      try names.map { ($0, try SeedStatistic(values($0, "auc", 0))) }
        .max { $0.1.mean < $1.1.mean }
    }
    if let outlier = try best(outliers),
      let other = try best(rankings.filter { !outliers.contains($0) })
    {
      report.findings.append(
        "\(noise) noise: the best outlier measure finds wrong labels with AUC \(outlier.value.text()) (`\(outlier.name)`), the best other ranking with \(other.value.text()) (`\(other.name)`)."
      )
      if noise == Noise.uniform.rawValue {
        report.checks.append(
          .init(
            "uniform noise: some outlier measure finds wrong labels better than chance (above 0.6)",
            outlier.value.mean > 0.6, detail: "\(outlier.name) \(outlier.value.text())"))
      }
    }
    for (place, trim) in trims.enumerated() {
      let gains = try rankings.map { name in
        (
          name,
          try SeedStatistic(zip(values(name, "accuracies", place), all).map { $0 - $1 })
        )
      }
      let better = gains.filter { $0.1.lower > 0 }.map { "`\($0.0)`" }
      let worse = gains.filter { $0.1.upper < 0 }.map { "`\($0.0)`" }
      report.findings.append(
        "\(noise) noise, \(Self.percent(trim)) left out, accuracy beyond the interval above that of all examples: \(better.isEmpty ? "none" : better.joined(separator: ", ")); below: \(worse.isEmpty ? "none" : worse.joined(separator: ", "))."
      )
    }
    let gain = try SeedStatistic(zip(right, all).map { $0 - $1 })
    let slack = isQuick ? 0.05 : 0.0
    report.checks.append(
      .init(
        "\(noise) noise: leaving out just the wrong labels does not harm\(isQuick ? " (above −\(slack))" : "")",
        gain.mean > -slack, detail: gain.text(decimals: 4)))
    let random = try SeedStatistic(values("random", "auc", 0))
    let width = isQuick ? 0.15 : 0.02
    report.checks.append(
      .init(
        "\(noise) noise: random orders are at chance (within \(width))",
        abs(random.mean - 0.5) < width, detail: random.text()))
  }

  private static func percent(_ share: Double) -> String {
    let value = 100 * share
    return "\(NumberFormat.decimals(value, abs(value - value.rounded()) < 1e-9 ? 0 : 1)) %"
  }
}
