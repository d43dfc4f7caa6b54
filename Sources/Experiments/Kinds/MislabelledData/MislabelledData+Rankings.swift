internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension MislabelledData {
  /// All rankings with their statistics over seeds.
  struct Rankings {
    enum Source {
      case harm, own, baselines

      func rankings(
        of result: Result
      ) -> OrderedDictionary<String, Ranking> {
        switch self {
        case .harm: result.harm
        case .own: result.own
        case .baselines: result.baselines
        }
      }

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

    init(
      _ results: ExperimentResults<MislabelledData>, _ methods: [String], own: [String]
    ) throws {
      var rows: [Row] = []
      let names: [(Source, [String])] = [
        (.harm, methods), (.own, own),
        (.baselines, ["training loss", "random"]),
      ]
      for (source, methods) in names {
        func rankings(_ name: String) -> [Ranking?] {
          results.values.map { source.rankings(of: $0)[name] }
        }
        func statistic(
          _ name: String, _ value: (Ranking) -> Double
        ) throws -> SeedStatistic {
          try SeedStatistic(rankings(name).map { $0.map(value) ?? .nan })
        }
        let reference =
          methods.contains(HessianFree.name) ? try statistic(HessianFree.name, \.auc).values : nil
        for name in methods {
          let area = try statistic(name, \.auc)
          rows.append(
            Row(
              source: source, name: name, area: area,
              recalls: [try statistic(name, \.recall10), try statistic(name, \.recall20)],
              gain: try reference.flatMap {
                name == HessianFree.name ? nil : try SeedStatistic(area.values, minus: $0)
              },
              curve: try shares.indices.map { place in
                try statistic(name) { $0.curve[place] }
              },
              isConstant: rankings(name).allSatisfy { $0?.constant ?? false }))
        }
      }
      self.rows = rows
      wrongShare = try results.statistic(\.wrongShare).mean
    }

    func row(_ source: Source, _ name: String) -> Row? {
      rows.first { $0.source == source && $0.name == name }
    }

    func table() throws -> Table {
      try Table(
        of: rows,
        .text("ranked by", \.source.text), .text("method", \.name), .statistic("AUC", \.area),
        .statistic("found in 10 %") { $0.recalls[0] },
        .statistic("found in 20 %") { $0.recalls[1] },
        .statistic("AUC over hessian-free", \.gain))
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
              names.firstIndex(of: row.name).map { row.area.point(at: Double($0)) }
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
            zip(shares, row.curve).map { share, found in
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
        report.check(
          "the training loss finds wrong labels (AUC above 0.5)", loss.area.mean > 0.5,
          detail: loss.area.text())
      }
      if let random = row(.baselines, "random") {
        let margin = isQuick ? 0.1 : 0.02
        report.check(
          "a random order finds nothing (AUC within \(margin) of 0.5)",
          abs(random.area.mean - 0.5) < margin, detail: random.area.text())
      }
      for source in [Source.harm, .own] {
        let own = rows.filter { $0.source == source && !$0.isConstant }
        guard !own.isEmpty else { continue }
        let least = isQuick ? 0.4 : 0.5
        let below = own.filter { !($0.area.mean > least) }
        report.check(
          "every method finds wrong labels by \(source.text) (AUC above \(least))", below.isEmpty,
          detail: (below.isEmpty
            ? own.min { $0.area.mean < $1.area.mean }.map { [$0] } ?? [] : below)
            .map { "\($0.name) \($0.area.text())" }.joined(separator: ", "))
      }
      for row in rows where row.isConstant {
        report.check(
          "the constant \(row.source.text) of \(row.name) has an AUC of 0.5",
          row.area.mean == 0.5,
          detail: row.area.text())
      }
    }

    private func percent(_ value: SeedStatistic) -> String {
      "\(NumberFormat.decimals(100 * value.mean, 0)) %"
    }
  }
}
