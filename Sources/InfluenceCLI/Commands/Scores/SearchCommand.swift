import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence search`: the top of an index for queries.
struct SearchCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Find the most helpful and most harmful training examples in an index.",
    usage: """
      influence search <index> --queries <path> [--top <k>] [--output <path>.csv]
                       [--where <key>=<value>] [<options>]
      influence search <index> --queries <path> --rerank <store>
                       [--fit <folder>] [--candidates <n>] [--measure <m>] [<options>]
      """,
    discussion: """
      Reads what `influence index` wrote once, and multiplies each row with the queries' raw gradients. \
      Scores are those of the index's rows, and differ from those of `influence score` by what their \
      type rounds. How much that can be is known of each row: search counts how many of the examples \
      found certainly belong to the top.

      With --rerank it scores the candidates of each side, 5 for each example unless --candidates says \
      otherwise, from the training gradients, by the index's method: their scores and their order are \
      exact, and an example is certain where no row outside of the candidates could reach it. --fit \
      spares the fitting pass. --measure 20 also scores 20 of the queries on all rows, and says which \
      share of their top was found.

      --where counts only examples whose line in examples.jsonl has a value: label=3, or several with \
      commas between them; given again, all must hold.

      EXAMPLES
        influence search index --queries grads/query --top 10
        influence search index --queries grads/query --top 10 --output top.csv
        influence top top.csv --query 3
        influence search index8 --queries grads/query --rerank grads/train
        influence search index8 --queries grads/query --rerank grads/train \\
            --fit fits/train --candidates 200 --measure 20
        influence search index --queries grads/query --where label=3,5

      The table of --output is that of `influence score --top`, with a .json beside it.
      """)

  @Argument(help: "What `influence index` wrote.") var index: String
  @Option("The queries' gradients.", value: "path", name: "queries") var givenQueries: String?
  @Option("How many most helpful and most harmful examples of each query.", number: "k")
  var top = 10
  @Option(
    help: ArgumentHelp(
      "Only examples with this value in examples.jsonl, such as label=3. May be given again.",
      valueName: "key=value"))
  var `where`: [String] = []
  @Option("Score candidates anew, from the store that the index was made of.", value: "store")
  var rerank: String?
  @Option("With --rerank: what `influence fit` kept of that store.", value: "folder", name: "fit")
  var keptFit: String?
  @Option("With --rerank: how many candidates of each side.", number: "n") var candidates: Int?
  @Option("With --rerank: score so many queries on all rows, and print the recall.", number: "m")
  var measure: Int?
  @Flag(inversion: .prefixedNo, help: "Count which examples are certain.") var certificate = true
  @Option("Where the table goes: a .csv file.", value: "path") var output: String?
  @Flag(help: "Print what was found as JSON.") var json = false
  @Option("Threads; all cores by default.", number: "count") var threads: Int?
  @Option("The most memory to work in, such as 8GB; a quarter of the machine.", value: "size")
  var memory: ByteCount?
  @Flag(help: "Compare every byte of the inputs with its checksum first.") var verify = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only results, warnings and errors.")
  var quiet = false

  func threadCount() throws -> Int? { threads }

  func validate() throws {
    if givenQueries == nil { throw ValidationError("Missing expected argument '--queries <path>'") }
    try ValidationError.require(
      atLeast: 1, ("--top", top), ("--candidates", candidates), ("--measure", measure),
      ("--threads", threads))
    if rerank == nil {
      for (name, isGiven) in [
        ("--fit", keptFit != nil), ("--candidates", candidates != nil),
        ("--measure", measure != nil),
      ] where isGiven {
        throw ValidationError("\(name) is of scores from the training store: give --rerank <store>")
      }
    }
    if let candidates, candidates < top {
      throw ValidationError("--candidates \(candidates): give at least as many as --top, \(top)")
    }
    _ = try filter
  }

  /// The values that are wanted of each key.
  private var filter: [String: Set<String>] {
    get throws {
      var filter: [String: Set<String>] = [:]
      for text in self.where {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[0].isEmpty else {
          throw ValidationError("--where \(text): write it as key=value, such as label=3")
        }
        let key = String(sides[0])
        guard filter[key] == nil else {
          throw ValidationError(
            "--where names \(key) twice: give its values with commas between them")
        }
        filter[key] = Set(
          sides[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init))
      }
      return filter
    }
  }

  func run() throws {
    let queriesPath = givenQueries ?? ""
    let inputs = [index, queriesPath] + [rerank, keptFit].compactMap(\.self)
    let table = try output.map { try OutputPath($0, inputs: inputs, ending: "csv").file }
    let check: StoreCheck = verify ? .everything : .small
    let opened = try ScoreIndex(opening: URL(filePath: index), check: check)
    let queries = try GradientStore(opening: URL(filePath: queriesPath), check: check)
    try opened.require(queries)
    let filter = try filter
    let rows = filter.isEmpty ? nil : try opened.rows(where: filter)
    let (results, recall) = try ProgressBar.during(quiet: quiet || json) { progress in
      let curvature = try reranking(for: opened, queries, check, progress)
      let results = try opened.search(
        queries,
        SearchOptions(
          top: top, reranking: curvature, candidates: candidates, rows: rows,
          certifies: certificate, memoryBudget: memory?.bytes), progress: progress)
      let sample = Self.sample(of: queries.count, count: measure ?? 0)
      let recall = try curvature.flatMap { curvature in
        sample.isEmpty
          ? nil
          : try opened.recall(of: results, for: queries, sample: sample, by: curvature, on: rows)
      }
      return (results, recall.map { MeasuredRecall(share: $0, queries: sample.count) })
    }
    let report = SearchReport(
      index: opened, path: index, queries: queries, results: results, recall: recall, top: top,
      rerank: rerank)
    if let table {
      try results.write(
        to: table, index: opened, queries: queries, top: top,
        details: RunRecord.details(fit: keptFit))
    }
    try report.printAll(json: json, quiet: quiet, output: output)
  }

  /// What scores candidates anew; nil where nothing is to.
  private func reranking(
    for index: ScoreIndex, _ queries: GradientStore, _ check: StoreCheck,
    _ progress: ProgressHandler?
  ) throws -> Curvature? {
    guard let rerank else { return nil }
    let training = try GradientStore(opening: URL(filePath: rerank), check: check)
      .partitioned(by: index.about.partition)
    try index.require(training: training)
    let estimator = try EstimatorCatalog.estimator(index.about.method)
    guard let keptFit else {
      var options = CurvatureOptions(
        damping: index.about.damping,
        costModel: CostModel(request: .automatic, expectedQueries: queries.count),
        certifies: false, precision: index.about.precision, memoryBudget: memory?.bytes)
      options.solvesInSingle = false
      return try Curvature(
        fitting: [estimator], on: training, options: options, progress: progress)
    }
    return try Curvature(
      opening: URL(filePath: keptFit), on: training, estimators: [estimator], certifies: false,
      memoryBudget: memory?.bytes, verifies: verify)
  }

  /// Some of all queries, evenly.
  private static func sample(of queries: Int, count: Int) -> [Int] {
    let count = min(count, queries)
    return (0..<count).map { $0 * queries / count }
  }
}
