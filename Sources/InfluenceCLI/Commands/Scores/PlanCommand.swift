import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence plan`: what a run will cost, before it is run.
struct PlanCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "What a run will cost: time, memory, reading; which side, and why.",
    usage: """
      influence plan --train <path> --query <path> --method <names> [<options>]
             influence plan --rows <n> --columns <D> --blocks <B> --queries <m>
                            --method <names> [<options>]
      """,
    discussion: """
      Counts what influence score would do, for each method on its own, and measures this machine for \
      two seconds to say how long that takes. The time is the longest of reading, memory and \
      arithmetic, stage by stage: first with a store that is still on disk, then with one that is in \
      memory already. Every plan stands beside its alternatives on the other side.

      EXAMPLES
        influence plan --train grads/train --query grads/query \\
            --method exact,datainf --memory 8GiB
        influence plan --rows 30000 --columns 100000 --blocks 25 \\
            --queries 64 --method exact,datainf,hessian-free \\
            --dtype float16 --memory 1GiB

      METHODS
      \(MethodHelp.methods)
      """)

  @Option("The training gradients.", value: "path") var train: String?
  @Option("The queries' gradients.", value: "path") var query: String?
  @Option("Instead of --train: training examples.", number: "count") var rows: Int?
  @Option("With --rows: columns in all, D.", number: "count") var columns: Int?
  @Option("Instead of --query: queries.", number: "count") var queries: Int?
  @Option("With --rows: the type of stored gradients.", value: "type") var dtype: ElementType?
  @Option(help: ArgumentHelp("Methods, with commas between them.", valueName: "names"))
  var method: [String] = []
  @OptionGroup var length: NormalizeOption
  @Flag(inversion: .prefixedNo, help: "Plan for residuals and bounds.")
  var certificate = true
  @Flag(inversion: .prefixedNo, help: "Measure this machine, and say how long a run takes.")
  var time = true
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var fit: FitOptions

  private var methods: [String] {
    get throws {
      try MethodArgument.several(in: method, valueName: "names").map(length.method)
    }
  }

  /// With --rows, how many equal blocks.
  private var blocks: Int? { rows == nil ? nil : fit.givenBlocks.flatMap { Int($0) } }

  func validate() throws {
    _ = try methods
    if rows == nil, let given = fit.givenBlocks, Int(given) != nil {
      throw ValidationError(
        "--blocks \(given): a number of equal blocks goes with --rows; a store's are grouped by tensor, layer, all or a JSON file"
      )
    }
    if rows != nil, let given = fit.givenBlocks, blocks == nil {
      throw ValidationError("--blocks \(given): with --rows, give the number of equal blocks")
    }
    let typed = [("--columns", columns != nil), ("--dtype", dtype != nil)]
    if train != nil, let given = typed.first(where: \.1)?.0 {
      throw ValidationError("\(given) goes with --rows, and the store of --train says it already")
    }
    guard (train == nil) != (rows == nil) else {
      throw ValidationError("give --train, or --rows with --columns")
    }
    guard (query == nil) != (queries == nil) else {
      throw ValidationError("give --query or --queries, one of them")
    }
    guard query == nil || train != nil else {
      throw ValidationError("--query goes with --train; with --rows, give --queries")
    }
    if rows != nil, columns == nil { throw ValidationError("--rows goes with --columns") }
    // A thousand million of anything keeps sizes within what can be counted.
    for (name, value) in [
      ("--rows", rows), ("--columns", columns), ("--blocks", blocks), ("--queries", queries),
    ] {
      if let value, !(1...1_000_000_000).contains(value) {
        throw ValidationError("\(name) \(value): use a number from 1 to 1000000000")
      }
    }
    if let blocks, blocks > 100_000 {
      throw ValidationError("--blocks \(blocks): use a number from 1 to 100000")
    }
    if let columns, let blocks, !columns.isMultiple(of: blocks) {
      throw ValidationError(
        "--columns \(columns) do not divide into \(blocks) equal blocks; use a multiple of --blocks"
      )
    }
  }

  func run() throws {
    let estimators = try methods.map { try EstimatorCatalog.estimator($0) }
    var store: GradientStore?
    let shape: RunShape
    if let train {
      let training = try fit.store(at: train)
      shape = try shapeOfRun(on: training)
      store = training
    } else {
      shape = RunShape(
        exampleCount: rows ?? 1, queryCount: queries ?? 1, columnCount: columns ?? 1,
        blockCount: blocks ?? 1, elementType: dtype ?? .float32)
    }
    let options = try fit.curvatureOptions(
      certifies: certificate, expectedQueries: shape.queryCount, forScoresAlone: true)
    let calibration = time ? MachineCalibration.measure(readingFrom: store) : nil
    let report = PlanReport(
      shape: shape, estimators: estimators, options: options, calibration: calibration,
      source: store.map { Console.shortened($0.name) })
    if json {
      try Console.print(report.json)
    } else {
      try report.printAll()
    }
  }

  /// The shape of a run, after the same checks of the queries' store as before it.
  private func shapeOfRun(on training: GradientStore) throws -> RunShape {
    guard let query else { return try RunShape(training: training, queryCount: queries ?? 1) }
    let store = try fit.store(at: query)
    try training.requireSameBlocks(as: store)
    try store.requireRows()
    return try RunShape(training: training, queries: store)
  }
}
