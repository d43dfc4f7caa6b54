import Experiments
import Foundation
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

/// Reports are made of lists in cells.
///
/// Somebody who edits a cell can give it the right checksum, too.
@Suite("Cells that somebody has edited")
struct EditedCellTests {
  /// Small experiments, each with the fields whose lists have known lengths.
  static let experiments: [(text: String, fields: Set<String>)] = [
    (
      """
      experiment: mislabelled-data
      methods: [hessian-free, datainf]
      random-draws: 2
      data: {training: 40, validation: 10, test: 20}
      model: {hidden: [4], epochs: 2}
      """, ["curve"]
    ),
    (
      """
      experiment: synthetic
      shapes: [gaussians]
      methods: [hessian-free, exact-hessian]
      data: {training: 40, validation: 60, noise: 0.5}
      model: {hidden: [3], epochs: 2, regularization: 0.02}
      """, ["y", "labels", "robustness"]
    ),
    (
      """
      experiment: fairness-robustness
      budgets: [0, 0.2]
      random-draws: 1
      data: {training: 60, validation: 60, test: 60, group-feature: false, noise: 1.2}
      model: {regularization: 0.01}
      """,
      [
        "accuracy", "log_loss", "demographic_parity", "equal_opportunity", "robust_accuracy",
        "attack_distance",
      ]
    ),
    (
      """
      experiment: least-disagree
      start: 10
      batch: 4
      rounds: 2
      closed-form: {dimensions: [2], patience: [2], pool: 20, reference: 100}
      data: {training: 60, test: 20}
      model: {hidden: [4], epochs: 2, batch: 8}
      """, ["accuracies", "classes", "estimate"]
    ),
    (
      """
      experiment: inner-product-ensemble
      members: [1, 2, 3]
      max-rates: [0.1]
      draws: 1
      reference: 4
      trim-seeds: 1
      random-draws: 1
      data: {training: 40, validation: 10, test: 20}
      model: {hidden: [4], epochs: 2}
      """, ["ensembles", "variances", "accuracies"]
    ),
    (
      """
      experiment: approximation-error
      ranks: [1, 2]
      methods: [hessian-free, datainf]
      data: {base: 30, training: 40, validation: 10, test: 10}
      model: {hidden: [4], epochs: 2, base-epochs: 2}
      """, ["mean_query_scores"]
    ),
  ]

  /// The paths of the lists in a value.
  private func lists(_ json: OrderedJSON, at path: [String] = []) -> [[String]] {
    if json.array != nil { return [path] }
    return (json.object ?? [:]).flatMap { lists($1, at: path + [$0]) }
  }

  /// A value with another list at a path.
  private func changed(
    _ json: OrderedJSON, at path: ArraySlice<String>, _ change: ([OrderedJSON]) -> [OrderedJSON]
  ) -> OrderedJSON {
    guard let key = path.first else { return .array(change(json.array ?? [])) }
    return json.adding([key: changed(json[key] ?? .null, at: path.dropFirst(), change)])
  }

  @Test(
    "A list of another length is named by file and field, and no report falls over one",
    arguments: experiments.indices)
  func lengths(index: Int) throws {
    let (text, fields) = Self.experiments[index]
    let directory = try TemporaryDirectory()
    let folder = directory.url.appending(path: "run")
    let run = try ExperimentRun(ExperimentFile(text: text, path: "e.yaml"), in: folder)
    _ = try run.run()
    var named: Set<String> = []
    for name in run.cellNames {
      let cell = folder.appending(path: "cells/\(name).json")
      let whole = try OrderedJSON(contentsOf: cell)
      var seen: Set<String> = []
      for path in lists(whole["values"] ?? .null) {
        // One list of each name, as those of one name are alike.
        guard let field = path.last, seen.insert(field).inserted else { continue }
        for change: ([OrderedJSON]) -> [OrderedJSON] in [
          { Array($0.dropLast()) }, { _ in [] }, { $0 + $0.suffix(1) + [0] },
        ] {
          let edited = try changed(whole, at: (["values"] + path)[...], change).sealed()
          guard edited["values"] != whole["values"] else { continue }
          try Data(edited.serialized(.indented).utf8).write(to: cell)
          do {
            _ = try run.run(resumes: true)
            #expect(!fields.contains(field), "\(name): \(path) was believed")
          } catch ExperimentError.damaged(let file, let reason) {
            #expect(file == cell.relativePath)
            // Another list may be named that must be as long as one that was changed.
            guard fields.contains(field) else { continue }
            #expect(reason.contains("values.\(path.joined(separator: "."))"), "\(reason)")
            named.insert(field)
          } catch {
            #expect(!fields.contains(field), "\(name): \(path): \(error)")
          }
        }
      }
      try Data(whole.serialized(.indented).utf8).write(to: cell)
    }
    #expect(named.isSuperset(of: fields), "\(fields.subtracting(named))")
    #expect(try run.run(resumes: true).computed == 0)
  }
}
