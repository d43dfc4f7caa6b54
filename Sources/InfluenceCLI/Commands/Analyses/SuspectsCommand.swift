import ArgumentParser
import Foundation
import InfluenceKit
import Reporting
import Reports

/// `influence suspects`: training examples whose labels are to be looked at first.
struct SuspectsCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "suspects",
    abstract: "Which labels to look at first: several rankings, and all of them together.",
    usage: "influence suspects --train <path> [--query <path>] [<options>]",
    discussion: """
      Ranks the training examples in several ways by how much their labels are to be doubted, and orders \
      them by the geometric mean of their places. Queries are examples whose labels are right, such as a checked part of the validation set; \
      without them four rankings are left out.

      EXAMPLES
        influence suspects --train grads/train --query grads/query
        influence suspects --train grads/train --query grads/query --top 200 \\
            --output suspects.csv
        influence suspects --train t.npy --query q.npy \\
            --examples train.jsonl --text sentence --label label
        influence suspects --train grads/train --flipped flipped.json \\
            --report suspects.html

      RANKINGS
      \(SuspectReport.rankings)

      COLUMNS OF --output
        place, example, id      from 1 for the first suspect; its row and id
        label, suggested        its label, and the most frequent one among its
                                nearest neighbours
        mean_place              the geometric mean of its places in the rankings
        high_in                 in how many rankings it is among the first --top,
                                or the first tenth of all where that is fewer
        duplicate               the row of a text that is nearly the same and
                                has another label
        (one for each ranking)  its value there; large is suspicious
        text                    its text (one that a spreadsheet would compute
                                stands behind an apostrophe)

      \(ExampleTextOptions.discussion)
      """)

  @Option("The training gradients.", value: "path") var train: String
  @Option("Gradients of examples whose labels are right.", value: "path") var query: String?
  @Option("How many suspects are written.", number: "count") var top = 100
  @Option("How many of them are printed.", number: "count") var show = 10
  @Option("How many nearest neighbours are asked.", number: "count") var neighbours = 20
  @Option(
    "How the queries' scores become one: normalized-mean, vote, median or mean.", value: "way")
  var aggregate: ScoreAggregation = .normalizedMean
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Rankings; all that can be made unless given.", valueName: "name"))
  var rankings: [String] = []
  @Option(help: "Decides the splits of the isolation forest. (default: 0)") var seed: UInt64 = 0
  @Option(
    "A JSON file of the rows known to be mislabelled: how well they are found.", value: "path")
  var flipped: String?
  @Option("Where the suspects go: a .csv file.", value: "path") var output: String?
  @Option("A page of `influence report` with these suspects, too.", value: "file")
  var report: String?
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var texts: LabelledTextOptions
  @OptionGroup var fit: FitOptions

  func validate() throws {
    try ValidationError.require(
      atLeast: 1, ("--top", top), ("--neighbours", neighbours), ("--threads", fit.threads))
    try ValidationError.require(atLeast: 0, ("--show", show))
    _ = try chosenRankings()
    if aggregate == .none {
      throw ValidationError(
        "--aggregate none: suspects have one score; give normalized-mean, vote, median or mean")
    }
  }

  private func chosenRankings() throws -> [SuspectRanking]? {
    guard !rankings.isEmpty else { return nil }
    return try MethodList.specifications(in: rankings).map { name in
      guard let ranking = SuspectRanking(rawValue: name) else {
        throw ValidationError(
          "--rankings \(name): there is no such ranking; give some of \(SuspectRanking.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return ranking
    }
  }

  func run() throws {
    let inputs = [train] + (query.map { [$0] } ?? [])
    let destination = try output.map { try OutputPath($0, inputs: inputs, ending: "csv") }
    let page = try report.map { try ReportDestination($0, inputs: inputs, option: "--report") }
    let training = try fit.store(at: train)
    let queries = try query.map { try fit.store(at: $0) }
    let positives = try flipped.map {
      try FlippedRows.rows(at: URL(filePath: $0), count: training.count)
    }
    let given = try texts.texts(count: training.count)
    let labels = try ExampleClasses(of: training, given: given)
    let queryLabels = try queries.flatMap { try labels?.classes(of: $0) }
    var settings = Suspects.Settings()
    settings.rankings = try chosenRankings()
    settings.aggregation = aggregate
    settings.neighbours = neighbours
    settings.seed = seed
    settings.options = try fit.curvatureOptions(
      certifies: false, expectedQueries: queries?.count)
    let start = ContinuousClock.now
    let suspects = try ProgressBar.during(quiet: fit.quiet) { progress in
      try Suspects(
        in: training, queries: queries, labels: labels?.classes, queryLabels: queryLabels,
        settings: settings, progress: progress)
    }
    let duplicates = try duplicates(training, given, labels)
    let found = try SuspectReport(
      suspects: suspects, duplicates: duplicates, labels: labels, training: training,
      queries: queries, given: given, flipped: positives, top: min(top, training.count),
      shown: min(show, top, training.count),
      seconds: (ContinuousClock.now - start) / .seconds(1))
    try destination?.write(
      found.csv(), record: found.record(flipped: flipped, settings: settings))
    Console.warn(found.warnings)
    if json {
      try Console.print(found.json())
    } else {
      try found.printAll(output: output, quiet: fit.quiet)
    }
    guard let page else { return }
    var request = try ReportSource.request(
      ofTraining: training, queries, examples: texts.examples, given,
      options: fit.curvatureOptions(certifies: true, expectedQueries: queries?.count))
    request.flipped = positives
    request.suspects = suspects
    request.classNames = labels?.names ?? []
    let outcome = try ReportOutcome(request, quiet: fit.quiet)
    try page.write(outcome.page)
    if !fit.quiet, !json { Console.print("", outcome.line(page.path)) }
  }

  /// Texts that are nearly the same, where there are texts.
  private func duplicates(
    _ training: GradientStore, _ given: ExampleTexts?, _ labels: ExampleClasses?
  ) throws -> NearDuplicates? {
    guard let texts = try given?.texts ?? training.exampleTexts()?.map({ $0 ?? "" }) else {
      return nil
    }
    return NearDuplicates(among: texts)
  }
}
