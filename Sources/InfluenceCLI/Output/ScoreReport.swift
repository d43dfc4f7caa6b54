import InfluenceKit
import Reporting

/// What `influence score` prints once the scores are written.
struct ScoreReport {
  let summary: ScoreSummary
  let convention: ScoreConvention
  /// How many examples of each side were kept; nil where all scores were.
  let top: Int?
  let output: String
  let quiet: Bool

  /// Prints warnings, and what is known of the scores of one store.
  func printAll(of curvature: Curvature, _ work: WorkReport, perBlock: Bool) {
    Console.warn(summary.warnings)
    guard !quiet else { return }
    Console.print(
      "\(output): \(kept)\(shape)\(perBlock ? " × \(curvature.contexts.count) shares of blocks in" : "") scores by \(summary.method), \(sign)"
    )
    if let preview = summary.preview {
      Console.print(
        "\(queryName): most helpful \(list(preview.helpful)); most harmful \(list(preview.harmful))"
      )
    }
    Console.print(
      "fit \(NumberFormat.seconds(curvature.seconds)), score \(NumberFormat.seconds(summary.seconds)): \(work.line)"
    )
    guard let median = Statistics.median(summary.residuals) else { return }
    let bound =
      summary.bounds.max().map {
        "; exact scores lie within ±\(NumberFormat.upperBound($0)) (largest score \(NumberFormat.significant(summary.largest)))"
      } ?? ""
    Console.print(
      "relative residual\(summary.isMeasured ? ", measured in double precision" : ""): median \(NumberFormat.significant(median)), worst \(NumberFormat.upperBound(summary.residuals.max()))\(bound)"
    )
  }

  /// Prints warnings, and what is known of the scores of an ensemble.
  func printSum(over ensemble: ScoreEnsemble) {
    Console.warn(summary.warnings)
    guard !quiet else { return }
    Console.print(
      "\(output): \(shape) scores by \(summary.method) over \(ensemble.members.count) \(ensemble.kind == .segments ? "segments" : "members"), \(sign)"
    )
  }

  /// Prints what is known of scores by representations.
  func printRepresentations() {
    guard !quiet else { return }
    Console.print(
      "\(output): \(kept)\(shape) scores by \(summary.method), \(sign), in \(NumberFormat.seconds(summary.seconds))"
    )
  }

  private var kept: String {
    top.map { "the top and bottom \(min($0, summary.exampleCount)) of each query in " } ?? ""
  }

  private var shape: String { "\(summary.queryCount) × \(summary.exampleCount)" }

  private var sign: String { "positive is \(convention == .helpful ? "helpful" : "harmful")" }

  /// What the first row of scores is of.
  private var queryName: String {
    switch summary.aggregation {
    case .none: "query 0"
    case .mean: "mean query"
    case .median, .normalizedMean, .vote: "\(summary.aggregation.rawValue) of queries"
    }
  }

  private func list(_ entries: [TopExamples.Entry]) -> String {
    entries.prefix(3).map {
      "\($0.example) (\(NumberFormat.significant(convention.sign * $0.score)))"
    }.joined(separator: ", ")
  }
}
