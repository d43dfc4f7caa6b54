import ArgumentParser
import Foundation
import InfluenceKit
import Reporting
import Reports

/// `influence report`: one page that says what was asked, what was found, and how far to trust it.
struct ReportCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "One page with texts: what helped and hurt, suspects, duplicates, how far to trust it.",
    usage: """
      influence report --train <path> [--query <path>] --output <file>.html [<options>]
      influence report <run> --output <file>.html [<options>]
      """,
    discussion: """
      Writes one HTML file that needs no network: for each query the training examples that helped and hurt it the \
      most, with layers, places by words and by meaning; labels that look wrong, with a threshold and a filter; \
      near-duplicates; agreement of methods, dampings, spectra and accuracy; and where it all comes from. A part \
      without its data is left out. <run> is a folder that `influence compare` left.

      EXAMPLES
        influence report --train grads/train --query grads/query \\
            --output report.html
        influence report --train t.npy --query q.npy --examples train.jsonl \\
            --query-examples dev.jsonl --flipped flipped.json --output report.html
        influence report influence-runs/compare-1 --output report.html
        influence report --train train --query query --model minilm \\
            --adapter adapter --data adapter/train.jsonl --text sentence \\
            --label label --output report.html    shades tokens, too

      METHODS (exact, datainf, hessian-free and cosine unless given; cards are the first's)
      \(MethodHelp.methods)

      \(ExampleTextOptions.discussion)
      Files of --examples and --query-examples may have fields loss (−ln of the
      label's probability) and predicted.
      """)

  @Argument(help: ArgumentHelp("A folder that `influence compare` left.", valueName: "run"))
  var folder: String?
  @Option("The training gradients.", value: "path") var train: String?
  @Option("The queries' gradients; suspects alone without them.", value: "path") var query: String?
  @Option("Where the page goes: an .html file.", value: "file") var output: String
  @Option("The training examples' texts: .json, .jsonl, .csv, .tsv or .txt.", value: "path")
  var examples: String?
  @Option("The same of the queries.", value: "path") var queryExamples: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Methods, with settings after a colon.", valueName: "name"))
  var methods: [String] = []
  @Option("A JSON file of the rows known to be mislabelled.", value: "path") var flipped: String?
  @Option("How many training examples of each side a query shows.", number: "count") var top = 6
  @Option("How many queries are shown, the hardest first.", number: "count") var queries = 30
  @Option("How many nearest neighbours are asked for their labels.", number: "count")
  var neighbours = 20
  @Option(help: "Decides the splits of the isolation forest. (default: 0)") var seed: UInt64 = 0
  @Option("For shades of tokens: a folder of Hugging Face, or a .gguf file.", value: "path")
  var model: String?
  @Option("For shades of tokens: the adapter's folder.", value: "folder") var adapter: String?
  @Option("For shades of tokens: the training texts.", value: "path") var data: String?
  @OptionGroup var texts: TextDataOptions
  @OptionGroup var fit: FitOptions

  func validate() throws {
    try ValidationError.require(
      atLeast: 1, atMost: 100, ("--top", top), ("--queries", queries),
      ("--neighbours", neighbours))
    if folder != nil {
      let given =
        [
          ("--train", train != nil), ("--query", query != nil), ("--methods", !methods.isEmpty),
          ("--flipped", flipped != nil),
        ].filter(\.1).map(\.0) + fit.namesOfChanged.filter { $0 != "--threads" }
      guard given.isEmpty else {
        throw ValidationError(
          "a run has its own stores and settings: leave out \(given.joined(separator: ", "))")
      }
    } else if train == nil {
      throw ValidationError(
        "Missing expected argument '--train <path>', or the folder of a run")
    }
    let tokens = [
      ("--model", model != nil), ("--adapter", adapter != nil), ("--data", data != nil),
    ]
    guard tokens.allSatisfy(\.1) || !tokens.contains(where: \.1) else {
      throw ValidationError(
        "--model, --adapter and --data go together: \(tokens.filter { !$0.1 }.map(\.0).joined(separator: " and ")) is missing"
      )
    }
    if model != nil, folder == nil, query == nil {
      throw ValidationError("--model shades the cards of queries: give --query")
    }
    if folder == nil, query == nil {
      let ofQueries = [("--methods", !methods.isEmpty), ("--query-examples", queryExamples != nil)]
      if let option = ofQueries.first(where: \.1)?.0 {
        throw ValidationError("\(option) is for queries: give --query, or leave it out")
      }
    }
    try validateTexts()
  }

  /// Refuses options on texts where there are no such texts.
  private func validateTexts() throws {
    let hasFiles = examples != nil || queryExamples != nil || data != nil
    for (option, isGiven) in [("--text", texts.text != nil), ("--label", texts.label != nil)]
    where isGiven && !hasFiles {
      throw ValidationError("\(option) names a field of --examples or --data: give one of them")
    }
    guard model == nil else { return }
    let ofModels = [
      ("--text-pair", texts.textPair != nil), ("--prompt", texts.prompt != nil),
      ("--id", texts.id != nil), ("--max-length", texts.maxLength != nil),
      ("--loss-on", texts.lossOn != nil), ("--loss-reduction", texts.lossReduction != .mean),
      ("--end", texts.end != nil),
    ]
    if let option = ofModels.first(where: \.1)?.0 {
      throw ValidationError("\(option) is for --model, which shades tokens: give it too")
    }
  }

  func run() throws {
    let inputs = [
      folder, train, query, examples, queryExamples, flipped, model, adapter, data,
    ].compactMap(\.self)
    let destination = try ReportDestination(output, inputs: inputs, option: "--output")
    var request =
      try folder.map {
        try ReportSource.request(ofRunIn: $0, memory: fit.memory?.bytes)
      } ?? storesRequest()
    try addExamples(to: &request)
    request.top = top
    request.shownQueries = queries
    request.suspectSettings.neighbours = neighbours
    request.suspectSettings.seed = seed
    try addTokens(to: &request)
    let outcome = try ReportOutcome(request, quiet: fit.quiet)
    try destination.write(outcome.page)
    Console.warn(outcome.contents.trust.warnings)
    if !fit.quiet { outcome.printAll(path: output) }
  }

  /// What a report of stores is made of.
  private func storesRequest() throws -> ReportRequest {
    let train = train ?? ""
    let training = try fit.store(at: train)
    let queries = try query.map { try fit.store(at: $0) }
    var request = try ReportSource.request(
      ofTraining: training, queries, examples: nil, nil,
      options: fit.curvatureOptions(certifies: true, expectedQueries: queries?.count))
    request.methods = methods.isEmpty ? [] : MethodList.specifications(in: methods)
    request.flipped = try flipped.map {
      try FlippedRows.rows(at: URL(filePath: $0), count: training.count)
    }
    for (name, path) in [
      ("examples", examples), ("query examples", queryExamples), ("known wrong labels", flipped),
    ] {
      if let path { request.facts.append((name, path)) }
    }
    return request
  }

  /// Texts, labels, ids and losses of both sides: of the files, or as the stores keep them.
  private func addExamples(to request: inout ReportRequest) throws {
    func given(_ path: String?) throws -> ExampleTexts? {
      try path.map {
        try ExampleTexts(at: URL(filePath: $0), field: texts.text, label: texts.label)
      }
    }
    request.trainingExamples = try ReportSource.examples(
      of: request.training, file: examples, given(examples))
    if let queries = request.queries {
      request.queryExamples = try ReportSource.examples(
        of: queries, file: queryExamples, given(queryExamples))
    }
  }

  private func addTokens(to request: inout ReportRequest) throws {
    guard let model, let adapter, let data, let queries = request.queries else { return }
    _ = try texts.fields()
    // The model, its curvature and that of all methods are there together.
    let share = max(1000, (fit.memory?.bytes ?? MachineMemory.bytes / 4) / 3)
    request.options.memoryBudget = share
    // The method whose cards are shown first, of those that are gradients' and fit in memory.
    guard let method = try ReportMaker(request).specifications.first else { return }
    let tokens = try ProgressBar.during(quiet: fit.quiet) { [request] progress in
      try ReportTokens(
        model: model, adapter: adapter, data: data, texts, for: request, method: method,
        train: train ?? folder ?? "", queries: queries, memory: ByteCount(bytes: share),
        progress: progress)
    }
    request.tokens = { try tokens.tokens(query: $0, hits: $1) }
  }
}
