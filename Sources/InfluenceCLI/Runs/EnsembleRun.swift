import Foundation
import InfluenceKit
import OrderedCollections
import Reporting

/// Scores of an ensemble: `score` and `self` with --checkpoint or --members.
struct EnsembleRun {
  let ensemble: ScoreEnsemble
  let estimator: any Estimator
  let destination: OutputPath
  let options: CurvatureOptions
  let fit: FitOptions

  init(
    _ options: EnsembleOptions, method: String, output: String, fit: FitOptions, needsQueries: Bool
  ) throws {
    estimator = try EstimatorCatalog.estimator(method)
    let folders = try options.folders().map(\.folder.path)
    destination = try OutputPath(output, inputs: folders, ending: "npy")
    ensemble = try options.ensemble(fit, needsQueries: needsQueries)
    self.options = try fit.curvatureOptions(certifies: false, meter: RunMeter())
    self.fit = fit
  }

  /// Writes the weighted sum of the members' scores, as many queries at a time as memory allows.
  func score(aggregate: Aggregation, convention: ScoreConvention) throws {
    let first = ensemble.members[0]
    guard first.queries.count > 0 else { throw InfluenceError.empty(source: first.queries.name) }
    let rows = aggregate == .mean ? 1 : first.queries.count
    // Scores of one member, their sum, and what is written: three matrices beside the member's own.
    let perQuery = 24 * max(1, first.training.count)
    let atATime =
      aggregate == .mean
      ? first.queries.count : max(1, min(rows, options.memoryBudget / 4 / perQuery))
    let bar = ProgressBar(quiet: fit.quiet)
    defer { bar.finish() }
    var writer = try destination.writer(rows: rows, columns: first.training.count)
    var summary = ScoreSummary(queryCount: rows, exampleCount: first.training.count, warnings: [])
    for start in stride(from: 0, to: first.queries.count, by: atATime) {
      let scores = try ensemble.scores(
        by: estimator, ofQueries: start..<min(first.queries.count, start + atATime),
        aggregation: aggregate, options: options, progress: bar.handler)
      try writer.append(try destination.single(scores.values(in: convention)))
      summary.add(scores)
    }
    try destination.commit(
      writer,
      record: try record("influencekit-scores", rows: rows, summary.warnings) + [
        "convention": .string(convention.rawValue), "aggregate": .string(aggregate.rawValue),
        "columns": .integer(first.training.count), "axes": ["query", "training example"],
      ])
    bar.finish()
    for warning in summary.warnings { Console.error("warning: \(warning)") }
    guard !fit.quiet else { return }
    print(
      "\(destination.array.relativePath): \(rows) × \(first.training.count) scores by \(estimator.name) over \(ensemble.members.count) members, positive is \(convention == .helpful ? "helpful" : "harmful")"
    )
  }

  /// Writes the weighted sum of the members' self-influence.
  func selfInfluence() throws {
    let bar = ProgressBar(quiet: fit.quiet)
    defer { bar.finish() }
    let influence = try ensemble.selfInfluence(
      by: estimator, options: options, progress: bar.handler)
    try destination.write(
      vector: influence.values,
      record: try record(
        "influencekit-self-influence", rows: influence.values.count, influence.warnings))
    bar.finish()
    for warning in influence.warnings { Console.error("warning: \(warning)") }
    guard !fit.quiet else { return }
    print(
      "\(destination.array.relativePath): \(influence.values.count) values by \(estimator.name) over \(ensemble.members.count) members"
    )
  }

  private func record(_ format: String, rows: Int, _ warnings: [String]) throws -> OrderedJSON {
    [
      "format": .string(format),
      "version": 1,
      "method": .string(estimator.name),
      "settings": RunRecord.settings(estimator.settings),
      "damping": .string(options.damping.description),
      "rows": .integer(rows),
      "precision": .string(options.precision.rawValue),
      "members": .array(
        try ensemble.members.map {
          [
            "weight": .number($0.weight), "train": try RunRecord.store($0.training),
            "query": try RunRecord.store($0.queries),
          ]
        }),
      "warnings": RunRecord.strings(warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }
}

extension OrderedJSON {
  /// The members of two objects, in order.
  fileprivate static func + (left: OrderedJSON, right: OrderedJSON) -> OrderedJSON {
    guard case .object(var members) = left, case .object(let more) = right else { return left }
    for (key, value) in more { members[key] = value }
    return .object(members)
  }
}
