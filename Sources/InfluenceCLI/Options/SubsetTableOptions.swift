public import ArgumentParser
public import InfluenceKit

/// Options of `influence subset` for a regression on a table.
struct SubsetTableOptions: ParsableArguments {
  /// The regressions.
  enum Model: String, ExpressibleByArgument, CaseIterable {
    case leastSquares = "least-squares"
    case logistic
  }

  @Option(
    help: ArgumentHelp("A table with a header line, instead of gradients.", valueName: "csv"))
  var data: String?
  @Option(help: ArgumentHelp("The column that the model learns.", valueName: "column"))
  var label: String?
  @Option(help: ArgumentHelp("The regression.", valueName: "model")) var model: Model?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The row whose answer is watched, from 0.", valueName: "row"))
  var point: Int?
  @Option(
    help: ArgumentHelp("The table that has the point; --data unless given.", valueName: "csv"))
  var points: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The penalty on parameters. (default: 0; 0.01 for logistic)", valueName: "value"))
  var penalty: Double?
  @Option(
    help: ArgumentHelp(
      "Logistic: the margin or the probability of the point's label. (default: margin)",
      valueName: "measure"))
  var measure: LogisticRemoval.Measure?
  @Flag(help: "Bring every feature to mean 0 and deviation 1 first.") var standardize = false

  var isGiven: Bool { data != nil }

  /// Refuses a table without what it needs.
  func requireComplete() throws {
    guard label != nil else {
      throw ValidationError("Missing expected argument '--label <column>'")
    }
    guard let model else { throw ValidationError("Missing expected argument '--model <model>'") }
    guard let point else { throw ValidationError("Missing expected argument '--point <row>'") }
    if point < 0 { throw ValidationError("--point \(point): rows are counted from 0") }
    if let penalty {
      guard penalty.isFinite, penalty > 0 || (penalty == 0 && model == .leastSquares) else {
        throw ValidationError(
          "--penalty \(penalty): use a positive number\(model == .leastSquares ? ", or 0" : "")")
      }
    }
    if measure != nil, model != .logistic {
      throw ValidationError("--measure is for --model logistic; leave it out")
    }
  }

  /// Refuses options that mean nothing without a table.
  func requireUnused() throws {
    let used = [
      ("--label", label != nil), ("--model", model != nil), ("--point", point != nil),
      ("--points", points != nil), ("--penalty", penalty != nil), ("--measure", measure != nil),
      ("--standardize", standardize),
    ].filter(\.1).map(\.0)
    guard used.isEmpty else {
      throw ValidationError("\(used[0]) goes with --data, the table that the model is trained on")
    }
  }
}

extension LogisticRemoval.Measure: ExpressibleByArgument {}
