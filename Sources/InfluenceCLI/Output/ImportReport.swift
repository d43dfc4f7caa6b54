import Foundation
import InfluenceKit
import Reporting

/// What an import did, and what its type lost, as text and as JSON.
struct ImportReport {
  /// What was measured of a copy whose type does not hold every number of the source.
  struct Losses {
    let precision: PrecisionLoss
    let fidelity: StoreFidelity?

    init(of copy: URL, from source: GradientStore) throws {
      let copy = try GradientStore(opening: copy)
      precision = try PrecisionLoss(of: copy, from: source)
      fidelity = try StoreFidelity(of: copy, from: source)
    }
  }

  let destination: String
  let elementType: ElementType
  let outcome: StoreCopy.Outcome
  let losses: Losses?

  var text: String {
    func number(_ value: Double?) -> String { NumberFormat.significant(value) }
    var lines = ["\(destination): \(outcome.summary(of: elementType))"]
    guard let losses else {
      lines.append("nothing is lost: \(elementType) holds every number of the source")
      return lines.joined(separator: "\n")
    }
    let precision = losses.precision
    lines += [
      "lost by \(elementType): row norms, relative error \(number(precision.medianNormError)) (median), \(number(precision.largestNormError)) (max)",
      "scores of \(precision.queries) × \(precision.examples) sampled rows: max |ΔS| / max |S| = \(number(precision.scoreError))",
    ]
    if let fidelity = losses.fidelity {
      func share(_ value: Double?) -> String {
        value.map { String(format: "%.4f", $0) } ?? "undefined"
      }
      lines.append(
        "order of scores, \(fidelity.queries) × \(fidelity.examples) other sampled rows: Spearman \(share(fidelity.meanSpearman)) (mean), \(share(fidelity.worstSpearman)) (worst); top-\(fidelity.topCount) overlap \(share(fidelity.meanTopOverlap))"
      )
    }
    return lines.joined(separator: "\n")
  }

  var json: OrderedJSON {
    [
      "path": .string(destination),
      "rows": .integer(outcome.rows),
      "resumed_rows": .integer(outcome.resumedRows),
      "dtype": .string(elementType.name),
      "loss": losses.map(Self.json) ?? .null,
    ]
  }

  private static func json(_ losses: Losses) -> OrderedJSON {
    let precision = losses.precision
    return [
      "norm_error_median": .finite(precision.medianNormError),
      "norm_error_max": .finite(precision.largestNormError),
      "score_error_max": .finite(precision.scoreError),
      "score_error_queries": .integer(precision.queries),
      "score_error_examples": .integer(precision.examples),
      "fidelity": losses.fidelity.map { fidelity in
        [
          "queries": .integer(fidelity.queries),
          "examples": .integer(fidelity.examples),
          "spearman_mean": .finite(fidelity.meanSpearman),
          "spearman_worst": .finite(fidelity.worstSpearman),
          "top_count": .integer(fidelity.topCount),
          "top_overlap_mean": .finite(fidelity.meanTopOverlap),
          "undefined_queries": .integer(fidelity.agreement.undefinedRows.count),
        ]
      } ?? .null,
    ]
  }
}
