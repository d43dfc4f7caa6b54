public import ArgumentParser
public import InfluenceKit

/// Options of `influence subset` for a regression on a table.
struct SubsetTableOptions: ParsableArguments {
  /// The regressions.
  enum Model: String, ExpressibleByArgument, CaseIterable {
    case leastSquares = "least-squares"
    case logistic
  }

  @Option("A table with a header line, instead of gradients.", value: "csv") var data: String?
  @Option("The column that the model learns.", value: "column") var label: String?
  @Option("The regression.", value: "model") var model: Model?
  @Option("The row whose answer is watched, from 0.", number: "row") var point: Int?
  @Option("The table that has the point; --data unless given.", value: "csv") var points: String?
  @Option("The penalty on parameters. (default: 0; 0.01 for logistic)", number: "value")
  var penalty: Double?
  @Option(
    "Logistic: the margin or the probability of the point's label. (default: margin)",
    value: "measure")
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
