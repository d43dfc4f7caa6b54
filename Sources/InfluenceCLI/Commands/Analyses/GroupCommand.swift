import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence group`: what removing a set of training examples together does.
struct GroupCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "group",
    abstract: "The effect of removing a set of training examples.",
    discussion: """
      To first order the effects of examples add up. To second order the curvature changes with the \
      set, which makes examples that resemble each other count for more together. Positive means that \
      removing the set raises the query's loss.

      EXAMPLES
        influence group --train grads/train --query grads/query \\
            --method exact --rows 3 17 42
        influence group --train grads/train --query grads/query \\
            --method exact --rows 3 17 42 --aggregate mean --json

      COLUMNS
        first        sum of the scores / n
        second       with the curvature that is left without the set
        additive     each example by itself, with its own leverage
        interaction  second less additive: what they do together

      \(ExampleTextOptions.discussion)

      METHODS
      \(MethodHelp.methods)
      """)

  @Option("The training gradients.", value: "path") var train: String
  @Option("The queries' gradients.", value: "path") var query: String
  @Option(help: ArgumentHelp("The method, with settings after a colon.", valueName: "name"))
  var method = [ExactFisher.name]
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The training rows that are removed, from 0.", valueName: "row"))
  var rows: [Int]
  @Option("A row for each query, or one for the mean query.", value: "rows")
  var aggregate: Aggregation = .none
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var texts: LabelledTextOptions
  @OptionGroup var fit: FitOptions

  func validate() throws { _ = try MethodArgument.one(of: method, for: "group") }

  func run() throws {
    let estimator = try EstimatorCatalog.estimator(
      MethodArgument.one(of: method, for: "group"))
    let training = try fit.store(at: train)
    let queries = try fit.store(at: query)
    let given = try texts.texts(count: training.count)
    let options = try fit.curvatureOptions(certifies: false, meter: RunMeter())
    try ExampleMemory.group.requireRoom(on: training, by: [estimator], options: options)
    var (curvature, group) = try ProgressBar.during(quiet: fit.quiet) { progress in
      let curvature = try Curvature(
        fitting: [estimator], on: training, options: options, progress: progress)
      let groups = try curvature.groupInfluence(
        ofRemoving: rows, on: queries, aggregation: aggregate, progress: progress)
      return (curvature, groups[0])
    }
    group.warnings += try extrapolations(group, queries)
    Console.warn(group.warnings)
    if json { return try Console.print(record(group, curvature)) }
    let table = try Table(
      of: group.firstOrder.indices,
      .text("query") { aggregate == .mean ? "mean" : "\($0)" },
      .number("first", .significant(digits: 4)) { group.firstOrder[$0] },
      .number("second", .significant(digits: 4)) { group.secondOrder[$0] },
      .number("additive", .significant(digits: 4)) { group.additive[$0] },
      .number("interaction", .significant(digits: 4)) { group.interaction[$0] })
    Console.print(table)
    if !fit.quiet {
      let shown = try ShownExamples(Set(rows), of: training, given: given)
      if !shown.isEmpty {
        Console.print("")
        try Console.print(
          shown.table(of: rows, example: \.self, [.integer("removed row") { $0 }]))
      }
      Console.print(
        "",
        "\(rows.count) of \(training.count) training rows removed, by \(estimator.name); largest leverage \(NumberFormat.significant(group.leverage)) of at most 1"
      )
    }
  }

  /// Which queries' predicted losses are not to be believed, with the reason of the first.
  private func extrapolations(
    _ group: GroupInfluence, _ queries: GradientStore
  ) throws -> [String] {
    var losses = try queries.exampleLosses() ?? []
    // A loss below zero is of another kind, which may fall further.
    if losses.contains(where: { ($0 ?? 0) < 0 }) { losses = [] }
    let known = losses.compactMap(\.self)
    if aggregate == .mean {
      losses =
        known.count == queries.count ? [known.reduce(0, +) / Double(queries.count)] : []
    }
    let reasons = group.firstOrder.indices.compactMap { query in
      Extrapolation.reason(
        firstOrder: group.firstOrder[query], secondOrder: group.secondOrder[query],
        loss: losses.isEmpty ? nil : losses[query]
      ).map { (query: query, text: $0) }
    }
    guard let first = reasons.first else { return [] }
    return [
      "the effect on \(reasons.count) of \(group.firstOrder.count) queries is extrapolated beyond what can be relied on: of \(aggregate == .mean ? "the mean" : "query \(first.query)"), \(first.text); remove fewer rows, or raise the damping"
    ]
  }

  private func record(_ group: GroupInfluence, _ curvature: Curvature) throws -> OrderedJSON {
    [
      "format": "influencekit-group",
      "version": 1,
      "method": .string(curvature.estimators[0].name),
      "settings": .settings(curvature.estimators[0].settings),
      "damping": .string(curvature.options.damping.description),
      "rows": .array(rows.map { .integer($0) }),
      "positive_means": "removing the rows raises the query's loss",
      "first_order": .list(group.firstOrder),
      "second_order": .list(group.secondOrder),
      "additive": .list(group.additive),
      "interaction": .list(group.interaction),
      "leverage": .number(group.leverage),
      "train": try curvature.training.record(),
      "warnings": .list(group.warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }
}
