import Gradients
import OrderedCollections
package import TensorFiles

/// The record that stands beside a file of scores.
struct ScoreRecord {
  let summary: ScoreSummary
  let provenance: ScoreProvenance
  let convention: ScoreConvention
  let form: ScoreDestination.Form
  let details: RecordDetails

  /// The record.
  ///
  /// - Throws: An error from reading the stores for their checksums.
  func json() throws -> OrderedJSON {
    if !provenance.members.isEmpty { return try ofEnsemble() }
    guard provenance.damping != nil else { return try ofRepresentations() }
    return try ofCurvature()
  }

  private func ofCurvature() throws -> OrderedJSON {
    let names = provenance.contexts.map(\.name)
    let isPerBlock = form == .blockShares
    let record: OrderedJSON = [
      "format": format, "version": 1, "method": .string(summary.method),
      "settings": .settings(summary.settings),
      "damping": .text(provenance.damping?.description),
      "convention": .string(convention.rawValue),
      "positive_means": .string(
        convention == .helpful
          ? "having the example in training lowers the query's loss"
          : "having the example in training raises the query's loss"),
      "aggregate": .string(summary.aggregation.rawValue),
      "rows": .integer(summary.queryCount),
      "columns": .integer(summary.exampleCount),
      "axes": isPerBlock ? ["query", "training example", "block"] : Self.axes,
      "shape": .array(
        ([summary.queryCount, summary.exampleCount] + (isPerBlock ? [names.count] : []))
          .map { .integer($0) }),
      "block_names": isPerBlock ? .list(names) : .null,
      "top": top,
      "partition": provenance.partition?.json ?? .null,
      "precision": .text(provenance.precision?.rawValue),
      "fit": .text(details.fit),
      "blocks": provenance.blockRecords,
      "train": try provenance.training.record(),
      "query": try provenance.queries.record(),
      "certificate": certificate,
      "convergence": .convergence(summary.convergence),
      "seconds": ["fit": .number(provenance.fitSeconds), "score": .number(summary.seconds)],
      "work": provenance.workRecord(seconds: provenance.fitSeconds + summary.seconds),
      "warnings": warnings,
    ]
    return record.adding(details.program).adding(combination)
      .adding(try provenance.inputRecord())
  }

  /// How blocks were combined, where that is not their sum.
  private var combination: OrderedJSON {
    provenance.combination == .sum
      ? [:] : ["combine": .string(provenance.combination.rawValue)]
  }

  private func ofEnsemble() throws -> OrderedJSON {
    let record: OrderedJSON = [
      "format": format, "version": 1, "method": .string(summary.method),
      "settings": .settings(summary.settings),
      "damping": .text(provenance.damping?.description),
      "rows": .integer(summary.queryCount),
      "precision": .text(provenance.precision?.rawValue),
      "members": try provenance.memberRecords(),
      "warnings": warnings,
    ]
    return record.adding(details.program).adding([
      "convention": .string(convention.rawValue),
      "aggregate": .string(summary.aggregation.rawValue),
      "columns": .integer(summary.exampleCount), "axes": Self.axes,
    ]).adding(combination)
  }

  private func ofRepresentations() throws -> OrderedJSON {
    let record: OrderedJSON = [
      "format": format, "version": 1, "method": .string(summary.method),
      "settings": .settings(summary.settings),
      "convention": .string(convention.rawValue),
      "aggregate": .string(summary.aggregation.rawValue),
      "rows": .integer(summary.queryCount),
      "columns": .integer(summary.exampleCount),
      "axes": Self.axes,
      "top": top,
      "train": try provenance.training.record(),
      "query": try provenance.queries.record(),
      "seconds": .number(summary.seconds),
    ]
    return record.adding(details.program)
  }

  private static let axes: OrderedJSON = ["query", "training example"]

  private var format: OrderedJSON {
    switch form {
    case .array: "influencekit-scores"
    case .blockShares: "influencekit-block-scores"
    case .top: "influencekit-top-scores"
    }
  }

  private var top: OrderedJSON {
    guard case .top(let count) = form else { return .null }
    return .integer(count)
  }

  private var warnings: OrderedJSON { .list(summary.warnings.map(details.wording)) }

  private var certificate: OrderedJSON {
    guard !summary.residuals.isEmpty else { return .null }
    return [
      "relative_residual_per_query": .list(summary.residuals),
      "score_error_bound_per_query": .list(summary.bounds),
      "residual_measured_in_double_precision": .boolean(summary.isMeasured),
      "about":
        "residual: |(F + lambda I) x - v| / |v|; bound: the most that any score of the query can differ from the exact damped Fisher's",
    ]
  }
}

extension OrderedJSON {
  /// A method's settings in the order of their names, damping not included.
  package static func settings(_ settings: [String: String]) -> OrderedJSON {
    .object(
      OrderedDictionary(
        uniqueKeysWithValues: settings.sorted { $0.key < $1.key }.map {
          ($0.key, .string($0.value))
        }))
  }

  /// The residual after each pass, for methods that go by passes; null for others.
  fileprivate static func convergence(_ blocks: [BlockConvergence]) -> OrderedJSON {
    guard !blocks.isEmpty else { return .null }
    return .array(
      blocks.map {
        [
          "block": .string($0.block),
          "queries": .integer($0.queryCount),
          "passes": .integer($0.passes),
          "steps": .integer($0.steps),
          "worst_relative_residual": .list($0.worst),
          "median_relative_residual": .list($0.median),
        ]
      })
  }
}
