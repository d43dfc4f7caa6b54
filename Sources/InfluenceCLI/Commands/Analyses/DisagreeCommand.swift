import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence disagree`: the examples on which a classifier would most easily decide otherwise.
struct DisagreeCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "disagree",
    abstract:
      "The unlabelled examples that a classifier is least sure of, and a batch of them to label.",
    discussion: """
      L(x), the least disagree metric, is the smallest share of inputs on which a classifier that decides \
      otherwise on x disagrees with this one (arXiv 2401.09787). It is estimated by random changes of the \
      last layer. Writes L of every pool row as float32, and a .json beside it with the rows that --select \
      picks: unsure ones that differ from each other, in the order in which they were picked.

      EXAMPLES
        influence disagree --features pool.npy --weights w.npy \\
            --select 20 --output l.npy
        influence disagree --features pool.npy \\
            --weights head.safetensors:head.weight \\
            --bias head.safetensors:head.bias --reference other.npy \\
            --select 20 --seed 1 --json --output l.npy

      FILES
        --features   pool rows × d: what the last layer is applied to
        --weights    classes × d; one row for a rule of two classes
        --bias       one number per class
        --reference  rows × d that stand for all inputs; the pool unless given
        Each is a .npy file, or a tensor of a .safetensors file, FILE:NAME.
      """)

  @Option("The pool's features.", value: "path") var features: String
  @Option("The last layer's weights.", value: "path") var weights: String
  @Option("The last layer's bias.", value: "path") var bias: String?
  @Option("Features that stand for all inputs.", value: "path") var reference: String?
  @Option("How many rows are picked to be labelled.", number: "count") var select = 0
  @Option("How many changes in a row must lower nothing before larger ones.", number: "count")
  var patience = 10
  @Option(help: "Decides the changes and the picks.") var seed: UInt64 = 0
  @Option("Where L goes: a .npy file.", value: "path") var output: String
  @Option("Threads; all cores by default.", number: "count") var threads: Int?
  @Flag(help: "Print JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only picked rows and errors.")
  var quiet = false

  func threadCount() -> Int? { threads }

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--threads", threads))
    try ValidationError.require(atLeast: 0, ("--select", select))
    try ValidationError.require(
      atLeast: 1, atMost: LeastDisagreeSettings.mostPatience, ("--patience", patience))
  }

  func run() throws {
    let inputs = [features, weights] + [bias, reference].compactMap { $0 }
    let destination = try OutputPath(output, inputs: inputs.map { MatrixInput.parts($0).file })
    let pool = try MatrixInput.matrix(at: features)
    let others = try reference.map { try MatrixInput.matrix(at: $0) }
    let head = try head(columns: pool.columns)
    if let others, others.columns != pool.columns {
      throw Failure.data(
        "\(reference ?? ""): it has \(others.columns) columns, and \(features) has \(pool.columns); take both from the same layer"
      )
    }
    guard select <= pool.rows else {
      throw Failure.usage(
        "--select \(select): \(features) has \(pool.rows) rows; use at most as many")
    }
    let start = ContinuousClock.now
    let metric = try ProgressBar.during(quiet: quiet) { progress in
      try LeastDisagreeMetric(
        head: head, pool: pool, reference: others,
        settings: LeastDisagreeSettings(patience: patience, seed: seed),
        progress: progress.map { progress in { progress("disagreeing", $0) } })
    }
    let picked =
      select > 0
      ? try LeastDisagreeSelection.rows(
        select, values: metric.values, features: pool, seed: seed) : []
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let unchanged = metric.values.filter { $0 == 1 }.count
    let warnings =
      unchanged > 0
      ? [
        "\(unchanged) of \(pool.rows) rows never changed their class; their L is 1, which is the most it can be"
      ] : []
    let record: OrderedJSON = [
      "format": "influencekit-least-disagree",
      "version": 1,
      "rows": .integer(pool.rows),
      "picked": .array(
        picked.map { ["row": .integer($0), "value": .number(metric.values[$0])] }),
      "positive_means": "small values are unsure",
      "features": .string(features),
      "weights": .string(weights),
      "bias": .text(bias),
      "reference": .text(reference),
      "reference_rows": .integer(others?.rows ?? pool.rows),
      "classes": .integer(max(2, head.weights.rows)),
      "patience": .integer(patience),
      "deviations": .list(LeastDisagreeSettings.standardDeviations),
      "seed": .string("\(seed)"),
      "draws": .integer(metric.draws),
      "seconds": .number(seconds),
      "warnings": .list(warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
    try destination.write(vector: metric.values, record: record)
    Console.warn(warnings)
    if json { return try Console.print(record) }
    if !picked.isEmpty {
      let classes = head.classes(of: pool.selecting(rows: picked))
      let table = try Table(
        of: picked.enumerated(),
        .text("rank") { "\($0.offset + 1)" },
        .text("row") { "\($0.element)" },
        .number("L", .significant(digits: 4)) { metric.values[$0.element] },
        .text("class") { "\(classes[$0.offset])" })
      Console.print(table)
    }
    guard !quiet else { return }
    if !picked.isEmpty { Console.print("") }
    let sorted = metric.values.sorted()
    Console.print(
      "\(output): L of \(pool.rows) rows from \(NumberFormat.significant(sorted[0])) to \(NumberFormat.significant(sorted[sorted.count - 1])), median \(NumberFormat.significant(Statistics.median(sorted))), by \(metric.draws) changes of \(head.weights.rows) × \(head.weights.columns) weights on \(others?.rows ?? pool.rows) reference rows, in \(NumberFormat.seconds(seconds))"
    )
  }

  private func head(columns: Int) throws -> LinearHead {
    var matrix = try MatrixInput.matrix(at: weights)
    // A list of numbers is the one row of a rule of two classes.
    if matrix.columns == 1, columns > 1, matrix.rows == columns {
      matrix = Matrix(rows: 1, columns: columns, elements: matrix.elements)
    }
    guard matrix.columns == columns else {
      throw Failure.data(
        "\(weights): it is \(matrix.rows) × \(matrix.columns), and \(features) has \(columns) columns; give classes × \(columns)"
      )
    }
    let numbers = try bias.map { try MatrixInput.vector(at: $0) }
    if let numbers, numbers.count != matrix.rows {
      throw Failure.data(
        "\(bias ?? ""): it has \(numbers.count) numbers, and \(weights) has \(matrix.rows) classes; give one a class"
      )
    }
    return try LinearHead(weights: matrix, bias: numbers)
  }
}
