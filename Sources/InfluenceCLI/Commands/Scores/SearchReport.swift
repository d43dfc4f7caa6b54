import InfluenceKit
import Reporting

/// Which share of the top of some queries a search found.
struct MeasuredRecall {
  /// From 0 to 1, the mean over both sides.
  let share: Double
  /// How many queries were scored on all rows.
  let queries: Int
}

/// What `influence search` prints.
struct SearchReport {
  /// How many queries are printed.
  private static let mostShown = 10

  let index: ScoreIndex
  let path: String
  let queries: GradientStore
  let results: SearchResults
  let recall: MeasuredRecall?
  let top: Int
  let rerank: String?

  /// Prints what was found: tables of the first queries, or where the table is, and what is certain.
  func printAll(json: Bool, quiet: Bool, output: String?) throws {
    Console.warn(results.warnings)
    if json { return try printJSON() }
    if output == nil { try printTables() }
    guard !quiet else { return }
    if let output {
      Console.print(
        "\(output): the top and bottom \(min(top, results.rowCount)) of each of \(Counted(queries.count, "query", "queries")) in \(Counted(results.rowCount, "row")) by \(index.about.method), positive is helpful"
      )
    }
    Console.print(lines)
  }

  private var lines: [String] {
    let scanned =
      "scan of \(NumberFormat.bytes(index.store.count * index.store.bytesPerRow)): \(NumberFormat.seconds(results.scanSeconds))"
    var lines = [
      rerank.map {
        "\(scanned); candidates scored from \($0): \(NumberFormat.seconds(results.rerankSeconds))"
      } ?? scanned
    ]
    if let share = results.certainShare {
      let bound = results.queries.compactMap(\.bound).max()
      let off =
        bound.map { "; scores in the index are off by at most \(NumberFormat.upperBound($0))" }
        ?? ""
      lines.append(
        "top \(min(top, results.rowCount)) certain for \(results.certainQueries) of \(Counted(queries.count, "query", "queries")), \(Self.percent(share)) of all that was found\(off)"
      )
    }
    if let recall {
      lines.append(
        "recall, \(Counted(recall.queries, "query", "queries")) scored on all rows: \(Self.percent(recall.share))"
      )
    }
    return lines
  }

  /// A share, rounded down, so that 100 % are all.
  private static func percent(_ share: Double) -> String {
    let tenths = (share * 1000).rounded(.down)
    return tenths == 1000 ? "100 %" : "\(tenths / 10) %"
  }

  private func printTables() throws {
    let shown = results.queries.prefix(Self.mostShown)
    let ids = try queries.exampleIDs(ofRows: Set(shown.indices))
    let rows = Set(shown.flatMap { ($0.top.helpful + $0.top.harmful).map(\.example) })
    let known = try ShownExamples(rows, of: index.store, given: nil)
    for (query, result) in shown.enumerated() {
      let id = ids[query].flatMap { $0 == "\(query)" ? nil : " (\($0))" } ?? ""
      for (title, entries) in [
        ("most helpful", result.top.helpful), ("most harmful", result.top.harmful),
      ] {
        Console.print("query \(query)\(id): \(title)")
        try Console.print(
          known.table(
            of: entries, example: \.example,
            [
              .integer("example") { $0.example },
              .number("score", .significant(digits: 4)) { $0.score },
            ]))
        Console.print("")
      }
    }
    guard shown.count < results.queries.count else { return }
    Console.print(
      "the first \(shown.count) of \(results.queries.count) queries; --output writes all")
  }

  private func printJSON() throws {
    let rows = Set(
      results.queries.flatMap { ($0.top.helpful + $0.top.harmful).map(\.example) })
    let known = try ShownExamples(rows, of: index.store, given: nil)
    func list(_ entries: [TopExamples.Entry]) -> OrderedJSON {
      .array(
        entries.map { entry in
          let own: OrderedJSON = [
            "example": .integer(entry.example), "score": .number(entry.score),
          ]
          return own.adding(known.json(entry.example))
        })
    }
    let found = results.queries.enumerated().map { query, result -> OrderedJSON in
      [
        "query": .integer(query), "helpful": list(result.top.helpful),
        "harmful": list(result.top.harmful),
      ]
    }
    let measured: OrderedJSON =
      recall.map { ["share": .number($0.share), "queries": .integer($0.queries)] } ?? .null
    try Console.print(
      results.record(index: index, queries: queries, top: top).adding([
        "recall": measured, "results": .array(found),
      ]))
  }
}
