internal import InfluenceKit
internal import OrderedCollections

/// The suspects as the page's data and as what the templates need.
struct SuspectData {
  let part: SuspectPart
  private let contents: ReportContents
  private let shortNames: [String]

  init(_ part: SuspectPart, in contents: ReportContents) {
    self.part = part
    self.contents = contents
    shortNames = part.rankings.map { Self.short($0.name) }
  }

  /// The rows that are flagged at first.
  var flagged: Set<Int> { Set(part.suspects.prefix(part.flagged).map(\.row)) }

  /// A name that can be broken where a column is narrow.
  private static func short(_ name: String) -> String {
    name.split(separator: "-").joined(separator: "-\u{200B}")
  }

  /// What the script needs.
  var data: OrderedJSON {
    [
      "k": .integer(part.flagged), "rows": .array(part.suspects.enumerated().map { row($1, $0) }),
      "rankings": .list(part.rankings.map(\.name)),
      "total": part.flippedCount.map { .integer($0) } ?? false,
      "count": .integer(part.count),
    ]
  }

  private func row(_ suspect: SuspectPart.Suspect, _ place: Int) -> OrderedJSON {
    let label = contents.examples[suspect.row].label
    let same = suspect.suggested != nil && suspect.suggested == label
    return [
      "k": .integer(place + 1), "i": .integer(suspect.row),
      "suggested": suspect.suggested.map { .string(PageText.name($0)) } ?? false,
      "same": .boolean(same), "other": .boolean(suspect.suggested != nil && !same),
      "flip": .boolean(contents.training.flipped?.contains(suspect.row) ?? false),
      "cells": .array(
        zip(suspect.places, shortNames).map { place, name in
          [
            "v": .string(PageNumbers.place(place)), "h": .string("h\(shade(place))"),
            "n": .string(name),
          ]
        }),
      "mean": .string(PageNumbers.decimal(suspect.meanPlace)),
      "high": .integer(suspect.highCount),
    ]
  }

  /// How dark a place is: 4 for the first thirtieth, then the first tenth, fifth and third.
  private func shade(_ place: Double) -> Int {
    let share = place / Double(part.count)
    return [1.0 / 30, 0.1, 0.2, 1.0 / 3].count { share <= $0 + 1e-12 }
  }

  /// What the template `suspect` needs of a row: the data with what is known of the example.
  static func context(_ row: OrderedJSON, examples: OrderedJSON) -> OrderedJSON {
    var context: OrderedDictionary<String, OrderedJSON> = [
      "text": false, "label": false, "id": false, "loss": false,
    ]
    context.merge(examples["\(row["i"]?.integer ?? 0)"]?.object ?? [:]) { $1 }
    context.merge(row.object ?? [:]) { $1 }
    return .object(context)
  }

  // MARK: - The section

  /// What the template `suspects` needs.
  func section(examples: OrderedJSON) -> OrderedJSON {
    let count = part.suspects.count
    let knows = part.flippedPlaces != nil
    let best = part.rankings.compactMap(\.detection?.areaUnderROC).max() ?? 0
    let together = part.together?.areaUnderROC ?? 0
    let rows = (data["rows"]?.array ?? []).prefix(part.flagged)
    let all =
      count == part.count
      ? "All \(PageNumbers.grouped(count)) labels from most to least suspect"
      : "The first \(PageNumbers.grouped(count)) of \(PageNumbers.grouped(part.count)) labels, the most suspect first"
    return [
      "lede": .string(lede), "k": .integer(part.flagged), "kept": .integer(count),
      "n": .string(PageNumbers.grouped(part.count)), "knows": .boolean(knows),
      "hits": .string(hits), "line": .string(line),
      "ticks": .string(ticks),
      "cut": .string(PageNumbers.coordinate(600 * Double(part.flagged) / Double(count))),
      "labelled": .boolean(part.flagged == 1),
      "caption": .string(
        "\(all); the line is the mean place (high is suspect)\(knows ? ", the ticks above are the known wrong labels" : ""). The cut is yours: it starts at \(part.flagged) because so many labels stand in the top fifth of at least \(needed) of \(part.rankings.count) rankings."
      ),
      "labels": .array(contents.training.labelNames.prefix(50).map { .string(PageText.name($0)) }),
      "suggests": .boolean(part.suspects.contains { $0.suggested != nil }),
      "heads": .array(
        part.rankings.indices.map { place in
          let ranking = part.rankings[place]
          let area = ranking.detection?.areaUnderROC
          return [
            "place": .integer(place), "short": .string(shortNames[place]),
            "tip": .string(ranking.summary),
            "area": .string(area.map { PageNumbers.share($0) } ?? ""),
            "best": .boolean(area == best && best >= together),
          ]
        }),
      "togetherArea": .string(PageNumbers.share(together)),
      "togetherBest": .boolean(together >= best),
      "flippedCount": .string(PageNumbers.grouped(part.flippedCount ?? 0)),
      "rows": .array(rows.map { Self.context($0, examples: examples) }),
      "rankingTable": rankingTable,
      "leftOut": .array(
        part.leftOut.map {
          ["name": .string($0.name), "reason": .string(PageText.name($0.reason))]
        }
      ),
    ]
  }

  private var needed: Int { (3 * part.rankings.count + 4) / 5 }

  private var lede: String {
    let several = part.rankings.count
    let start =
      several == 1
      ? "One ranking could be made, so that nothing confirms it."
      : "\(Self.capital(PageNumbers.word(several))) rankings, none of which sees the others, and the geometric mean of each label's places in them."
    let end =
      part.flippedCount.map {
        " Here \(PageNumbers.counted($0, "wrong label")) \($0 == 1 ? "was" : "were") named, so each ranking can be held against them."
      }
      ?? " Which of them is best cannot be told from the data without labels that are known to be wrong; where they agree is the safest place to look: they agree on \(part.agreed) of the first \(part.high)."
    return start + end
  }

  private static func capital(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  /// How many of the flagged are known to be wrong.
  private var hits: String {
    guard let places = part.flippedPlaces, let total = part.flippedCount else { return "" }
    let hits = places.count { $0 < part.flagged }
    return
      "\(hits) \(hits == 1 ? "is a known wrong label" : "are known wrong labels"): \(PageNumbers.percent(Double(hits) / Double(part.flagged))) of the flagged, \(PageNumbers.percent(Double(hits) / Double(max(1, total)))) of all \(PageNumbers.grouped(total))."
  }

  /// The curve of mean places as points of a picture of 600 × 84.
  private var line: String {
    let last = Double(max(1, part.suspects.count - 1))
    let most = part.curve.map(\.meanPlace).max() ?? 1
    let least = part.curve.map(\.meanPlace).min() ?? 0
    return part.curve.map { point in
      let share = most > least ? (point.meanPlace - least) / (most - least) : 0
      return
        "\(PageNumbers.coordinate(600 * Double(point.place) / last)),\(PageNumbers.coordinate(16 + 62 * share))"
    }.joined(separator: " ")
  }

  private var ticks: String {
    let count = Double(max(1, part.suspects.count))
    return (part.flippedPlaces ?? []).map {
      "M\(PageNumbers.coordinate(600 * (Double($0) + 0.5) / count)) 0v9"
    }.joined()
  }

  private var rankingTable: OrderedJSON {
    let knows = part.flippedCount != nil
    func cells(_ name: String, _ about: String, _ found: SuspectPart.Detection?) -> [String] {
      guard let found else { return [name, about] }
      return [
        name, about, PageNumbers.share(found.areaUnderROC), PageNumbers.share(found.recallAt10),
        PageNumbers.share(found.recallAt20),
      ]
    }
    return PageTable.context(
      heads: ["ranking", "looks for"]
        + (knows ? ["AUC", "recall in the top 10 %", "in the top 20 %"] : []), texts: 2,
      rows: part.rankings.map { cells($0.name, $0.summary, $0.detection) }
        + [cells("all together", "the geometric mean of the places", part.together)])
  }
}
