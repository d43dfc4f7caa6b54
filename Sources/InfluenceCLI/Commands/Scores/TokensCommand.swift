import ArgumentParser
import Foundation
import InfluenceKit

/// `influence tokens`: through which tokens the top training examples came to their scores.
struct TokensCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens",
    abstract: "Through which of their tokens training texts came to their scores for a query.",
    usage: """
      influence tokens --model <path> --adapter <folder> --data <file> --text <field>
                       --train <path> --query <path> [--query-row <row>]
                       [--method <name>] [--top <count>] [<options>]
      """,
    discussion: """
      A text's gradient is a sum over the places of its tokens, and so is its score. For the most helpful \
      and the most harmful training texts it runs the model again and splits each score into the shares of \
      the tokens, which sum to the score. A share says through which token the text works; what a token does \
      to the predictions of later ones is in its own share.

      --model, --adapter, --data and how its texts are encoded are those that --train was written with by \
      `influence gradients`; what the store remembers of them is compared. Positive is helpful.

      On a terminal texts are shaded: blue helps, orange harms. Elsewhere the strongest tokens of a text \
      are marked, [+so] or [-so], from a quarter of its largest share.

      EXAMPLES
        influence tokens --model minilm --adapter adapter \\
            --data adapter/train.jsonl --text sentence --label label \\
            --train grads/train --query grads/query --query-row 3
        influence tokens --model smollm2.gguf --adapter adapter \\
            --data train.jsonl --prompt prompt --text answer \\
            --train grads/train --query grads/query --query-row 0 \\
            --method datainf --top 10 --output tokens.csv
        influence tokens --model minilm --adapter adapter \\
            --data adapter/train.jsonl --text sentence --label label \\
            --train grads/train --query grads/query --rows 17 --json

      COLUMNS OF --output
        side, rank              helpful or harmful, from 1 for the most extreme;
                                given and the place among --rows
        example, id, score      the training text's row, id and score
        position                the token's place in the text, from 0
        token_id, token         the token, and the text that it stands for
        share                   its part of the score

      \(TextDataOptions.discussion)

      METHODS
      \(MethodHelp.methods)
      """)

  @Option("A folder of Hugging Face, or a .gguf file.", value: "path") var model: String
  @Option("The adapter's folder.", value: "folder") var adapter: String
  @Option("The training texts.", value: "path") var data: String
  @OptionGroup var texts: TextDataOptions
  @Option("The training gradients.", value: "path") var train: String?
  @Option("What `influence fit` kept of them.", value: "folder", name: "fit") var keptFit: String?
  @Option("The queries' gradients.", value: "path") var query: String
  @Option("The query's row, from 0; their mean unless given.", number: "row") var queryRow: Int?
  @Option(
    help: ArgumentHelp(
      "The method, with settings after a colon; datainf unless given.", valueName: "name"))
  var method: [String] = []
  @Option(parsing: .unconditional, help: "How many of each kind. (default: 5)") var top: Int?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Rows of training texts, in place of the top ones.", valueName: "row"))
  var rows: [Int] = []
  @Option("Where the shares go: a .csv file.", value: "path") var output: String?
  @Flag(help: "Print JSON.") var json = false
  @Option("Shades on a terminal: auto, always or never.", value: "when")
  var color: ShadedText.Color = .auto
  @OptionGroup var fit: FitOptions

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--top", top))
    if let queryRow, queryRow < 0 {
      throw ValidationError("--query-row \(queryRow): rows are counted from 0")
    }
    if !method.isEmpty { _ = try MethodArgument.one(of: method, for: "tokens") }
    if train == nil, keptFit == nil {
      throw ValidationError("Missing expected argument '--train <path>'")
    }
    if !rows.isEmpty, top != nil {
      throw ValidationError("--rows names the texts, and --top counts them: give one of them")
    }
    if Set(rows).count < rows.count { throw ValidationError("--rows names a row twice") }
    _ = try texts.fields()
  }

  func run() throws {
    let fit = halved
    let estimator = try EstimatorCatalog.estimator(
      method.isEmpty ? DataInf.name : MethodArgument.one(of: method, for: "tokens"))
    let source = try CurvatureSource(train: train, fit: keptFit)
    let destination = try output.map {
      try OutputPath($0, inputs: source.inputs + [query, model, adapter, data], ending: "csv")
    }
    let training = try source.store(at: source.train, options: fit)
    let queries = try selectedQueries(source)
    let opened = try ModelTexts(
      model: model, adapter: adapter, data: data, texts, memory: fit.memory)
    let taken = try StoredMeasure(
      of: training, at: source.train, with: opened, data: data, reduction: texts.lossReduction)
    if let row = rows.first(where: { $0 < 0 || $0 >= training.count }) {
      throw Failure.usage(
        "--rows \(row): \(source.train) has \(training.count) rows; use 0 to \(training.count - 1)")
    }
    let meter = RunMeter()
    var report = try ProgressBar.during(quiet: fit.quiet, meter: meter) { progress in
      let curvature = try source.curvature(
        of: estimator, on: training, options: fit, certifies: false, expectedQueries: 1,
        meter: meter, progress: progress)
      let aggregation: Aggregation = queryRow == nil ? .mean : .none
      let scores = try curvature.scores(
        of: queries, aggregation: aggregation, progress: progress)[0]
      let directions = try curvature.directions(
        of: queries, aggregation: aggregation, progress: progress)
      let values = Array(scores.values[row: 0])
      let places = try selection(values)
      let found = try opened.model.tokenInfluence(
        of: places.map { ($0.example, values[$0.example]) }, texts: opened.texts.sequences,
        along: directions, measure: taken.measure, reduction: taken.reduction,
        batchTokens: opened.memory.batchTokens)
      return TokenReport(
        method: estimator, damping: curvature.options.damping, query: queryRow, places: places,
        influences: found, warnings: scores.warnings + directions.warnings)
    }
    try report.describe(opened, training, queries)
    try report.requireAgreement(with: training, at: source.train)
    Console.warn(report.warnings)
    if let destination {
      try destination.file.write(report.csv(), record: report.record(tokens: false))
    }
    if json { return try Console.print(report.record(tokens: true)) }
    report.printTexts(color: color, quiet: fit.quiet)
    if let output, !fit.quiet { Console.print("", "\(output): \(report.lineCount) tokens") }
  }

  /// The options with half of the memory, since the curvature and the model are there together.
  private var halved: FitOptions {
    var options = fit
    options.memory = ByteCount(bytes: max(1000, (fit.memory?.bytes ?? MachineMemory.bytes / 4) / 2))
    return options
  }

  private func selectedQueries(_ source: CurvatureSource) throws -> GradientStore {
    let queries = try source.store(at: query, options: fit)
    guard let queryRow else { return queries }
    guard queryRow < queries.count else {
      throw Failure.usage(
        "--query-row \(queryRow): \(query) has \(queries.count) rows; use 0 to \(queries.count - 1)"
      )
    }
    return queries[rows: queryRow..<queryRow + 1]
  }

  /// The rows whose scores are decomposed.
  private func selection(_ scores: [Double]) throws -> [TokenReport.Place] {
    guard rows.isEmpty else {
      return rows.enumerated().map {
        TokenReport.Place(side: "given", rank: $0.offset + 1, example: $0.element)
      }
    }
    let extremes = try TopExamples(of: scores, count: top ?? 5)
    // Where there are few texts, none stands on both sides.
    let overlaps = scores.count < extremes.helpful.count + extremes.harmful.count
    let helpful = extremes.helpful.filter { !overlaps || $0.score >= 0 }
    let harmful = extremes.harmful.filter { !overlaps || $0.score < 0 }
    return [("helpful", helpful), ("harmful", harmful)].flatMap { side, entries in
      entries.enumerated().map {
        TokenReport.Place(side: side, rank: $0.offset + 1, example: $0.element.example)
      }
    }
  }
}

extension ShadedText.Color: ExpressibleByArgument {}
