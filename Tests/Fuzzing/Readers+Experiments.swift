import Experiments
import Foundation
import InfluenceKit
import OrderedCollections

/// Readers of experiments' files.
extension Reader {
  static let yaml = Reader(
    seeds: { _ in experiments.values.sorted().map { Array($0.utf8) } },
    read: { input, folder in
      guard let text = String(validating: input, as: UTF8.self) else { return }
      let file = try ExperimentFile(text: text, path: "experiment.yaml")
      _ = try? ExperimentFile(text: text, path: "experiment.yaml", isQuick: true)
      _ = try? ExperimentFile(text: text, path: "experiment.yaml", overrides: [text])
      _ = file.settings.values.map { "\($0.value)" }
    })

  /// What a run is resumed from: its record, and the results of all its cells, of which the report is made.
  static let cells = Reader(
    seeds: { folder in
      try experiments.sorted { $0.key < $1.key }.map { kind, text in
        let url = folder.appending(path: kind)
        _ = try ExperimentRun(ExperimentFile(text: text, path: kind), in: url).run()
        let kept = try Bundle(of: url).files.filter {
          $0.name == "run.json" || $0.name.hasPrefix("cells/")
        }
        return Bundle(kept.map { ("\(kind)/\($0.name)", $0.bytes) }).input
      }
    },
    read: { input, folder in
      for (kind, text) in experiments
      where String(decoding: input, as: UTF8.self).contains("%%\(kind)/run.json\n") {
        let url = folder.appending(path: "run")
        let run = try ExperimentRun(ExperimentFile(text: text, path: kind), in: url)
        // What is missing would be computed.
        let names = Set(["run.json"] + run.cellNames.map { "cells/\($0).json" })
        let kept = Bundle(input, names: Set(names.map { "\(kind)/\($0)" }))
        guard Set(kept.files.map(\.name)).count == names.count else { continue }
        // With checksums that are those of what was changed, as somebody would write them who edits a cell.
        try Bundle(
          kept.files.map {
            (String($0.name.dropFirst(kind.count + 1)), Bundle.sealed($0.bytes))
          }
        ).write(to: url)
        _ = try run.run(resumes: true)
      }
    })

  /// One of each kind that needs no other data, small enough to be computed within seconds.
  private static let experiments = [
    "mislabelled-data": """
    experiment: mislabelled-data
    seeds: 1
    methods: [hessian-free, datainf]
    random-draws: 2
    data: {training: 40, validation: 10, test: 20}
    model: {hidden: [4], epochs: 2}
    """,
    "approximation-error": """
    experiment: approximation-error
    title: A small one
    seeds: [0]
    ranks: [1, 2]
    methods: [hessian-free, "lissa:depth=3"]
    data: {base: 30, training: 40, validation: 10, test: 10}
    model: {hidden: [4], epochs: 2, base-epochs: 2}
    quick: {ranks: [1]}
    """,
    "cost": """
    experiment: cost
    methods: [hessian-free]
    examples: [20, 40]
    columns: [8, 16]
    blocks: [1, 2]
    ranks: [1, 2]
    rank-width: 8
    fixed: {examples: 30, columns: 16, blocks: 2}
    queries: 2
    repeats: 1
    """,
    "fairness-robustness": """
    experiment: fairness-robustness
    seeds: 1
    budgets: [0, 0.2]
    random-draws: 1
    data: {training: 60, validation: 60, test: 60, group-feature: false, noise: 1.2}
    model: {regularization: 0.01}
    """,
    "outlier-gradients": """
    experiment: outlier-gradients
    seeds: 1
    trims: [0.2]
    random-draws: 1
    forest: {trees: 5, sample: 16}
    data: {training: 40, validation: 10, test: 20}
    model: {hidden: [4], epochs: 2}
    """,
  ]
}
