import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence top`: the most helpful and the most harmful examples for a query.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "The most helpful and most harmful training examples for a query.",
    usage: "influence top <scores> --query <row> [<options>]",
    discussion: """
      Reads scores written by `influence score` (the .json beside them tells the sign convention) or any \
      .npy of queries × training examples.

      EXAMPLES
        influence top scores.npy --query 3
        influence top scores.npy --query 3 --count 5 --examples examples.json
        influence top other.npy --query 0 --convention influence --json

      TEXTS
        --examples takes a JSON array of texts (or of objects with "text"), an
        object with such an array under "train_texts", "texts" or "examples",
        or a .jsonl file with one example a line.
      """)

  @Argument(help: "Scores: a .npy file of queries × training examples.") var scores: String
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The query's row, from 0.", valueName: "row"))
  var query: Int
  @Option(parsing: .unconditional, help: "How many of each kind.") var count = 10
  @Option(help: ArgumentHelp("The training examples' texts.", valueName: "path"))
  var examples: String?
  @Option(
    help: ArgumentHelp(
      "The sign of scores without a .json beside them; helpful unless given.", valueName: "sign"))
  var convention: ScoreConvention?
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    if count < 1 { throw ValidationError("--count \(count): use a number from 1 up") }
    if query < 0 { throw ValidationError("--query \(query): rows are counted from 0") }
  }

  func run() throws {
    let url = URL(filePath: scores)
    let record = try record(beside: url)
    let values = try row(of: try matrix(at: url, record))
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Failure.data(
        "\(scores): row \(query), column \(bad) is \(values[bad]); score again, and look for non-finite gradients with `influence inspect`"
      )
    }
    let sign = try recordedConvention(record) ?? convention ?? .helpful
    let helpful = values.map { sign.sign * $0 }
    let texts = try examples.map { try ExampleTexts(at: URL(filePath: $0)) }
    if let texts, texts.texts.count != values.count {
      throw Failure.data(
        "\(examples ?? ""): it holds \(texts.texts.count) examples, but \(scores) has \(values.count) columns; give the file that the gradients were computed from"
      )
    }
    let shown = min(count, values.count)
    let best = try Ranking.topIndices(shown, of: helpful)
    let worst = try Ranking.topIndices(shown, of: helpful, largest: false)
    if json {
      func entries(_ indices: [Int]) -> OrderedJSON {
        .array(
          indices.map { index in
            [
              "example": .integer(index), "score": .number(values[index]),
              "text": texts.map { .string($0.texts[index]) } ?? .null,
            ]
          })
      }
      let result: OrderedJSON = [
        "scores": .string(scores), "query": .integer(query),
        "convention": .string(sign.rawValue), "helpful": entries(best), "harmful": entries(worst),
      ]
      print(try result.serialized(.indented))
      return
    }
    print(
      "\(scores): query \(query), \(values.count) training examples; positive scores are \(sign == .helpful ? "helpful" : "harmful")"
    )
    printTable("most helpful", best, values, texts)
    printTable("most harmful", worst, values, texts)
  }

  private func matrix(at url: URL, _ record: OrderedJSON?) throws -> Matrix<Double> {
    let file = try NumpyFile(opening: url)
    guard record?["format"]?.string != "influencekit-self-influence" else {
      throw Failure.data(
        "\(scores): it holds self-influence, which is about no query; give scores of `influence score`"
      )
    }
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

  private func row(of matrix: Matrix<Double>) throws -> [Double] {
    guard query < matrix.rows else {
      throw Failure.usage(
        matrix.rows == 1
          ? "--query \(query): \(scores) has one row; use --query 0"
          : "--query \(query): \(scores) has \(matrix.rows) rows; use 0 to \(matrix.rows - 1)")
    }
    return Array(matrix[row: query])
  }

  /// The record that this program left beside an array, if it did.
  private func record(beside url: URL) throws -> OrderedJSON? {
    let record = url.deletingPathExtension().appendingPathExtension("json")
    guard record != url, FileManager.default.fileExists(atPath: record.path),
      let json = try? OrderedJSON(contentsOf: record),
      json["format"]?.string?.hasPrefix("influencekit-") ?? false
    else { return nil }
    return json
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
    _ title: String, _ indices: [Int], _ values: [Double], _ texts: ExampleTexts?
  ) {
    var columns: [Table.Column] = [
      .init("Example", .decimals(0)), .init("Score", .significant(digits: 4)),
    ]
    if texts != nil { columns.append(.init("Text", .text)) }
    var table = Table(columns: columns)
    for index in indices {
      var cells: [Table.Cell] = [.integer(index), .number(values[index])]
      if let texts { cells.append(.text(texts.shortened(index))) }
      table.append(cells)
    }
    print("\n\(title)")
    print(table.plainText(), terminator: "")
  }
}
