import Foundation
import InfluenceKit
import OrderedCollections

/// Pieces of the JSON that stands beside results.
enum RunRecord {
  /// The versions of what computed the results.
  static var versions: OrderedJSON {
    [
      "influencekit": .string(InfluenceKitVersion.current),
      "linear_algebra": .string(LinearAlgebraBackend.description),
      "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
      "threads": .integer(Parallelism.threads),
    ]
  }

  /// What a store is, with its checksum.
  static func store(_ store: GradientStore) throws -> OrderedJSON {
    [
      "path": .string(store.name),
      "kind": .string(store.kind.rawValue),
      "rows": .integer(store.count),
      "columns": .integer(store.layout.columnCount),
      "dtype": .string(Set(store.elementTypes.map(\.name)).sorted().joined(separator: "+")),
      "projection": store.projection.map { .string($0) } ?? .null,
      "crc32c": try store.checksum().map { .string($0) } ?? .null,
    ]
  }

  /// Damping and side of each block.
  static func blocks(of curvature: Curvature, estimator: Int) -> OrderedJSON {
    let choices = curvature.choices(forEstimator: estimator)
    return .array(
      zip(curvature.contexts, choices).map { context, choice in
        [
          "name": .string(context.name),
          "shape": .array(context.block.shape.map { .integer($0) }),
          "members": strings(curvature.training.members(ofBlock: context.index)),
          "lambda": context.damping.map { .number($0) } ?? .null,
          "side": choice.map { .string($0.side.rawValue) } ?? .null,
          "reason": .string(choice?.reason ?? "dead: all training gradients are zero"),
        ]
      })
  }

  /// A method's settings, damping not included.
  static func settings(_ settings: [String: String]) -> OrderedJSON {
    .object(
      OrderedDictionary(
        uniqueKeysWithValues: settings.sorted { $0.key < $1.key }.map {
          ($0.key, .string($0.value))
        }
      ))
  }

  /// Residuals and bounds of a method.
  static func certificate(residuals: [Double], bounds: [Double]) -> OrderedJSON {
    [
      "relative_residual_per_query": numbers(residuals),
      "score_error_bound_per_query": numbers(bounds),
      "about":
        "residual: |(F + lambda I) x - v| / |v|; bound: the most that any score of the query can differ from the exact damped Fisher's",
    ]
  }

  /// The residual after each pass, for methods that go by passes; null for others.
  static func convergence(_ blocks: [BlockConvergence]) -> OrderedJSON {
    guard !blocks.isEmpty else { return .null }
    return .array(
      blocks.map {
        [
          "block": .string($0.block),
          "queries": .integer($0.queryCount),
          "passes": .integer($0.passes),
          "steps": .integer($0.steps),
          "worst_relative_residual": numbers($0.worst),
          "median_relative_residual": numbers($0.median),
        ]
      })
  }

  /// A number, or null where it is not finite.
  static func number(_ value: Double?) -> OrderedJSON {
    guard let value, value.isFinite else { return .null }
    return .number(value)
  }

  static func numbers(_ values: [Double]) -> OrderedJSON { .array(values.map { number($0) }) }

  static func strings(_ values: [String]) -> OrderedJSON { .array(values.map { .string($0) }) }

  /// The command line, as it was typed.
  static var commandLine: OrderedJSON { strings(Array(CommandLine.arguments.dropFirst())) }
}
