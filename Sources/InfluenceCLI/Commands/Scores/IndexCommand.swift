import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence index`: rows that later queries are multiplied with.
struct IndexCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Keep what later queries are multiplied with to give scores.",
    usage: """
      influence index <store> --method <name> --output <index>
                      [--type float32|float16|int8] [<options>]
      """,
    discussion: """
      Writes, for every training row, what a query's raw gradient is multiplied with to give the score \
      under a method: queries that come later need neither the fit nor the training gradients. \
      The index is a store directory of its own, with ids, texts, labels and checksums, which inspect \
      and verify read. When stopped, give the same command again: it goes on from the last committed row.

      float16 takes half the bytes of float32, and int8 a quarter; what a score can be off by follows \
      from what is stored, so that `influence search` says which of its results are certain, and \
      --rerank makes the others exact.

      EXAMPLES
        influence index grads/train --method exact --output index
        influence index grads/train --method datainf --type int8 --output index8
        influence index grads/train --fit fits/train --method exact --output index
        influence search index8 --queries grads/query --top 10

      Methods that divide scores by what the curvature says of the query (trackstar) or are not \
      linear in the training gradient (less, rescaled) cannot be indexed.

      METHODS
      \(MethodHelp.methods)
      """)

  @Argument(help: "The training gradients.") var store: String
  @Option(
    help: ArgumentHelp("The method, with settings after a colon.", valueName: "name"))
  var method: [String] = []
  @Option("What `influence fit` kept of the store.", value: "folder", name: "fit")
  var keptFit: String?
  @Option("The index's folder.", value: "index", name: "output") var givenOutput: String?
  @Option("float32, float16 or int8.", value: "type") var type: ElementType = .float32
  @OptionGroup var length: NormalizeOption
  @Flag(help: "Print what was done as JSON.") var json = false
  @OptionGroup var fit: FitOptions

  private var output: String { givenOutput ?? "" }

  func validate() throws {
    _ = try MethodArgument.one(of: method, for: "index")
    if givenOutput == nil { throw ValidationError("Missing expected argument '--output <index>'") }
    guard [.float32, .float16, .int8].contains(type) else {
      throw ValidationError("--type \(type): an index is of float32, float16 or int8")
    }
  }

  func run() throws {
    let estimator = try EstimatorCatalog.estimator(
      length.method(MethodArgument.one(of: method, for: "index")))
    try Curvature.requireIndexable(estimator)
    let source = try CurvatureSource(train: store, fit: keptFit)
    let target = try StoreDestination(output, sources: source.inputs).url
    let training = try source.store(at: source.train, options: fit)
    try training.requireRows()
    let meter = RunMeter()
    Interruption.leavesStore(output)
    let (curvature, outcome) = try ProgressBar.during(quiet: fit.quiet || json, meter: meter) {
      progress in
      let curvature = try source.curvature(
        of: estimator, on: training, options: fit, certifies: false,
        expectedQueries: training.count, meter: meter, progress: progress)
      let outcome = try curvature.writeIndex(to: target, elementType: type, progress: progress)
      return (curvature, outcome)
    }
    Console.warn(outcome.warnings)
    guard !fit.quiet || json else { return }
    let written = try GradientStore(opening: target)
    if json {
      return try Console.print([
        "index": .string(output), "method": .string(outcome.about.method),
        "damping": .string("\(outcome.about.damping)"), "rows": .integer(outcome.rows),
        "resumed_rows": .integer(outcome.resumedRows), "dtype": .string(type.name),
        "bytes_per_row": .integer(written.bytesPerRow),
        "seconds": ["fit": .number(curvature.seconds), "index": .number(outcome.seconds)],
      ])
    }
    let resumed =
      outcome.resumedRows > 0 ? ", of which an earlier run had written \(outcome.resumedRows)" : ""
    Console.print(
      "\(output): \(Counted(outcome.rows, "row")) of \(type) by \(outcome.about.method)\(resumed), \(NumberFormat.bytes(written.bytesPerRow)) a row where the gradients take \(NumberFormat.bytes(training.bytesPerRow))",
      "fit \(NumberFormat.seconds(curvature.seconds)), index \(NumberFormat.seconds(outcome.seconds))"
    )
  }
}
