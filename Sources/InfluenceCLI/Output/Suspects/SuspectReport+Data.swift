import InfluenceKit
import OrderedCollections

/// What was found, for programs.
extension SuspectReport {
  /// The first suspects, a line each.
  func csv() -> String {
    let names = suspects.rankings.map(\.ranking.rawValue)
    let header =
      ["place", "example", "id", "label", "suggested", "mean_place", "high_in", "duplicate"]
      + names + ["text"]
    return suspects.order.prefix(top).enumerated().reduce(into: CSVLine.text(header)) {
      text, entry in
      let row = entry.element
      text += CSVLine.text(
        [
          "\(entry.offset + 1)", "\(row)", examples.id(row) ?? "", examples.label(row) ?? "",
          suggested(row) ?? "", "\(suspects.meanPlaces[row])",
          "\(highCounts[row])", contradicted[row].map { "\($0)" } ?? "",
        ] + suspects.rankings.map { "\($0.values[row])" } + [examples.text(row) ?? ""])
    }
  }

  /// What was found, without the suspects themselves.
  private var summary: OrderedJSON {
    let together: OrderedJSON = json(detection?.together)
    return [
      "rows": .integer(suspects.count),
      "rankings": .array(
        suspects.rankings.enumerated().map { index, ranked in
          [
            "ranking": .string(ranked.ranking.rawValue),
            "about": .string(ranked.ranking.summary),
            "flipped": json(detection?.rankings[index]),
          ]
        }),
      "left_out": .array(
        suspects.leftOut.map {
          [
            "ranking": .string($0.ranking.rawValue),
            "reason": .string(Advice.withOptions($0.reason)),
          ]
        }),
      "flipped": together,
      "top": .integer(top),
      "high": .integer(high),
      "high_in_three_quarters_of_rankings": .integer(suspects.agreement(amongFirst: high)),
      "neighbours": suspects.neighbours.map { .integer($0.count) } ?? .null,
      "near_duplicates": duplicates.map { .integer($0.pairs.count) } ?? .null,
      "near_duplicates_with_other_labels": .array(
        contradictions.map {
          [
            "rows": [.integer($0.first), .integer($0.second)],
            "words_in_common": .number($0.similarity),
          ]
        }),
      "seconds": .number(seconds),
      "warnings": .list(warnings),
    ]
  }

  private func json(_ detection: MethodComparison.MislabelDetection?) -> OrderedJSON {
    guard let detection else { return .null }
    return [
      "auc": .number(detection.areaUnderROC),
      "recall_10_percent": .number(detection.recallAt10),
      "recall_20_percent": .number(detection.recallAt20),
    ]
  }

  /// All that is printed.
  func json() throws -> OrderedJSON {
    summary.adding([
      "suspects": .array(
        suspects.order.prefix(top).map { row in
          let known: OrderedJSON = [
            "example": .integer(row),
            "mean_place": .number(suspects.meanPlaces[row]),
            "high_in": .integer(highCounts[row]),
            "suggested": .text(suggested(row)),
            "duplicate": contradicted[row].map { .integer($0) } ?? .null,
            "values": .object(
              .init(
                uniqueKeysWithValues: suspects.rankings.map {
                  ($0.ranking.rawValue, .number($0.values[row]))
                })),
          ]
          return known.adding(examples.json(row))
        })
    ])
  }

  /// The record beside the table.
  func record(flipped path: String?, settings: Suspects.Settings) throws -> OrderedJSON {
    let about: OrderedJSON = [
      "format": "influencekit-suspects", "version": 1,
      "aggregate": .string(settings.aggregation.rawValue),
      "damping": .string(settings.options.damping.description),
      "precision": .string(settings.options.precision.rawValue),
      "partition": training.partition.json,
      "seed": .string("\(settings.seed)"),
      "train": try training.record(), "query": try queries?.record() ?? .null,
      "flipped_path": .text(path),
    ]
    return about.adding(summary).adding([
      "versions": RunRecord.versions, "command": RunRecord.commandLine,
    ])
  }
}
