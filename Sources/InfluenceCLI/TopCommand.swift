import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence top`: the most helpful and the most harmful examples for a query.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "The most helpful and most harmful training examples for a query.",
    discussion: """
      Reads scores written by `influence score` (the .json beside them tells the sign convention) or any \
      .npy of queries × training examples.

      EXAMPLES
        influence top scores.npy --query 3
        influence top scores.npy --query 3 --count 5 --examples examples.json
        influence top other.npy --query 0 --convention influence --json

      --examples takes a JSON array of texts (or of objects with "text"), an object with such an array \
      under "train_texts", "texts" or "examples", or a .jsonl file with one example a line.
      """)

  @Argument(help: "Scores: a .npy file.") var scores: String
  @Option(help: "The query's row, from 0.") var query: Int
  @Option(help: "How many of each kind.") var count = 10
  @Option(help: "The training examples' texts.") var examples: String?
  @Option(help: "The sign of scores without a .json beside them; helpful unless given.")
  var convention: ScoreConvention?
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    if count < 1 { throw ValidationError("--count \(count): use a number from 1 up") }
    if query < 0 { throw ValidationError("--query \(query): rows are counted from 0") }
  }

  func run() throws {
    let url = URL(filePath: scores)
    let file = try NumpyFile(opening: url)
    let matrix = try file.matrix(as: Double.self)
    let values = file.shape.count == 1 ? matrix.elements : try row(of: matrix)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Failure.data(
        "\(scores): row \(query), column \(bad) is \(values[bad]); score again, and look for non-finite gradients with `influence inspect`"
      )
    }
    let sign = try recordedConvention(beside: url) ?? convention ?? .helpful
    let helpful = values.map { sign.sign * $0 }
    let texts = try examples.map { try ExampleTexts(at: URL(filePath: $0)) }
    if let texts, texts.texts.count < values.count {
      throw Failure.data(
        "\(examples ?? ""): \(texts.texts.count) examples for \(values.count) columns of scores; give the file that the gradients were computed from"
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
    print("\(scores), query \(query), \(values.count) training examples, \(sign.rawValue)-positive")
    printTable("most helpful", best, values, texts)
    printTable("most harmful", worst, values, texts)
  }

  private func row(of matrix: Matrix<Double>) throws -> [Double] {
    guard query < matrix.rows else {
      throw Failure.usage(
        "--query \(query): \(scores) has \(matrix.rows) \(matrix.rows == 1 ? "row" : "rows"); the last is \(matrix.rows - 1)"
      )
    }
    return Array(matrix[row: query])
  }

  /// The convention in the record that `influence score` left, which an option may not contradict.
  private func recordedConvention(beside url: URL) throws -> ScoreConvention? {
    let record = url.deletingPathExtension().appendingPathExtension("json")
    guard FileManager.default.fileExists(atPath: record.path),
      let json = try? OrderedJSON(contentsOf: record),
      json["format"]?.string == "influencekit-scores",
      let recorded = json["convention"]?.string.flatMap(ScoreConvention.init)
    else { return nil }
    if let convention, convention != recorded {
      throw Failure.usage(
        "--convention \(convention.rawValue): \(record.path) says that the scores are \(recorded.rawValue)-positive; leave the option out"
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
