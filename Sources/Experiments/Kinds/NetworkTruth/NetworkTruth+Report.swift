internal import Evaluation
internal import OrderedCollections
internal import Reporting
internal import TensorFiles

extension NetworkTruth {
  /// A measure of one method at one point of the grid, one number a seed.
  private struct Measured {
    let experiment: NetworkTruth
    let results: ExperimentResults

    /// A number that a cell holds of a method.
    func statistic(
      _ depth: Int, _ decay: Double, _ method: String, _ key: String
    ) throws -> SeedStatistic {
      try SeedStatistic(
        results.seeds.map {
          results[NetworkTruth.cell($0, depth, decay)].number(at: "methods", method, key) ?? .nan
        })
    }

    /// LDS of every query of every seed.
    func correlations(_ depth: Int, _ decay: Double, _ method: String) -> [Double] {
      results.seeds.flatMap {
        results[NetworkTruth.cell($0, depth, decay)].numbers(at: "methods", method, "lds")
      }
    }

    /// The mean LDS with its interval over queries, those of all seeds together.
    func score(_ depth: Int, _ decay: Double, _ method: String) throws -> ConfidenceInterval {
      try Bootstrap().meanInterval(of: correlations(depth, decay, method))
    }
  }

  /// Both truths against depth and decay.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    let measured = Measured(experiment: self, results: results)
    var report = ExperimentReport(tables: [
      .init(
        "agreement",
        caption:
          "Agreement with training anew. LOO: leaving one out, Pearson and Spearman by query (± 95 % over seeds), with the order of examples kept, and Spearman with it changed. LDS: mean over queries of all seeds, with the bootstrap's 95 % interval over queries",
        try table(measured))
    ])
    report.tables.append(
      .init("models", caption: "The models (mean over seeds)", try modelTable(results)))
    try addPictures(measured, to: &report)
    try describe(measured, in: &report)
    try check(measured, in: &report)
    return report
  }

  private func table(_ measured: Measured) throws -> Table {
    var table = Table(
      columns: [.init("depth", .significant(digits: 3)), .init("decay")]
        + [.init("method")] + SeedStatistic.columns("LOO Pearson")
        + SeedStatistic.columns("LOO Spearman")
        + SeedStatistic.columns("LOO Spearman, order changed")
        + ["LDS", "LDS from", "LDS to"].map { .init($0, .decimals(3)) })
    for depth in depths {
      for decay in decays {
        for method in rowNames {
          let score = try measured.score(depth, decay, method)
          table.append(
            [.integer(depth), .text(decay.settingText), .text(method)]
              + (try ["pearson", "spearman", "shuffled_spearman"].flatMap {
                try measured.statistic(depth, decay, method, $0).cells
              }) + [.number(score.estimate), .number(score.lower), .number(score.upper)])
        }
      }
    }
    return table
  }

  private func modelTable(_ results: ExperimentResults) throws -> Table {
    var table = Table(
      columns: [.init("depth", .significant(digits: 3)), .init("decay")]
        + [.init("parameters", .significant(digits: 3))]
        + SeedStatistic.columns("training accuracy") + SeedStatistic.columns("validation accuracy"))
    for depth in depths {
      for decay in decays {
        let cells = results.seeds.map { results[Self.cell($0, depth, decay)] }
        table.append(
          [
            .integer(depth), .text(decay.settingText),
            .integer(Int(cells.first?.number(at: "parameters") ?? 0)),
          ]
            + (try ["training_accuracy", "validation_accuracy"].flatMap { key in
              try SeedStatistic(cells.map { $0.number(at: key) ?? .nan }).cells
            }))
      }
    }
    return table
  }

  private func addPictures(_ measured: Measured, to report: inout ExperimentReport) throws {
    let points = depths.flatMap { depth in decays.map { (depth, $0) } }
    let columns = points.map { "\($0), \($1.settingText)" }
    let maps: [(name: String, title: String, value: (Int, Double, String) throws -> Double)] = [
      ("lds", "LDS by depth and weight decay", { try measured.score($0, $1, $2).estimate }),
      (
        "leave-one-out", "Leaving one out: Spearman by depth and weight decay",
        { try measured.statistic($0, $1, $2, "spearman").mean }
      ),
    ]
    for map in maps {
      var picture = HeatMap(
        map.title, rows: rowNames, columns: columns,
        values: try rowNames.map { method in
          try points.map { try map.value($0, $1, method) }
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
              let score = try measured.score(depth, decay, method)
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

  private func describe(_ measured: Measured, in report: inout ExperimentReport) throws {
    guard let shallow = depths.min(), let deep = depths.max() else { return }
    for method in rowNames {
      let parts = try decays.map { decay in
        let ends = try (shallow == deep ? [shallow] : [shallow, deep]).map {
          NumberFormat.decimals(try measured.score($0, decay, method).estimate, 3)
        }
        let loo = try (shallow == deep ? [shallow] : [shallow, deep]).map {
          NumberFormat.decimals(try measured.statistic($0, decay, method, "spearman").mean, 3)
        }
        return
          "decay \(decay.settingText): LDS \(ends.joined(separator: " → ")), LOO \(loo.joined(separator: " → "))"
      }
      report.findings.append(
        "`\(method)`, from \(shallow) to \(deep) hidden layers: \(parts.joined(separator: "; ")).")
    }
  }

  private func check(_ measured: Measured, in report: inout ExperimentReport) throws {
    let points = depths.flatMap { depth in decays.map { (depth, $0) } }
    // Random scores are independent of each other over queries, not over depth and decay, which share them.
    var worst = 0.0
    for (depth, decay) in points {
      let correlations = measured.correlations(depth, decay, Self.random)
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
      try points.map { try measured.score($0.0, $0.1, method).estimate }.reduce(0, +)
        / Double(points.count)
    }.max()
    if let best {
      report.checks.append(
        .init(
          "The best method's LDS, mean over the grid, is above 0.05", best > 0.05,
          detail: NumberFormat.decimals(best, 3)))
    }
    let cells = measured.results.cells.values.map(\.values)
    let missing = cells.reduce(0) { sum, cell in
      sum
        + rowNames.reduce(0) {
          $0 + queryCount - cell.numbers(at: "methods", $1, "lds").count
            + Int(cell.number(at: "methods", $1, "undefined_queries") ?? 0)
        }
    }
    if missing > 0 {
      report.warnings.append(
        "\(missing) times a query's scores or truth were constant: it was left out of a mean.")
    }
    var counts: [String: Int] = [:]
    for warning in cells.flatMap({ $0["warnings"]?.array ?? [] }).compactMap(\.string) {
      // The numbers in it differ from cell to cell.
      let method = String(warning.prefix { $0 != ":" })
      counts[method, default: 0] += 1
    }
    for (method, count) in counts.sorted(by: { $0.key < $1.key }) {
      let example = cells.flatMap { $0["warnings"]?.array ?? [] }.compactMap(\.string).first {
        $0.hasPrefix(method + ":")
      }
      report.warnings.append("\(count) times, such as: \(example ?? method)")
    }
  }
}
