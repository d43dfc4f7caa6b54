internal import Evaluation
internal import OrderedCollections
internal import Reporting
internal import TensorFiles

extension MislabelledData {
  /// Tables, curves and what must hold.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    let rankings = try Rankings(results, methods, own: selfMethods)
    var report = ExperimentReport(tables: [
      .init(
        "detection",
        caption:
          "How well rankings of the training examples find wrong labels (± 95 % over seeds; the difference is taken seed by seed)",
        rankings.table),
      .init("model", caption: "The models", try Self.models(results)),
      .init("seconds", caption: "Mean seconds a seed", try seconds(results), isCost: true),
    ])
    report.pictures = [
      .init(
        "auc",
        caption:
          "Area under the ROC curve; intervals are 95 % over seeds, the grey line is chance.",
        svg: try rankings.areas.svg()),
      .init(
        "curves",
        caption:
          "Wrong labels found as examples are looked at, by harm to the mean validation query; bands are 95 % over seeds.",
        svg: try rankings.chart("Wrong labels found by harm to the validation loss", curves, .harm)
          .svg()),
    ]
    if !selfMethods.isEmpty {
      report.pictures.append(
        .init(
          "self-curves",
          caption:
            "Wrong labels found as examples are looked at, by self-influence; bands are 95 % over seeds.",
          svg: try rankings.chart("Wrong labels found by self-influence", curves, .own).svg()))
    }
    rankings.describe(in: &report, isQuick: results.isQuick)
    addWarnings(results, to: &report)
    return report
  }

  private static func models(_ results: ExperimentResults) throws -> Table {
    var table = Table(columns: [.init("quantity")] + SeedStatistic.columns("mean"))
    for (name, key) in [
      ("test accuracy", "test_accuracy"),
      ("share of wrong labels that the model has learned", "wrong_labels_learned"),
    ] {
      let values = results.seeds.map { results[cell($0)].number(at: key) ?? .nan }
      table.append([.text(name)] + (try SeedStatistic(values).cells))
    }
    let shares = results.seeds.map { seed in
      let cell = results[cell(seed)]
      return (cell.number(at: "wrong_labels") ?? .nan) / (cell.number(at: "examples") ?? .nan)
    }
    table.append([.text("share of wrong labels among all")] + (try SeedStatistic(shares).cells))
    return table
  }

  private func seconds(_ results: ExperimentResults) throws -> Table {
    let keys = ["fit_seconds", "harm_seconds"] + (selfMethods.isEmpty ? [] : ["self_seconds"])
    let names = ["fit", "mean query", "self-influence"]
    var table = Table(
      columns: [.init("method")] + keys.indices.map { .init(names[$0], .seconds) })
    for method in methods {
      table.append(
        [.text(method)]
          + keys.map { key in
            // Self-influence is not asked of every method.
            let values = results.seeds.compactMap {
              results.costs(Self.cell($0)).number(at: method, key)
            }
            return values.isEmpty
              ? .missing : .number(values.reduce(0, +) / Double(values.count))
          })
    }
    return table
  }

  private func addWarnings(_ results: ExperimentResults, to report: inout ExperimentReport) {
    for method in methods {
      let all = results.seeds.flatMap { seed in
        results[Self.cell(seed)]["warnings"]?[method]?.array?.compactMap(\.string) ?? []
      }
      guard let first = all.first else { continue }
      report.warnings.append("`\(method)`, \(all.count) warnings over all seeds, such as: \(first)")
    }
  }
}

/// All rankings with their statistics over seeds.
private struct Rankings {
  enum Source: String {
    case harm
    case own = "self"
    case baselines

    var text: String {
      switch self {
      case .harm: "harm to the mean query"
      case .own: "self-influence"
      case .baselines: "baseline"
      }
    }
  }

  struct Row {
    let source: Source
    let name: String
    let area: SeedStatistic
    let recalls: [SeedStatistic]
    /// Over that of the same source's Hessian-free ranking, seed by seed.
    let gain: SeedStatistic?
    let curve: [SeedStatistic]
    let isConstant: Bool
  }

  let rows: [Row]
  let wrongShare: Double

  init(_ results: ExperimentResults, _ methods: [String], own: [String]) throws {
    func values(_ source: Source, _ name: String, _ key: String) -> [Double] {
      results.seeds.map {
        results[MislabelledData.cell($0)].number(at: source.rawValue, name, key) ?? .nan
      }
    }
    var rows: [Row] = []
    let names: [(Source, [String])] = [
      (.harm, methods), (.own, own),
      (.baselines, ["training loss", "random"]),
    ]
    for (source, methods) in names {
      for name in methods {
        let areas = values(source, name, "auc")
        let curves = results.seeds.map {
          results[MislabelledData.cell($0)].numbers(at: source.rawValue, name, "curve")
        }
        let reference =
          methods.contains("hessian-free") ? values(source, "hessian-free", "auc") : nil
        rows.append(
          Row(
            source: source, name: name, area: try SeedStatistic(areas),
            recalls: [
              try SeedStatistic(values(source, name, "recall_10")),
              try SeedStatistic(values(source, name, "recall_20")),
            ],
            gain: try reference.flatMap {
              name == "hessian-free" ? nil : try SeedStatistic(zip(areas, $0).map { $0 - $1 })
            },
            curve: try MislabelledData.shares.indices.map { place in
              try SeedStatistic(curves.map { $0[place] })
            },
            isConstant: results.seeds.allSatisfy {
              results[MislabelledData.cell($0)][source.rawValue]?[name]?["constant"]?.boolean
                ?? false
            }))
      }
    }
    self.rows = rows
    let shares = results.seeds.map { seed in
      let cell = results[MislabelledData.cell(seed)]
      return (cell.number(at: "wrong_labels") ?? .nan) / (cell.number(at: "examples") ?? .nan)
    }
    wrongShare = try SeedStatistic(shares).mean
  }

  func row(_ source: Source, _ name: String) -> Row? {
    rows.first { $0.source == source && $0.name == name }
  }

  var table: Table {
    var table = Table(
      columns: [.init("ranked by"), .init("method")] + SeedStatistic.columns("AUC")
        + SeedStatistic.columns("found in 10 %") + SeedStatistic.columns("found in 20 %")
        + SeedStatistic.columns("AUC over hessian-free"))
    for row in rows {
      table.append(
        [.text(row.source.text), .text(row.name)] + row.area.cells + row.recalls[0].cells
          + row.recalls[1].cells + (row.gain?.cells ?? [.missing, .missing]))
    }
    return table
  }

  /// The AUC of every ranking, methods side by side.
  var areas: Chart {
    var names: [String] = []
    for row in rows where !names.contains(row.name) { names.append(row.name) }
    var chart = Chart(
      "Finding wrong labels", x: .init("", scale: .categories(names)),
      y: .init("area under the ROC curve"),
      series: [Source.harm, .own, .baselines].compactMap { source in
        let own = rows.filter { $0.source == source }
        guard !own.isEmpty else { return nil }
        return Chart.Series(
          source.text, .intervals,
          points: own.compactMap { row in
            names.firstIndex(of: row.name).map {
              Chart.Point(
                Double($0), row.area.mean, lower: row.area.lower, upper: row.area.upper)
            }
          })
      })
    chart.references = [.init(.horizontal(0.5), label: "chance")]
    return chart
  }

  /// The detection curves of some methods and of the training loss.
  func chart(_ title: String, _ methods: [String], _ source: Source) -> Chart {
    let shown =
      methods.compactMap { row(source, $0) }.filter { !$0.isConstant }
      + [row(.baselines, "training loss")].compactMap { $0 }
    return Chart.detection(
      title,
      shown.map { row in
        (
          row.name,
          zip(MislabelledData.shares, row.curve).map { share, found in
            Chart.Point(
              share, found.mean, lower: max(0, found.lower), upper: min(1, found.upper))
          }
        )
      }, badShare: wrongShare)
  }

  func describe(in report: inout ExperimentReport, isQuick: Bool) {
    for source in [Source.harm, .own] {
      let ordered = rows.filter { $0.source == source }.sorted { $0.area.mean > $1.area.mean }
      guard let best = ordered.first, let worst = ordered.last(where: { !$0.isConstant }) else {
        continue
      }
      report.findings.append(
        "By \(source.text): best `\(best.name)` (AUC \(best.area.text()), \(percent(best.recalls[1])) of the wrong labels in the first 20 %), worst `\(worst.name)` (\(worst.area.text()))."
      )
      for row in ordered where row.isConstant {
        report.findings.append(
          "The \(source.text) of `\(row.name)` is the same for every example by construction: it ranks nothing, and its AUC is 0.5."
        )
      }
    }
    if let loss = row(.baselines, "training loss") {
      let harm = rows.filter { $0.source == .harm }
      let better = harm.filter { $0.area.mean > loss.area.mean }
      report.findings.append(
        "The training loss alone reaches \(loss.area.text()); \(better.count) of \(harm.count) methods do better by harm to the mean query."
      )
      report.checks.append(
        .init(
          "the training loss finds wrong labels (AUC above 0.5)", loss.area.mean > 0.5,
          detail: loss.area.text()))
    }
    if let random = row(.baselines, "random") {
      let margin = isQuick ? 0.1 : 0.02
      report.checks.append(
        .init(
          "a random order finds nothing (AUC within \(margin) of 0.5)",
          abs(random.area.mean - 0.5) < margin, detail: random.area.text()))
    }
    for source in [Source.harm, .own] {
      let own = rows.filter { $0.source == source && !$0.isConstant }
      guard !own.isEmpty else { continue }
      let least = isQuick ? 0.4 : 0.5
      let below = own.filter { !($0.area.mean > least) }
      report.checks.append(
        .init(
          "every method finds wrong labels by \(source.text) (AUC above \(least))", below.isEmpty,
          detail: (below.isEmpty
            ? own.min { $0.area.mean < $1.area.mean }.map { [$0] } ?? [] : below)
            .map { "\($0.name) \($0.area.text())" }.joined(separator: ", ")))
    }
    for row in rows where row.isConstant {
      report.checks.append(
        .init(
          "the constant \(row.source.text) of \(row.name) has an AUC of 0.5", row.area.mean == 0.5,
          detail: row.area.text()))
    }
  }

  private func percent(_ value: SeedStatistic) -> String {
    "\(NumberFormat.decimals(100 * value.mean, 0)) %"
  }
}
