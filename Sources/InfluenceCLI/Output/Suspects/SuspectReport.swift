import InfluenceKit
import Reporting

/// What `influence suspects` found, and how it looks.
struct SuspectReport {
  let suspects: Suspects
  let duplicates: NearDuplicates?
  private let labels: ExampleClasses?
  let training: GradientStore
  let queries: GradientStore?
  private let flipped: Set<Int>?
  /// How many places of a ranking count as high, and in how many rankings each example has such a place.
  let high: Int
  let highCounts: [Int]
  /// How many suspects are written.
  let top: Int
  /// How many of them are printed.
  private let shown: Int
  let seconds: Double
  let examples: ShownExamples
  let detection: Detected?
  /// Of examples that have a near-duplicate with another label: the most similar one.
  let contradicted: [Int: Int]
  /// Pairs of near-duplicates with different labels, the most similar first.
  let contradictions: [NearDuplicates.Pair]

  typealias Detected = (
    rankings: [MethodComparison.MislabelDetection], together: MethodComparison.MislabelDetection
  )

  /// The most pairs that are printed.
  private static let mostPairs = 5

  init(
    suspects: Suspects, duplicates: NearDuplicates?, labels: ExampleClasses?,
    training: GradientStore, queries: GradientStore?, given: ExampleTexts?, flipped: Set<Int>?,
    top: Int, shown: Int, seconds: Double
  ) throws {
    (self.suspects, self.duplicates, self.labels) = (suspects, duplicates, labels)
    (self.training, self.queries, self.flipped) = (training, queries, flipped)
    (self.top, self.shown, self.seconds) = (top, shown, seconds)
    high = min(top, (suspects.count + 9) / 10)
    highCounts = suspects.highCounts(amongFirst: high)
    detection = try flipped.map { try suspects.detection(of: $0) }
    let classes = labels?.classes
    contradictions = (duplicates?.pairs ?? []).filter { pair in
      classes.map { $0[pair.first] != $0[pair.second] } ?? false
    }
    var contradicted: [Int: Int] = [:]
    for pair in contradictions {
      for (one, other) in [(pair.first, pair.second), (pair.second, pair.first)]
      where contradicted[one] == nil { contradicted[one] = other }
    }
    self.contradicted = contradicted
    let pairs = contradictions.prefix(Self.mostPairs).flatMap { [$0.first, $0.second] }
    examples = try ShownExamples(
      Set(suspects.order.prefix(top) + pairs), of: training, given: given)
  }

  /// The rankings, for `--help`.
  static var rankings: String {
    SuspectRanking.allCases.map {
      "  \($0.rawValue)\(String(repeating: " ", count: max(1, 18 - $0.rawValue.count)))\($0.summary)"
    }.joined(separator: "\n")
  }

  /// What the user should know.
  var warnings: [String] {
    var warnings = suspects.warnings
    if duplicates?.isCut == true {
      warnings.append(
        "there are more than \(NearDuplicates.mostPairs) pairs of near-duplicates; the others are left out"
      )
    }
    if suspects.rankings.count == 1, let only = suspects.rankings.first {
      warnings.append("\(only.ranking.rawValue) is the only ranking, so that nothing confirms it")
    }
    return warnings
  }

  // MARK: - As text

  /// Prints what was found.
  func printAll(output: String?, quiet: Bool) throws {
    if !quiet {
      let asked = queries.map { ", \(Counted($0.count, "query", "queries"))" } ?? ""
      Console.print(
        "\(Console.shortened(training.name)): \(Counted(training.count, "training row"))\(asked); \(Counted(suspects.rankings.count, "ranking")) in \(NumberFormat.seconds(seconds))",
        "")
      try Console.print(rankingTable())
      for left in suspects.leftOut {
        Console.print(
          "left out: \(left.ranking.rawValue), since \(Advice.withOptions(left.reason))")
      }
      Console.print("", agreementSentence)
    }
    if shown > 0 {
      if !quiet { Console.print("", "the first suspects", "") }
      try Console.print(suspectTable())
    }
    guard !quiet else { return }
    try printContradictions()
    if let output {
      Console.print("", "\(output): the first \(top) suspects, with their value in each ranking")
    } else if shown < suspects.count {
      Console.print(
        "", "--output suspects.csv writes the first \(top), with their value in each ranking")
    }
  }

  /// How far the rankings agree, and what that does not tell.
  private var agreementSentence: String {
    let count = suspects.rankings.count
    guard count > 1 else { return "With one ranking there is nothing to compare." }
    let known = flipped.map {
      "\(Counted($0.count, "wrong label")) \($0.count == 1 ? "is" : "are") known"
    }
    let caution =
      known
      ?? "Which ranking is best for these data cannot be known without labels that are known to be wrong"
    return
      "The rankings agree on \(suspects.agreement(amongFirst: high)) of \(high): so many of the first \(high) suspects are among the first \(high) of at least three quarters of the rankings. \(caution)."
  }

  /// A ranking, or all of them together.
  private struct Line {
    let name: String
    let summary: String
    let correlation: Double?
    let detection: MethodComparison.MislabelDetection?
  }

  private func rankingTable() throws -> Table {
    var lines = suspects.rankings.enumerated().map { index, ranked in
      Line(
        name: ranked.ranking.rawValue, summary: ranked.ranking.summary,
        correlation: try? Correlation.spearman(ranked.places, suspects.meanPlaces),
        detection: detection?.rankings[index])
    }
    lines.append(
      Line(
        name: "all together", summary: "the geometric mean of an example's places",
        correlation: nil,
        detection: detection?.together))
    let isKnown = detection != nil
    return try Table(
      of: lines,
      .text("ranking") { $0.name },
      .text("looks for") { $0.summary },
      .number("Spearman", .decimals(3)) { $0.correlation },
      isKnown ? .number("AUC", .decimals(3)) { $0.detection?.areaUnderROC } : nil,
      isKnown ? .number("rec. 10 %", .decimals(3)) { $0.detection?.recallAt10 } : nil,
      isKnown ? .number("rec. 20 %", .decimals(3)) { $0.detection?.recallAt20 } : nil)
  }

  private func suspectTable() throws -> Table {
    let rows = Array(suspects.order.prefix(shown).enumerated())
    var fields: [TableField<EnumeratedSequence<[Int]>.Element>] = [
      .integer("place") { $0.offset + 1 }, .integer("row") { $0.element },
      .text("high in") {
        "\(highCounts[$0.element]) of \(suspects.rankings.count)"
      },
    ]
    if suspects.neighbours != nil {
      fields.append(.text("suggested") { suggested($0.element) ?? "" })
    }
    if let flipped {
      fields.append(.text("flipped") { flipped.contains($0.element) ? "yes" : "no" })
    }
    return try examples.table(of: rows, example: \.element, fields)
  }

  /// The label of most neighbours.
  func suggested(_ row: Int) -> String? {
    guard let label = suspects.neighbours?.suggested[row] else { return nil }
    return labels?.name(label) ?? "\(label)"
  }

  private func printContradictions() throws {
    guard let duplicates, labels != nil else { return }
    if contradictions.isEmpty {
      guard !duplicates.pairs.isEmpty else { return }
      return Console.print(
        "",
        "\(Counted(duplicates.pairs.count, "pair")) of nearly the same texts, all with equal labels"
      )
    }
    Console.print(
      "",
      "\(Counted(contradictions.count, "pair")) of nearly the same texts (of \(duplicates.pairs.count)) with different labels\(contradictions.count > Self.mostPairs ? "; the first \(Self.mostPairs)" : "")",
      "")
    let rows = contradictions.prefix(Self.mostPairs).enumerated().flatMap { place, pair in
      [(place, pair.first), (place, pair.second)]
    }
    try Console.print(
      examples.table(
        of: rows, example: \.1,
        [.integer("pair") { $0.0 + 1 }, .integer("row") { $0.1 }]))
  }
}
