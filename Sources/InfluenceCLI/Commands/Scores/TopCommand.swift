import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence top`: the most helpful and the most harmful examples for a query.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "The most helpful and most harmful training examples for a query.",
    usage: "influence top <scores> [--query <row>] [<options>]",
    discussion: """
      Reads scores written by `influence score` (the .json beside them tells the sign convention), the \
      CSV of `influence score --top`, the values of `influence self` and `influence outliers`, or any .npy of queries × training examples.

      EXAMPLES
        influence top scores.npy --query 3
        influence top one-query.csv
        influence top scores.npy --query 3 --count 5 --examples examples.json
        influence top top.csv --query 3 --count 5
        influence top self.npy --examples train.jsonl
        influence top other.npy --query 0 --convention influence --json

      \(ExampleTextOptions.discussion)
      """)

  @Argument(help: "Scores: a .npy file of queries × training examples, or a .csv of --top.")
  var scores: String
  @Option("The query's row, from 0. (default: the only one)", number: "row") var query: Int?
  @Option(parsing: .unconditional, help: "How many of each kind.") var count = 10
  @OptionGroup var texts: ExampleTextOptions
  @Option("The sign of scores without a .json beside them; helpful unless given.", value: "sign")
  var convention: ScoreConvention?
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--count", count))
    if let query, query < 0 { throw ValidationError("--query \(query): rows are counted from 0") }
  }

  /// What is shown: an example, its score as it is stored, and its id if that is known.
  private struct Line {
    let example: Int
    let score: Double
    var id: String?
    var text: String?
  }

  /// The most extreme examples of the query, most extreme first.
  private struct Extremes {
    var query: Int
    var helpful: [Line]
    var harmful: [Line]
    var exampleCount: Int?
    var convention: ScoreConvention
    var hasIDs: Bool { (helpful + harmful).contains { $0.id != nil } }
    var hasTexts: Bool { (helpful + harmful).contains { $0.text != nil } }

    /// Gives each line its text.
    mutating func add(_ texts: ExampleTexts) {
      add(Dictionary(uniqueKeysWithValues: examples.map { ($0, texts.texts[$0]) }))
    }

    /// Gives lines their texts, by example.
    mutating func add(_ texts: [Int: String]) {
      for index in helpful.indices { helpful[index].text = texts[helpful[index].example] }
      for index in harmful.indices { harmful[index].text = texts[harmful[index].example] }
    }

    var examples: Set<Int> { Set((helpful + harmful).map(\.example)) }
  }

  func run() throws {
    let url = URL(filePath: scores)
    let record = try ResultRecord(of: url)?.content
    if Self.valueFormats.contains(record?["format"]?.string ?? "") {
      return try showLargest(of: url, record)
    }
    let sign = try recordedConvention(record) ?? convention ?? .helpful
    var extremes =
      try TopTable.isTable(at: url)
      ? try keptExtremes(at: url, record, sign) : try allExtremes(at: url, record, sign)
    if let texts = try texts.texts() {
      try require(texts, for: extremes)
      extremes.add(texts)
    } else if !extremes.hasTexts {
      extremes.add(try storedTexts(of: extremes, record))
    }
    if json { return try printJSON(extremes) }
    Console.print(
      "\(scores): query \(extremes.query), \(extremes.exampleCount.map { "\($0) training examples" } ?? "the top examples"); positive scores are \(sign == .helpful ? "helpful" : "harmful")"
    )
    try printTable("most helpful", extremes.helpful, of: extremes)
    try printTable("most harmful", extremes.harmful, of: extremes)
    let shown = extremes.helpful.count
    if shown < count, shown < extremes.exampleCount ?? Int.max {
      Console.print("", "\(scores) holds \(shown) of each kind; score with a larger --top for more")
    }
  }

  /// The texts that the store keeps which the scores were computed from; none where it is gone or has none.
  private func storedTexts(
    of extremes: Extremes, _ record: OrderedJSON?
  ) throws -> [Int: String] {
    guard let path = record?["train"]?["path"]?.string,
      let store = try? GradientStore(opening: URL(filePath: path)),
      store.count == extremes.exampleCount
    else { return [:] }
    return try store.exampleTexts(ofRows: extremes.examples)
  }

  private func allExtremes(
    at url: URL, _ record: OrderedJSON?, _ sign: ScoreConvention
  ) throws -> Extremes {
    let (query, values) = try row(of: try matrix(at: url, record))
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Failure.data(
        "\(scores): row \(query), column \(bad) is \(values[bad]); score again, and look for non-finite gradients with `influence inspect`"
      )
    }
    if let first = values.first, values.count > 1, values.allSatisfy({ $0 == first }) {
      warn(aboutConstant: first, query: query)
    }
    let top = try TopExamples(of: values.map { sign.sign * $0 }, count: count)
    func lines(_ entries: [TopExamples.Entry]) -> [Line] {
      entries.map { Line(example: $0.example, score: values[$0.example]) }
    }
    return Extremes(
      query: query, helpful: lines(top.helpful), harmful: lines(top.harmful),
      exampleCount: values.count,
      convention: sign)
  }

  private func warn(aboutConstant score: Double, query: Int) {
    Console.warn([
      "\(scores): all scores of query \(query) are \(score), so that the order below means nothing"
    ])
  }

  private func keptExtremes(
    at url: URL, _ record: OrderedJSON?, _ sign: ScoreConvention
  ) throws -> Extremes {
    let table = try TopTable(at: url, query: query ?? 0)
    if query == nil, table.queryCount > 1 {
      throw Self.severalQueries(scores, count: record?["rows"]?.integer)
    }
    let query = query ?? 0
    guard !table.helpful.isEmpty else {
      throw Failure.usage(
        table.queryCount == 0
          ? "\(scores): it holds no query; score again"
          : "--query \(query): \(scores) has \(table.queryCount) queries; use 0 to \(table.queryCount - 1)"
      )
    }
    func lines(_ entries: [TopTable.Entry]) -> [Line] {
      entries.prefix(count).map {
        Line(
          example: $0.example, score: $0.score, id: $0.id.isEmpty ? nil : $0.id, text: $0.text)
      }
    }
    let kept = (table.helpful + table.harmful).map(\.score)
    if let first = kept.first, table.helpful.count > 1, kept.allSatisfy({ $0 == first }) {
      warn(aboutConstant: first, query: query)
    }
    return Extremes(
      query: query, helpful: lines(table.helpful), harmful: lines(table.harmful),
      exampleCount: record?["columns"]?.integer, convention: sign)
  }

  private func require(_ texts: ExampleTexts, for extremes: Extremes) throws {
    let largest = (extremes.helpful + extremes.harmful).map(\.example).max() ?? 0
    let columns = extremes.exampleCount ?? max(texts.texts.count, largest + 1)
    guard texts.texts.count == columns else {
      throw Failure.data(
        "\(self.texts.examples ?? ""): it holds \(texts.texts.count) examples, but \(scores) has \(columns) columns; give the file that the gradients were computed from"
      )
    }
  }

  private func printJSON(_ extremes: Extremes) throws {
    func entries(_ lines: [Line]) -> OrderedJSON {
      .array(
        lines.map { line in
          [
            "example": .integer(line.example), "score": .number(line.score),
            "id": .text(line.id), "text": .text(line.text),
          ]
        })
    }
    let result: OrderedJSON = [
      "scores": .string(scores), "query": .integer(extremes.query),
      "convention": .string(extremes.convention.rawValue),
      "helpful": entries(extremes.helpful), "harmful": entries(extremes.harmful),
    ]
    try Console.print(result)
  }

  private func matrix(at url: URL, _ record: OrderedJSON?) throws -> Matrix<Double> {
    let file = try NumpyFile(opening: url)
    guard (1...2).contains(file.shape.count) else {
      throw Failure.data(
        "\(scores): it has \(file.shape.count) dimensions; give an array of queries × training examples"
      )
    }
    let stored = try file.matrix(as: Double.self)
    // A vector is one query.
    let matrix =
      file.shape.count == 1
      ? Matrix(rows: 1, columns: stored.rows, elements: stored.elements) : stored
    guard matrix.rows > 0, matrix.columns > 0 else {
      throw Failure.data(
        "\(scores): it is empty (\(matrix.rows) × \(matrix.columns)); score again")
    }
    if let rows = record?["rows"]?.integer, let columns = record?["columns"]?.integer,
      (rows, columns) != (matrix.rows, matrix.columns)
    {
      throw Failure.data(
        "\(scores): it is \(matrix.rows) × \(matrix.columns), but the record beside it tells of \(rows) × \(columns) scores; they do not belong together, score again"
      )
    }
    return matrix
  }

  /// What to say where a file has several queries and none was named.
  private static func severalQueries(_ scores: String, count: Int?) -> Failure {
    .usage(
      count.map {
        "\(scores): it has \($0) rows; name the query's with --query, 0 to \($0 - 1)"
      } ?? "\(scores): it has several queries; name the row of one with --query"
    )
  }

  private func row(of matrix: Matrix<Double>) throws -> (query: Int, scores: [Double]) {
    guard let query = query ?? (matrix.rows == 1 ? 0 : nil) else {
      throw Self.severalQueries(scores, count: matrix.rows)
    }
    guard query < matrix.rows else {
      throw Failure.usage(
        matrix.rows == 1
          ? "--query \(query): \(scores) has one row; use --query 0"
          : "--query \(query): \(scores) has \(matrix.rows) rows; use 0 to \(matrix.rows - 1)")
    }
    return (query, Array(matrix[row: query]))
  }

  /// The convention of recorded scores, which an option may not contradict.
  private func recordedConvention(_ record: OrderedJSON?) throws -> ScoreConvention? {
    guard let recorded = record?["convention"]?.string.flatMap(ScoreConvention.init) else {
      return nil
    }
    if let convention, convention != recorded {
      throw Failure.usage(
        "--convention \(convention.rawValue): the record beside \(scores) says \(recorded.rawValue); leave the option out"
      )
    }
    return recorded
  }

  private func printTable(
    _ title: String, _ lines: [Line], of extremes: Extremes
  ) throws {
    let table = try Table(
      of: lines,
      .integer("Example") { $0.example },
      .number("Score", .significant(digits: 4)) { $0.score },
      extremes.hasIDs ? .field("Id") { $0.id.map { .text($0) } ?? .missing } : nil,
      extremes.hasTexts ? .text("Text") { ExampleTexts.shortened($0.text ?? "") } : nil)
    Console.print("", title)
    Console.print(table)
  }
}
