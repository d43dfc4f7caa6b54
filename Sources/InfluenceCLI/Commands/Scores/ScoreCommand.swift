import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence score`: scores of training examples for queries.
struct ScoreCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Scores every training example for every query, from stored gradients.",
    usage: """
      influence score --train <path> --query <path> --method <name>
                      --output <path> [<options>]
      influence score --fit <folder> --query <path> --method <name>
                      --output <path> [<options>]
      influence score --train <path> --query <path> --method <name>
                      --per-block --output <path> [<options>]
      influence score --train <path> --query <path> --method <name>
                      --top <count> --output <path>.csv [<options>]
      influence score --train <path> --query <path> --method exact
                      --damping-sweep <grid> [--output <path>.csv] [<options>]
      """,
    discussion: """
      Writes float32 scores, queries × training examples (numpy.load opens them), and beside them a \
      .json with the method, λ of each block, the sign convention, checksums of the inputs, times and \
      warnings.

      With --top 100 it keeps only the 100 most helpful and the 100 most harmful examples of each query, \
      ranked as the float32 scores would be, in memory that does not grow with the number of queries: \
      a CSV with one line per example, which pandas.read_csv and `influence top` open.

      With --aggregate the queries get one row together. A mean is ruled by queries with large gradients; \
      median, normalized-mean (each query's scores are divided by their length first) and vote (each query \
      ranks the examples, from −1 to 1) give every query the same say.

      With --per-block it writes which block of parameters each score comes from: queries × training \
      examples × blocks, whose sum over the last axis is the scores; the record names the blocks.

      With --fit it takes what `influence fit` kept, and makes no fitting pass; damping, side and \
      precision are those of the fit.

      With --damping-sweep it writes no scores, but tells how far rankings depend on the damping: a \
      table with one damping per row, as CSV with a .json beside it if there is an --output. For exact or datainf.

      EXAMPLES
        influence score --train grads/train --query grads/query \\
            --method datainf --output scores.npy
        influence score --train t.safetensors --query q.safetensors \\
            --method exact --damping absolute:1e-3 \\
            --aggregate mean --convention influence --output mean.npy
        influence score --train t.npy --query q.npy \\
            --method lissa:depth=10 --output lissa10.npy
        influence score --fit fits/train --query q.npy \\
            --method exact --output scores.npy
        influence score --train t.npy --query q.npy \\
            --method datainf --top 100 --output top.csv
        influence score --train grads/train --query grads/query \\
            --method datainf --per-block --output blocks.npy
        influence score --checkpoint run/epoch-1:1e-3 --checkpoint run/epoch-2:1e-3 \\
            --method hessian-free --output tracin.npy
        influence score --members grads/members \\
            --method datainf --output ensemble.npy
        influence score --train t.npy --query q.npy \\
            --method exact --damping-sweep 1e-3:1:13 --output sweep.csv

      COLUMNS WITH --top
        query, query_id         the query's row and recorded id (or nothing)
        side, rank              helpful or harmful, from 1 for the most extreme
        example, id             the training example's row and recorded id
                                (ids that a spreadsheet would compute stand
                                behind an apostrophe)
        score                   with the sign of --convention
        text                    the example's text, with --examples

      \(ExampleTextOptions.discussion)

      COLUMNS OF A SWEEP
      \(SweepCommand.columns)

      METHODS
      \(MethodHelp.methods)

      METHODS ON REPRESENTATIONS (`influence gradients --representations`)
      \(MethodHelp.representationMethods)
      """)

  @Option("The training gradients.", value: "path") var train: String?
  @Option("What `influence fit` kept of them.", value: "folder", name: "fit") var keptFit: String?
  @Option("The queries' gradients.", value: "path") var query: String?
  @Option(
    help: ArgumentHelp(
      "The method, with settings after a colon: cg:tolerance=1e-3,steps=50.", valueName: "name"))
  var method: [String] = []
  @OptionGroup var length: NormalizeOption
  @Option(
    "A row for each query, or one for all: mean, or with the same say for each query median, normalized-mean or vote.",
    value: "rows")
  var aggregate: ScoreAggregation = .none
  @Option(
    "How blocks of parameters become one score: their sum, or with the same say for each block the mean rank or vote.",
    value: "way")
  var combine: BlockCombination = .sum
  @Option(
    "Sign: helpful (positive lowers the query's loss) or influence (the opposite).", value: "sign")
  var convention: ScoreConvention = .helpful
  @Option("Where the scores go: a .npy file; with --top or a sweep: a .csv file.", value: "path")
  var output: String?
  @Option(
    "Keep only so many most helpful and most harmful examples of each query, as CSV.",
    number: "count")
  var top: Int?
  @Flag(help: "Each block's share of every score: queries × examples × blocks.")
  var perBlock = false
  @Option(
    "Compare dampings from low to high: 1e-3:1:13, or absolute:LOW:HIGH:COUNT.",
    number: "low:high:count")
  var dampingSweep: String?
  @Flag(help: "Print a sweep as JSON.") var json = false
  @Flag(inversion: .prefixedNo, help: "Residuals and score error bounds in the record.")
  var certificate: Bool?
  @Option("With --top: a page of `influence report` by this method, too.", value: "file")
  var report: String?
  @OptionGroup var texts: ExampleTextOptions
  @OptionGroup var ensemble: EnsembleOptions
  @OptionGroup var fit: FitOptions

  /// Refuses options that do not go together.
  func validate() throws {
    _ = try MethodArgument.one(of: method, for: "score")
    if let top {
      if top < 1 { throw ValidationError("--top \(top): use a number from 1 up") }
      if dampingSweep != nil {
        throw ValidationError("--damping-sweep writes no scores: leave out --top")
      }
    }
    try validateReport()
    try validateCombination()
    if texts.examples != nil, top == nil {
      throw ValidationError("--examples are texts for the table of --top: give both")
    }
    if aggregate.combinesRows {
      for (name, isGiven) in [
        ("--per-block", perBlock), ("--damping-sweep", dampingSweep != nil),
      ] where isGiven {
        throw ValidationError(
          "--aggregate \(aggregate.rawValue) combines whole scores: leave out \(name), or give mean or none"
        )
      }
    }
    if perBlock {
      if top != nil {
        throw ValidationError(
          "--top ranks whole scores, and --per-block writes their shares: give one of them")
      }
      if dampingSweep != nil {
        throw ValidationError("--damping-sweep writes no scores: leave out --per-block")
      }
      if ensemble.isGiven {
        throw ValidationError(
          "--per-block is of one store: leave out --checkpoint and --members, and score each by itself"
        )
      }
    }
    if ensemble.isGiven {
      let given = [
        ("--train", train != nil), ("--fit", keptFit != nil), ("--query", query != nil),
        ("--top", top != nil), ("--damping-sweep", dampingSweep != nil),
        ("--certificate", certificate == true),
      ].filter(\.1).map(\.0)
      guard given.isEmpty else {
        throw ValidationError(
          "an ensemble has its own train and query: leave out \(given.joined(separator: ", "))")
      }
      if output == nil { throw ValidationError("Missing expected argument '--output <path>'") }
      return
    }
    if train == nil, keptFit == nil {
      throw ValidationError("Missing expected argument '--train <path>'")
    }
    if query == nil { throw ValidationError("Missing expected argument '--query <path>'") }
    if keptFit != nil, dampingSweep != nil {
      throw ValidationError("--damping-sweep fits at every damping: leave out --fit, give --train")
    }
    if dampingSweep == nil {
      if output == nil { throw ValidationError("Missing expected argument '--output <path>'") }
      if json { throw ValidationError("--json goes with --damping-sweep") }
    } else if convention != .helpful || certificate == false {
      throw ValidationError(
        "--damping-sweep writes no scores: leave out \(certificate == false ? "--no-certificate" : "--convention")"
      )
    }
  }

  func run() throws {
    let method = try length.method(MethodArgument.one(of: method, for: "score"))
    if let onRepresentations = try representationMethod(method) {
      return try score(by: onRepresentations)
    }
    if ensemble.isGiven { return try scoreEnsemble(by: method) }
    if let dampingSweep {
      return try SweepCommand.sweep(
        train ?? "", query ?? "", by: method, over: dampingSweep,
        aggregate: aggregate == .mean ? .mean : .none, output: output, json: json, fit: fit)
    }
    try scoreStore(by: method)
  }

  /// Scores the queries of one store.
  private func scoreStore(by method: String) throws {
    let query = query ?? ""
    let estimator = try EstimatorCatalog.estimator(method)
    let source = try CurvatureSource(train: train, fit: keptFit)
    var destination = try destination(inputs: source.inputs + [query])
    let page = try reportDestination(inputs: source.inputs + [query])
    let training = try source.store(at: source.train, options: fit)
    let queries = try source.store(at: query, options: fit)
    try texts.add(to: &destination, count: training.count)
    let meter = RunMeter()
    try training.requireSameBlocks(as: queries)
    try queries.requireRows()
    var fit = fit
    let reason =
      keptFit == nil ? try fit.chooseDamping(for: estimator, on: training, queries) : nil
    let (curvature, summary) = try ProgressBar.during(quiet: fit.quiet, meter: meter) { progress in
      if keptFit == nil {
        try Curvature.requireMemory(
          scoringBy: estimator, on: training, perBlock: perBlock,
          options: fit.curvatureOptions(
            certifies: certificate ?? true, combination: combine, forScoresAlone: true))
      }
      let curvature = try source.curvature(
        of: estimator, on: training, options: fit,
        certifies: keptFit == nil ? certificate ?? true : certificate,
        expectedQueries: aggregate == .mean ? 1 : queries.count, combination: combine,
        forScoresAlone: true, meter: meter, progress: progress)
      let summary = try curvature.score(
        queries, into: destination, aggregation: aggregate, convention: convention,
        details: RunRecord.details(fit: keptFit, dampingReason: reason), progress: progress)
      return (curvature, summary)
    }
    let work = WorkReport(
      meter.work, on: training, seconds: curvature.seconds + summary.seconds,
      options: curvature.options, measures: !fit.quiet)
    scoreReport(summary).printAll(of: curvature, work, perBlock: perBlock)
    try writeReport(to: page, training, queries, by: method)
  }

  /// Scores the queries of an ensemble.
  private func scoreEnsemble(by method: String) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let destination = try destination(inputs: try ensemble.folders().map(\.folder.path))
    let members = try ensemble.ensemble(for: estimator, fit)
    let options = try fit.curvatureOptions(
      certifies: false, combination: combine, forScoresAlone: true, meter: RunMeter())
    let summary = try ProgressBar.during(quiet: fit.quiet) {
      try members.score(
        by: estimator, into: destination, aggregation: aggregate, convention: convention,
        options: options, details: RunRecord.details(), progress: $0)
    }
    scoreReport(summary).printSum(over: members)
  }

  /// The method, if it reads representations; options of gradients are refused then.
  private func representationMethod(_ method: String) throws -> (any RepresentationMethod)? {
    try RepresentationCatalog.method(
      method, options: fit,
      refusing: [
        ("--fit", keptFit != nil), ("--per-block", perBlock), ("--combine", combine != .sum),
        ("--certificate", certificate == true),
        ("--damping-sweep", dampingSweep != nil), ("--checkpoint", !ensemble.checkpoints.isEmpty),
        ("--members", ensemble.members != nil),
      ])
  }

  /// Scores by representations.
  private func score(by method: any RepresentationMethod) throws {
    let (train, query) = (train ?? "", query ?? "")
    var destination = try destination(inputs: [train, query])
    let training = try RepresentedExamples(atArgument: train)
    try texts.add(to: &destination, count: training.count)
    let queries = try RepresentedExamples(atArgument: query)
    let summary = try ProgressBar.during(quiet: fit.quiet) {
      try method.score(
        queries, on: training, into: destination, aggregation: aggregate, convention: convention,
        memoryBudget: fit.memory?.bytes, details: RunRecord.details(), progress: $0)
    }
    scoreReport(summary).printRepresentations()
  }

  private func destination(inputs: [String]) throws -> ScoreDestination {
    let path = try OutputPath(output ?? "", inputs: inputs, ending: top == nil ? "npy" : "csv")
    return ScoreDestination(
      top.map { .top($0) } ?? (perBlock ? .blockShares : .array), in: path.file)
  }

  private func scoreReport(_ summary: ScoreSummary) -> ScoreReport {
    ScoreReport(
      summary: summary, convention: convention, top: top, output: output ?? "", quiet: fit.quiet)
  }
}
