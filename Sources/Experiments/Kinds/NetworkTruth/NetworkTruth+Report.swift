internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension NetworkTruth {
  private func statistic(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String,
    _ value: (Agreement) -> Double?
  ) throws -> SeedStatistic {
    try results.statistic(at: point) { $0.methods[method].flatMap(value) }
  }

  /// LDS of every query of every seed, for what is about queries alone.
  private func correlations(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String
  ) -> [Double] {
    results.values(at: point).flatMap { ($0.methods[method]?.lds ?? []).compactMap(\.self) }
  }

  /// The mean LDS over each seed's queries: queries of one seed share its models and are no repetitions.
  private func score(
    _ results: ExperimentResults<Self>, _ point: Point, _ method: String
  ) throws -> SeedStatistic {
    try statistic(results, point, method) { agreement in
      let defined = agreement.lds.compactMap(\.self)
      return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    report.add(
      "agreement",
      "Agreement with training anew. LOO: leaving one out, Pearson and Spearman by query (± 95 % over seeds), with the order of examples kept, and Spearman with it changed. LDS: mean over queries (± 95 % over seeds)",
      try table(results))
    report.add("models", "The models (mean over seeds)", try modelTable(results))
    try addPictures(results, to: &report)
    try describe(results, in: &report)
    try check(results, in: &report)
    return report
  }

  private func table(_ results: ExperimentResults<Self>) throws -> Table {
    let rows = try product(points, rowNames).map { point, method in
      (point: point, method: method, score: try score(results, point, method))
    }
    return try Table(
      of: rows,
      .integer("depth") { $0.point.depth }, .text("decay") { $0.point.decay.settingText },
      .text("method") { $0.method },
      .statistic("LOO Pearson") { try statistic(results, $0.point, $0.method, \.pearson) },
      .statistic("LOO Spearman") { try statistic(results, $0.point, $0.method, \.spearman) },
      .statistic("LOO Spearman, order changed") {
        try statistic(results, $0.point, $0.method, \.shuffledSpearman)
      },
      .statistic("LDS") { $0.score })
  }

  private func modelTable(_ results: ExperimentResults<Self>) throws -> Table {
    try Table(
      of: points,
      .integer("depth", \.depth), .text("decay", \.decay.settingText),
      .integer("parameters") { results.values(at: $0).first?.parameters ?? 0 },
      .statistic("training accuracy") { try results.statistic(at: $0, \.trainingAccuracy) },
      .statistic("validation accuracy") { try results.statistic(at: $0, \.validationAccuracy) })
  }

  private func addPictures(_ results: ExperimentResults<Self>, to report: inout ExperimentReport)
    throws
  {
    let columns = points.map { "\($0.depth), \($0.decay.settingText)" }
    let maps: [(name: String, title: String, value: (Point, String) throws -> Double)] = [
      ("lds", "LDS by depth and weight decay", { try score(results, $0, $1).mean }),
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
      try report.add(
        map.name,
        "\(map.title): each method against training anew. Columns are hidden layers and weight decay; “\(Self.retraining)” is what a training with another seed says of the same truth.",
        picture)
    }
    let charts = try decays.map { decay in
      try Chart.curves(
        "weight decay \(decay.settingText)",
        x: .init("hidden layers", at: depths.map(Double.init)), y: .init("LDS"), rowNames,
        at: depths.map(Double.init)
      ) { try score(results, Point(depth: depths[$1], decay: decay), rowNames[$0]) }
    }
    try report.add(
      "lds-depth",
      "The linear datamodeling score against the number of hidden layers; bands are 95 % over seeds.",
      SmallMultiples(
        "LDS against depth", columns: min(2, charts.count), sharesRanges: true, charts: charts
      ))
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
          try score(results, $0, method).text()
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
    report.check(
      "LDS of random scores is within its noise (4 standard deviations)", worst <= 4,
      detail: "largest \(NumberFormat.decimals(worst, 1)) standard deviations")
    let best = try methods.map { method in
      try points.map { try score(results, $0, method).mean }.reduce(0, +)
        / Double(points.count)
    }.max()
    if let best {
      report.check(
        "The best method's LDS, mean over the grid, is above 0.05", best > 0.05,
        detail: NumberFormat.decimals(best, 3))
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
