internal import Evaluation
internal import OrderedCollections
internal import Reporting

extension NetworkTruth {
  private func statistic(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String,
    _ value: (Agreement) -> Double?
  ) throws -> SeedStatistic {
    try results.statistic(at: point) { $0.methods[method].flatMap(value) }
  }

  /// LDS of every query of every seed.
  private func correlations(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String
  ) -> [Double] {
    results.values(at: point).flatMap { ($0.methods[method]?.lds ?? []).compactMap(\.self) }
  }

  /// The mean LDS with its interval over queries, those of all seeds together.
  private func score(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String
  ) throws -> ConfidenceInterval {
    try Bootstrap().meanInterval(of: correlations(results, point, method))
  }

  /// Both truths against depth and decay.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport(tables: [
      .init(
        "agreement",
        caption:
          "Agreement with training anew. LOO: leaving one out, Pearson and Spearman by query (± 95 % over seeds), with the order of examples kept, and Spearman with it changed. LDS: mean over queries of all seeds, with the bootstrap's 95 % interval over queries",
        try table(results))
    ])
    report.tables.append(
      .init("models", caption: "The models (mean over seeds)", try modelTable(results)))
    try addPictures(results, to: &report)
    try describe(results, in: &report)
    try check(results, in: &report)
    return report
  }

  private func table(_ results: ExperimentResults<Self>) throws -> Table {
    var table = Table(
      columns: [.init("depth", .significant(digits: 3)), .init("decay")]
        + [.init("method")] + SeedStatistic.columns("LOO Pearson")
        + SeedStatistic.columns("LOO Spearman")
        + SeedStatistic.columns("LOO Spearman, order changed")
        + ["LDS", "LDS from", "LDS to"].map { .init($0, .decimals(3)) })
    for point in points {
      for method in rowNames {
        let score = try score(results, point, method)
        table.append(
          [.integer(point.depth), .text(point.decay.settingText), .text(method)]
            + (try statistic(results, point, method, \.pearson).cells)
            + (try statistic(results, point, method, \.spearman).cells)
            + (try statistic(results, point, method, \.shuffledSpearman).cells)
            + [.number(score.estimate), .number(score.lower), .number(score.upper)])
      }
    }
    return table
  }

  private func modelTable(_ results: ExperimentResults<Self>) throws -> Table {
    var table = Table(
      columns: [.init("depth", .significant(digits: 3)), .init("decay")]
        + [.init("parameters", .significant(digits: 3))]
        + SeedStatistic.columns("training accuracy") + SeedStatistic.columns("validation accuracy"))
    for point in points {
      table.append(
        [
          .integer(point.depth), .text(point.decay.settingText),
          .integer(results.values(at: point).first?.parameters ?? 0),
        ]
          + (try results.statistic(at: point, \.trainingAccuracy).cells)
          + (try results.statistic(at: point, \.validationAccuracy).cells))
    }
    return table
  }

  private func addPictures(_ results: ExperimentResults<Self>, to report: inout ExperimentReport)
    throws
  {
    let columns = points.map { "\($0.depth), \($0.decay.settingText)" }
    let maps: [(name: String, title: String, value: (Point, String) throws -> Double)] = [
      ("lds", "LDS by depth and weight decay", { try score(results, $0, $1).estimate }),
      (
        "leave-one-out", "Leaving one out: Spearman by depth and weight decay",
        { try statistic(results, $0, $1, \.spearman).mean }
      ),
    ]
    for map in maps {
      var picture = HeatMap(
        map.title, rows: rowNames, columns: columns,
        values: try rowNames.map { method in
          try points.map { try map.value($0, method) }
        }, range: -1...1)
      picture.subtitle = "columns: hidden layers, weight decay"
      report.pictures.append(
        .init(
          map.name,
          caption:
            "\(map.title): each method against training anew. Columns are hidden layers and weight decay; “\(Self.retraining)” is what a training with another seed says of the same truth.",
          svg: try picture.svg()))
    }
    let charts = try decays.map { decay in
      Chart.curves(
        "weight decay \(decay.settingText)", x: .init("hidden layers"),
        y: .init("LDS"),
        try rowNames.map { method in
          (
            method,
            try depths.map { depth in
              let score = try score(results, Point(depth: depth, decay: decay), method)
              return Chart.Point(
                Double(depth), score.estimate, lower: score.lower, upper: score.upper)
            }
          )
        })
    }
    report.pictures.append(
      .init(
        "lds-depth",
        caption:
          "The linear datamodeling score against the number of hidden layers; bands are the bootstrap's 95 % over queries.",
        svg: try SmallMultiples(
          "LDS against depth", columns: 2, sharesRanges: true, charts: charts
        ).svg()))
  }

  private func describe(_ results: ExperimentResults<Self>, in report: inout ExperimentReport)
    throws
  {
    guard let shallow = depths.min(), let deep = depths.max() else { return }
    for method in rowNames {
      let parts = try decays.map { decay in
        let places = (shallow == deep ? [shallow] : [shallow, deep]).map {
          Point(depth: $0, decay: decay)
        }
        let ends = try places.map {
          NumberFormat.decimals(try score(results, $0, method).estimate, 3)
        }
        let loo = try places.map {
          NumberFormat.decimals(try statistic(results, $0, method, \.spearman).mean, 3)
        }
        return
          "decay \(decay.settingText): LDS \(ends.joined(separator: " → ")), LOO \(loo.joined(separator: " → "))"
      }
      report.findings.append(
        "`\(method)`, from \(shallow) to \(deep) hidden layers: \(parts.joined(separator: "; ")).")
    }
  }

  private func check(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) throws {
    // Random scores are independent of each other over queries, not over depth and decay, which share them.
    var worst = 0.0
    for point in points {
      let correlations = correlations(results, point, Self.random)
      let deviation =
        1 / (Double(subsetCount - 1) * Double(max(1, correlations.count))).squareRoot()
      let mean = correlations.reduce(0, +) / Double(max(1, correlations.count))
      worst = max(worst, abs(mean) / deviation)
    }
    report.checks.append(
      .init(
        "LDS of random scores is within its noise (4 standard deviations)", worst <= 4,
        detail: "largest \(NumberFormat.decimals(worst, 1)) standard deviations"))
    let best = try methods.map { method in
      try points.map { try score(results, $0, method).estimate }.reduce(0, +)
        / Double(points.count)
    }.max()
    if let best {
      report.checks.append(
        .init(
          "The best method's LDS, mean over the grid, is above 0.05", best > 0.05,
          detail: NumberFormat.decimals(best, 3)))
    }
    let missing = results.all.reduce(0) { sum, result in
      sum
        + rowNames.reduce(0) {
          guard let agreement = result.methods[$1] else { return $0 + queryCount }
          return $0 + queryCount - agreement.lds.compactMap(\.self).count
            + agreement.undefinedQueries
        }
    }
    if missing > 0 {
      report.warnings.append(
        "\(missing) times a query's scores or truth were constant: it was left out of a mean.")
    }
    let warnings = results.all.flatMap(\.warnings)
    var counts: [String: Int] = [:]
    for warning in warnings {
      // The numbers in it differ from cell to cell.
      let method = String(warning.prefix { $0 != ":" })
      counts[method, default: 0] += 1
    }
    for (method, count) in counts.sorted(by: { $0.key < $1.key }) {
      let example = warnings.first { $0.hasPrefix(method + ":") }
      report.warnings.append("\(count) times, such as: \(example ?? method)")
    }
  }
}
