import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence sweep`: how far rankings depend on the damping.
struct SweepCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "How far rankings of training examples depend on the damping.",
    usage: """
      influence sweep --train <path> --query <path> --method <name>
                      --grid <low:high:count> [--output <path>.csv] [<options>]
      """,
    discussion: """
      Scores with every damping of a grid at the cost of little more than one, and compares the rankings. \
      Prints a table with one damping per row, and writes it as CSV with a .json beside it if there is an \
      --output. The method is exact or datainf. (`influence score --damping-sweep` is the same.)

      EXAMPLES
        influence sweep --train t.npy --query q.npy \\
            --method exact --grid 1e-3:1:13 --output sweep.csv
        influence sweep --train grads/train --query grads/query \\
            --method datainf --grid absolute:1e-4:1:9 --json

      COLUMNS
      \(columns)
      """)

  /// What the columns of the table are.
  static let columns = """
      share                   c of λ = c · tr(F)/d (λ itself if absolute)
      Spearman, top 10        agreement with the default (--damping), mean over
                              queries; top 10 is the share of the ten highest
      neighbours, nb. top 10  the same with the neighbouring dampings
      eff. dim.               Σ s/(s + λ) over all blocks
      condition, median       (s + λ)/λ, s the largest: worst and median block
      residual                |(F + λ₀I)x − v|/|v| in the default's system,
                              median over queries
    """

  @Option("The training gradients.", value: "path") var train: String
  @Option("The queries' gradients.", value: "path") var query: String
  @Option(help: ArgumentHelp("The method: exact or datainf.", valueName: "name"))
  var method: [String] = []
  @Option(
    "Dampings from low to high: 1e-3:1:13, or absolute:LOW:HIGH:COUNT.", number: "low:high:count")
  var grid: String
  @Option("A row for each query, or one for the mean query.", value: "rows")
  var aggregate: Aggregation = .none
  @Option("Where the table goes: a .csv file.", value: "path") var output: String?
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var fit: FitOptions

  func validate() throws { _ = try MethodArgument.one(of: method, for: "sweep") }

  func run() throws {
    try Self.sweep(
      train, query, by: MethodArgument.one(of: method, for: "sweep"), over: grid,
      aggregate: aggregate, output: output, json: json, fit: fit)
  }

  /// Sweeps, writes the table and its record where there is an output, and prints.
  static func sweep(
    _ train: String, _ query: String, by method: String, over grid: String,
    aggregate: Aggregation, output: String?, json: Bool, fit: FitOptions
  ) throws {
    let grid = try DampingGrid(parsing: grid)
    let estimator = try EstimatorCatalog.estimator(method)
    let destination = try output.map {
      try OutputPath($0, inputs: [train, query], ending: "csv")
    }
    let options = try fit.curvatureOptions(certifies: false)
    let training = try fit.store(at: train)
    let queries = try fit.store(at: query)
    let sweep = try ProgressBar.during(quiet: fit.quiet) {
      try DampingSweep(
        of: estimator, over: grid, on: training, queries: queries, aggregation: aggregate,
        options: options, progress: $0)
    }
    let report = SweepReport(
      sweep: sweep, stability: try DampingStability(of: sweep), training: training,
      queries: queries, options: options)
    let record = try report.record()
    try destination?.write(report.table().csv(), record: record)
    Console.warn(sweep.warnings)
    if json { return try Console.print(record) }
    try report.printTable(train: train, output: output, quiet: fit.quiet)
  }
}
