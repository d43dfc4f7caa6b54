import InfluenceKit
import Reporting

/// A sweep over dampings: how far rankings depend on the damping.
struct SweepReport {
  let sweep: DampingSweep
  let stability: DampingStability
  let training: GradientStore
  let queries: GradientStore
  let options: CurvatureOptions

  /// Prints the table, and the damping that is recommended.
  func printTable(train: String, output: String?, quiet: Bool) throws {
    if !quiet {
      Console.print(
        "\(Console.shortened(train)): \(sweep.exampleCount) training rows, \(sweep.queryCount) \(sweep.aggregation == .mean ? "mean query" : sweep.queryCount == 1 ? "query" : "queries"); \(sweep.method) at \(sweep.points.count) dampings in \(NumberFormat.seconds(sweep.seconds))",
        ""
      )
    }
    try Console.print(table())
    guard !quiet else { return }
    let recommended = stability.recommendation.map { recommendation in
      "\(Self.text(sweep.points[recommendation.index].damping)): "
    }
    Console.print("", "recommended: \(recommended ?? "")\(stability.reason)")
    if let output { Console.print("this table: \(output)") }
  }

  /// A damping as people read it.
  private static func text(_ damping: Damping) -> String {
    switch damping {
    case .relative(let share): NumberFormat.significant(share)
    case .absolute(let value): "absolute:\(NumberFormat.significant(value))"
    }
  }

  /// The number of a damping, whatever its kind.
  private static func value(_ damping: Damping) -> Double {
    switch damping {
    case .relative(let value), .absolute(let value): value
    }
  }

  private func mark(_ index: Int) -> String {
    var marks: [String] = []
    if sweep.points[index].isDefault {
      marks.append(sweep.points[index].isOnGrid ? "default" : "default, off the grid")
    }
    if stability.recommendation?.index == index { marks.append("recommended") }
    if !stability.entries[index].isBearable { marks.append("ill-conditioned") }
    return marks.joined(separator: ", ")
  }

  /// One row per damping.
  func table() throws -> Table {
    let isAbsolute = sweep.grid.isAbsolute
    let (points, entries) = (sweep.points, stability.entries)
    return try Table(
      of: points.indices,
      .field(isAbsolute ? "λ" : "share", .significant(digits: 3)) {
        // A default of the other kind is not in the column's unit.
        let value = Self.value(points[$0].damping)
        let isInUnit = points[$0].damping == (isAbsolute ? .absolute(value) : .relative(value))
        return isInUnit ? .number(value) : .text(Self.text(points[$0].damping))
      },
      .number("Spearman", .decimals(4)) { entries[$0].spearmanToDefault },
      .number("top 10", .decimals(3)) { entries[$0].topOverlapWithDefault },
      .number("neighbours", .decimals(4)) { entries[$0].neighbourSpearman },
      .number("nb. top 10", .decimals(3)) { entries[$0].neighbourTopOverlap },
      .number("eff. dim.", .significant(digits: 3)) { points[$0].effectiveDimension },
      .number("condition", .significant(digits: 3)) { points[$0].worstCondition },
      .number("median", .significant(digits: 3)) { points[$0].medianCondition },
      .number("residual", .significant(digits: 3)) { points[$0].medianResidual },
      .text("mark") { mark($0) })
  }

  /// What stands beside the table, or is printed in its place.
  func record() throws -> OrderedJSON {
    let points = zip(sweep.points, stability.entries).map { point, entry -> OrderedJSON in
      [
        "damping": .string(point.damping.description),
        "on_grid": .boolean(point.isOnGrid),
        "default": .boolean(point.isDefault),
        "spearman_to_default": .finite(entry.spearmanToDefault),
        "top_10_overlap_with_default": .finite(entry.topOverlapWithDefault),
        "neighbour_spearman": .finite(entry.neighbourSpearman),
        "neighbour_top_10_overlap": .finite(entry.neighbourTopOverlap),
        "effective_dimension": .finite(point.effectiveDimension),
        "worst_condition_number": .finite(point.worstCondition),
        "median_condition_number": .finite(point.medianCondition),
        "rounding_share": .finite(entry.roundingShare),
        "median_residual_in_default_system": .finite(point.medianResidual),
      ]
    }
    return [
      "format": "influencekit-damping-sweep",
      "version": 1,
      "method": .string(sweep.method),
      "grid": .string(sweep.grid.description),
      "default": .string(options.damping.description),
      "aggregate": .string(sweep.aggregation.rawValue),
      "queries": .integer(sweep.queryCount),
      "training_examples": .integer(sweep.exampleCount),
      "partition": training.partition.json,
      "precision": .string(options.precision.rawValue),
      "points": .array(points),
      "recommendation": stability.recommendation.map { recommendation in
        [
          "damping": .string(sweep.points[recommendation.index].damping.description),
          "plateau": .boolean(recommendation.isPlateau),
        ]
      } ?? .null,
      "reason": .string(stability.reason),
      "train": try training.record(),
      "query": try queries.record(),
      "seconds": .number(sweep.seconds),
      "warnings": .list(sweep.warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }
}
