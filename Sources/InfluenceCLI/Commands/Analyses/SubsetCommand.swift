public import ArgumentParser
import Foundation
public import InfluenceKit
import Reporting

/// `influence subset`: the set of training examples whose removal together changes an answer the most.
struct SubsetCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "subset",
    abstract: "The set of training examples that together influence an answer the most.",
    usage: """
      influence subset --train <path> --query <path> --query-row <row> --size <count> [<options>]
      influence subset --data <csv> --label <column> --model <model> --point <row> --size <count> [<options>]
      """,
    discussion: """
      The examples with the largest effects of their own are not the set with the largest effect: examples \
      that resemble each other hide each other, or count for more together. 'adaptive' removes one example, \
      brings the model up to date, and looks for the next.

      On gradients the effect is the change of the query's loss in the damped Fisher model, to second order \
      (as `influence group` prints it). On a table the model is trained here, and the effect is exact: what \
      training again without the set changes.

      EXAMPLES
        influence subset --train grads/train --query grads/query \\
            --query-row 3 --size 10
        influence subset --train grads/train --query grads/query \\
            --query-row 3 --size 10 --direction harmful --algorithm greedy
        influence subset --data houses.csv --label price \\
            --model least-squares --point 17 --size 5
        influence subset --data patients.csv --label ill --standardize \\
            --model logistic --point 17 --size 5 --step 2 --json

      ALGORITHMS
        greedy             the largest effects to first order
        leverage-adjusted  the largest effects, each with its leverage
        adaptive           one after the other, --step at a time
        exhaustive         every set; small tables only

      DIRECTIONS
        raise, lower       what removing the set does to the query's loss,
                           or to the model's answer at the point
        helpful, harmful   the same for losses: removing helpful examples
                           raises the loss

      TABLES
        Columns are numbers; --label names the target (for logistic two classes: 0 and 1, or any two
        numbers or names, in ascending order). A first column without a name is an index. The point's row is left out of
        training unless it comes from --points. Both models have an intercept, which is a column of ones.
        least-squares minimises ½|y − Xθ|² + (penalty/2)|θ|²; its answer is the prediction.
        logistic minimises the mean loss + (penalty/2)|θ|²; its answer is --measure.

      METHODS
      \(MethodHelp.methods)
      """)

  /// Whether the answer is to rise or to fall; for losses there are words of their own.
  enum Direction: String, ExpressibleByArgument, CaseIterable {
    case raise, lower, helpful, harmful

    var removal: RemovalDirection { self == .raise || self == .helpful ? .raise : .lower }
  }

  @Option("The training gradients.", value: "path") var train: String?
  @Option("The queries' gradients.", value: "path") var query: String?
  @Option("The query's row, from 0; their mean unless given.", number: "row") var queryRow: Int?
  @Option(help: ArgumentHelp("The method, with settings after a colon.", valueName: "name"))
  var method: [String] = []
  @OptionGroup var table: SubsetTableOptions
  @Option(parsing: .unconditional, help: "How many examples the set has.") var size: Int
  @Option("How the set is searched.", value: "name") var algorithm: RemovalAlgorithm = .adaptive
  @Option(
    parsing: .unconditional, help: "How many examples 'adaptive' takes before the next update.")
  var step = 1
  @Option("Which way. (default: helpful; raise for tables)", value: "direction")
  var direction: Direction?
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var texts: ExampleTextOptions
  @OptionGroup var fit: FitOptions

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--size", size), ("--step", step))
    if step > 1, algorithm != .adaptive {
      throw ValidationError(
        "--step \(step): only the algorithm adaptive goes in steps; leave it out")
    }
    if table.isGiven {
      guard train == nil, query == nil, queryRow == nil, method.isEmpty else {
        throw ValidationError(
          "--train, --query, --query-row and --method are for gradients, --data for tables: give one or the other"
        )
      }
      try table.requireComplete()
      if texts.examples != nil {
        throw ValidationError("--examples are for gradients: a table shows its own rows")
      }
      if direction == .helpful || direction == .harmful {
        throw ValidationError(
          "--direction \(direction?.rawValue ?? ""): a table's answer is no loss; use raise or lower"
        )
      }
      let unused = fit.namesOfChanged.filter { $0 != "--threads" }
      guard unused.isEmpty else {
        throw ValidationError("\(unused[0]) is for gradients; a table's regression has none")
      }
    } else {
      guard train != nil, query != nil else {
        throw ValidationError(
          "Missing expected argument '--train <path>' or '--query <path>', or '--data <csv>' for a table"
        )
      }
      try table.requireUnused()
      if !method.isEmpty { _ = try MethodArgument.one(of: method, for: "subset") }
      if let queryRow, queryRow < 0 {
        throw ValidationError("--query-row \(queryRow): rows are counted from 0")
      }
      if algorithm == .exhaustive {
        throw ValidationError(
          "--algorithm exhaustive is for small tables; use adaptive with gradients")
      }
    }
  }

  func run() throws {
    guard let train, let query else {
      return try SubsetOnTable(options: table, command: self).run()
    }
    let estimator = try EstimatorCatalog.estimator(
      method.isEmpty ? ExactFisher.name : MethodArgument.one(of: method, for: "subset"))
    let training = try fit.store(at: train)
    let queries = try fit.store(at: query)
    let given = try texts.texts(count: training.count)
    if let queryRow, queryRow >= queries.count {
      throw Failure.usage(
        "--query-row \(queryRow): \(query) has \(queries.count) rows; use 0 to \(queries.count - 1)"
      )
    }
    try requireSize(below: training.count, of: train)
    let options = try fit.curvatureOptions(certifies: false, meter: RunMeter())
    try ExampleMemory.subset(size: size, step: step, algorithm: algorithm).requireRoom(
      on: training, by: [estimator], options: options)
    let start = ContinuousClock.now
    let (curvature, subset) = try ProgressBar.during(quiet: fit.quiet) { progress in
      let curvature = try Curvature(
        fitting: [estimator], on: training, options: options, progress: progress)
      let subset = try curvature.influentialSubset(
        size: size, on: queries, query: queryRow ?? 0,
        aggregation: queryRow == nil ? .mean : .none, algorithm: algorithm, step: step,
        direction: (direction ?? .helpful).removal, progress: progress)
      return (curvature, subset)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let warnings =
      try curvature.warnings + Self.warnings(of: subset)
      + predictionWarnings(of: subset, on: queries)
    Console.warn(warnings)
    if json {
      let record: OrderedJSON = [
        "format": "influencekit-subset",
        "version": 1,
        "method": .string(estimator.name),
        "settings": .settings(estimator.settings),
        "damping": .string(options.damping.description),
        "query_row": queryRow.map { .integer($0) } ?? .null,
        "positive_means": "removing the rows raises the query's loss",
        "search": searchRecord(subset),
        "train": try training.record(),
        "seconds": .number(seconds),
        "warnings": .list(warnings),
        "versions": RunRecord.versions,
        "command": RunRecord.commandLine,
      ]
      return try Console.print(record)
    }
    try printTable(
      subset, examples: ShownExamples(Set(subset.rows), of: training, given: given))
    guard !fit.quiet else { return }
    let subject = queryRow.map { "query \($0)" } ?? "the mean query"
    func number(_ value: Double) -> String { NumberFormat.significant(value, digits: 4) }
    let first = "by \(number(subset.firstOrder)) to first order"
    let effect =
      subset.effect.map {
        "\(first), by \(number($0)) to second order, by \(estimator.name); their effects as predicted add up to \(number(subset.predicted))"
      }
      ?? "\(first), by \(estimator.name), which has no second order here, because leverages of the set are above 1"
    Console.print(
      "",
      "removing the \(size) of \(training.count) training rows changes the loss of \(subject) \(effect)"
    )
    Console.print("\(algorithm.rawValue), \(NumberFormat.seconds(seconds))")
  }

  /// Refuses a set that leaves no training row.
  func requireSize(below count: Int, of source: String) throws {
    guard size < count else {
      throw Failure.usage(
        "--size \(size): \(source) has \(count) training rows, of which at least one must stay; use at most \(count - 1)"
      )
    }
  }

  /// The rows in the order of the search.
  func printTable(
    _ subset: InfluentialSubset, labels: [String]? = nil, examples: ShownExamples? = nil
  ) throws {
    var sum = 0.0
    let sums = subset.gains.map { gain in
      sum += gain
      return sum
    }
    let rows = Array(subset.gains.enumerated())
    let fields: [TableField<EnumeratedSequence<[Double]>.Element>?] = [
      .text("rank") { "\($0.offset + 1)" },
      .text("row") { "\(subset.rows[$0.offset])" },
      .number("effect", .significant(digits: 4)) { $0.element },
      .number("sum", .significant(digits: 4)) { sums[$0.offset] },
      labels.map { labels in .text("label") { labels[$0.offset] } },
    ]
    let table =
      try examples?.table(
        of: rows, example: { subset.rows[$0.offset] }, fields.compactMap(\.self))
      ?? Table(of: rows, fields.compactMap(\.self))
    Console.print(table)
  }

  func searchRecord(_ subset: InfluentialSubset) -> OrderedJSON {
    [
      "algorithm": .string(algorithm.rawValue),
      "step": .integer(step),
      "direction": .string((direction ?? .raise).removal.rawValue),
      "size": .integer(size),
      "rows": .array(subset.rows.map { .integer($0) }),
      "effects_when_picked": .list(subset.gains),
      "predicted": .number(subset.predicted),
      "first_order": .number(subset.firstOrder),
      "effect": .finite(subset.effect),
      "rounds": .integer(subset.rounds),
    ]
  }

  /// Why the effect on the queries' loss is not to be believed, and which rows have none.
  private func predictionWarnings(
    of subset: InfluentialSubset, on queries: GradientStore
  ) throws -> [String] {
    let watched = queryRow.map { queries[rows: $0..<$0 + 1] } ?? queries
    let losses = try watched.exampleLosses()?.compactMap(\.self) ?? []
    // A loss below zero is of another kind, which may fall further.
    let isBounded = losses.count == watched.count && losses.allSatisfy { $0 >= 0 }
    let loss = isBounded ? losses.reduce(0, +) / Double(losses.count) : nil
    let subject = queryRow.map { "query \($0)" } ?? "the mean query"
    var warnings: [String] = []
    if let reason = Extrapolation.reason(
      firstOrder: subset.firstOrder, secondOrder: subset.effect, loss: loss)
    {
      warnings.append(
        "the effect on \(subject) is extrapolated beyond what can be relied on: \(reason); remove fewer rows, or raise the damping"
      )
    }
    let idle = zip(subset.rows, subset.gains).filter { $1 == 0 }.map(\.0)
    if idle.count == subset.rows.count {
      warnings.append(
        "no training row has an effect on \(subject), whose gradient is zero or has nothing in common with theirs: the set means nothing"
      )
    } else if !idle.isEmpty {
      let shown = idle.prefix(10).map(String.init).joined(separator: ", ")
      warnings.append(
        "\(idle.count) rows of the set have no effect on \(subject), and were picked for their row numbers (\(shown)\(idle.count > 10 ? ", …" : ""))"
      )
    }
    return warnings
  }

  static func warnings(of subset: InfluentialSubset) -> [String] {
    let fixed = subset.fixedRows
    guard !fixed.isEmpty else { return [] }
    let shown = fixed.prefix(10).map(String.init).joined(separator: ", ")
    return [
      "\(fixed.count) training rows were no candidates, because each determines a direction of the parameters alone, with a leverage of 1 or more (\(shown)\(fixed.count > 10 ? ", …" : ""))"
    ]
  }
}

extension RemovalAlgorithm: ExpressibleByArgument {}
