import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence score`: scores of training examples for queries.
struct ScoreCommand: ParsableCommand {
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
      a CSV with a line an example, which pandas.read_csv and `influence top` open.

      With --per-block it writes which block of parameters each score comes from: queries × training \
      examples × blocks, whose sum over the last axis is the scores; the record names the blocks.

      With --fit it takes what `influence fit` kept, and makes no fitting pass; damping, side and \
      precision are those of the fit.

      With --damping-sweep it writes no scores, but tells how far rankings depend on the damping: a \
      table of one damping a row, as CSV with a .json beside it if there is an --output. For exact or datainf.

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
        score                   with the sign of --convention

      COLUMNS OF A SWEEP
        share                   c of λ = c · tr(F)/d (λ itself if absolute)
        Spearman, top 10        agreement with the default (--damping), mean over
                                queries; top 10 is the share of the ten highest
        neighbours, nb. top 10  the same with the neighbouring dampings
        eff. dim.               Σ s/(s + λ) over all blocks
        condition, median       (s + λ)/λ, s the largest: worst and median block
        residual                |(F + λ₀I)x − v|/|v| in the default's system,
                                median over queries

      METHODS
      \(InfluenceCommand.methodList)

      METHODS ON REPRESENTATIONS (`influence gradients --representations`)
      \(InfluenceCommand.representationMethodList)
      """)

  @Option(help: ArgumentHelp("The training gradients.", valueName: "path")) var train: String?
  @Option(
    name: .customLong("fit"),
    help: ArgumentHelp("What `influence fit` kept of them.", valueName: "folder"))
  var keptFit: String?
  @Option(help: ArgumentHelp("The queries' gradients.", valueName: "path")) var query: String?
  @Option(
    help: ArgumentHelp(
      "The method, with settings after a colon: cg:tolerance=1e-3,steps=50.", valueName: "name"))
  var method: String
  @Option(
    help: ArgumentHelp("A row for each query, or one for the mean query.", valueName: "rows"))
  var aggregate: Aggregation = .none
  @Option(
    help: ArgumentHelp(
      "Sign: helpful (positive lowers the query's loss) or influence (the opposite).",
      valueName: "sign"))
  var convention: ScoreConvention = .helpful
  @Option(
    help: ArgumentHelp(
      "Where the scores go: a .npy file; with --top or a sweep: a .csv file.", valueName: "path"))
  var output: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep only so many most helpful and most harmful examples a query, as CSV.",
      valueName: "count"))
  var top: Int?
  @Flag(
    name: .customLong("per-block"),
    help: "Each block's share of every score: queries × examples × blocks.")
  var perBlock = false
  @Option(
    name: .customLong("damping-sweep"), parsing: .unconditional,
    help: ArgumentHelp(
      "Compare dampings from low to high: 1e-3:1:13, or absolute:LOW:HIGH:COUNT.",
      valueName: "low:high:count"))
  var dampingSweep: String?
  @Flag(help: "Print a sweep as JSON.") var json = false
  @Flag(inversion: .prefixedNo, help: "Residuals and score error bounds in the record.")
  var certificate: Bool?
  @OptionGroup var ensemble: EnsembleOptions
  @OptionGroup var fit: FitOptions

  func validate() throws {
    if let top {
      if top < 1 { throw ValidationError("--top \(top): use a number from 1 up") }
      if dampingSweep != nil {
        throw ValidationError("--damping-sweep writes no scores: leave out --top")
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
    let onRepresentations = try RepresentationRun(
      method, fit: fit,
      refusing: [
        ("--fit", keptFit != nil), ("--per-block", perBlock),
        ("--certificate", certificate == true),
        ("--damping-sweep", dampingSweep != nil), ("--checkpoint", !ensemble.checkpoints.isEmpty),
        ("--members", ensemble.members != nil),
      ])
    if let onRepresentations {
      return try onRepresentations.score(
        train: train ?? "", query: query ?? "", output: output ?? "", aggregate: aggregate,
        convention: convention, top: top)
    }
    if ensemble.isGiven {
      return try EnsembleRun(
        ensemble, method: method, output: output ?? "", fit: fit, needsQueries: true
      ).score(aggregate: aggregate, convention: convention)
    }
    let query = query ?? ""
    if let dampingSweep, let train {
      let sweep = try SweepRun(
        grid: dampingSweep, method: method, train: train, query: query, aggregate: aggregate,
        output: output, fit: fit)
      return try sweep.report(json: json, output: output, quiet: fit.quiet)
    }
    let output = output ?? ""
    let estimator = try EstimatorCatalog.estimator(method)
    let source = try CurvatureSource(train: train, fit: keptFit)
    let destination = try OutputPath(
      output, inputs: source.inputs + [query], ending: top == nil ? "npy" : "csv")
    let training = try source.store(at: source.train, options: fit)
    let queries = try source.store(at: query, options: fit)
    let expected = aggregate == .mean ? 1 : queries.count
    let meter = RunMeter()
    let differences = training.differences(from: queries)
    guard differences.isEmpty else {
      throw InfluenceError.layoutMismatch(
        train: training.name, query: queries.name, differences: differences)
    }
    guard queries.count > 0 else { throw InfluenceError.empty(source: queries.name) }
    let bar = ProgressBar(quiet: fit.quiet, meter: meter)
    defer { bar.finish() }
    let curvature = try source.curvature(
      of: estimator, on: training, options: fit,
      certifies: keptFit == nil ? certificate ?? true : certificate,
      expectedQueries: expected, meter: meter, progress: bar.handler)
    let summary = try score(queries, with: curvature, into: destination, bar) { summary in
      try record(summary, curvature, training, queries)
    }
    bar.finish()
    let work = WorkReport(
      meter.work, on: training, seconds: curvature.seconds + summary.seconds,
      precision: curvature.options.precision, measures: !fit.quiet)
    report(summary, curvature, work, output)
  }

  /// Scores as many queries at a time as memory allows, and writes their rows as they are made.
  private func score(
    _ queries: GradientStore, with curvature: Curvature, into destination: OutputPath,
    _ bar: ProgressBar, record: (ScoreSummary) throws -> OrderedJSON
  ) throws -> ScoreSummary {
    let rowCount = aggregate == .mean ? 1 : queries.count
    let atATime =
      aggregate == .mean
      ? queries.count : curvature.queriesAtATime(of: rowCount, perBlock: perBlock)
    var summary = ScoreSummary(
      queryCount: rowCount, exampleCount: curvature.training.count, warnings: curvature.warnings)
    if !curvature.keepsBlocks, atATime < rowCount {
      summary.warnings.append(
        "the matrices of all blocks do not fit in memory together, nor the scores of all queries: they are made anew for each \(atATime) queries; raise --memory, or keep them with `influence fit`"
      )
    }
    let blocks = curvature.contexts.map(\.name)
    func forEachBatch(_ write: (Matrix<Float>, _ first: Int) throws -> Void) throws {
      for first in stride(from: 0, to: queries.count, by: atATime) {
        let batch = queries[rows: first..<min(queries.count, first + atATime)]
        let scores = try curvature.scores(
          of: batch, aggregation: aggregate, perBlock: perBlock, progress: bar.handler)[0]
        let values = scores.shares?.interleaved(in: convention) ?? scores.values(in: convention)
        try write(try destination.single(values), first)
        summary.add(scores)
      }
    }
    if let top {
      var writer = try TopTableWriter(
        at: destination.array, count: top, convention: convention,
        queryIDs: aggregate == .mean ? nil : queries.exampleIDs(),
        exampleIDs: curvature.training.exampleIDs())
      try forEachBatch { try writer.append($0, firstQuery: $1) }
      summary.preview = writer.preview
      try destination.commit(writer, record: try record(summary))
    } else {
      var writer = try destination.writer(
        shape: [rowCount, curvature.training.count] + (perBlock ? [blocks.count] : []))
      try forEachBatch { scores, _ in try writer.append(scores) }
      try destination.commit(writer, record: try record(summary))
    }
    return summary
  }

  private func record(
    _ summary: ScoreSummary, _ curvature: Curvature, _ training: GradientStore,
    _ queries: GradientStore
  ) throws -> OrderedJSON {
    let estimator = curvature.estimators[0]
    return [
      "format": .string(
        perBlock
          ? "influencekit-block-scores"
          : top == nil ? "influencekit-scores" : "influencekit-top-scores"),
      "version": 1,
      "method": .string(estimator.name),
      "settings": RunRecord.settings(estimator.settings),
      "damping": .string(curvature.options.damping.description),
      "convention": .string(convention.rawValue),
      "positive_means": .string(
        convention == .helpful
          ? "having the example in training lowers the query's loss"
          : "having the example in training raises the query's loss"),
      "aggregate": .string(aggregate.rawValue),
      "rows": .integer(summary.queryCount),
      "columns": .integer(summary.exampleCount),
      "axes": perBlock ? ["query", "training example", "block"] : ["query", "training example"],
      "shape": .array(
        ([summary.queryCount, summary.exampleCount]
          + (perBlock ? [curvature.contexts.count] : [])).map { .integer($0) }),
      "block_names": perBlock ? RunRecord.strings(curvature.contexts.map(\.name)) : .null,
      "top": top.map { .integer($0) } ?? .null,
      "partition": try CurvatureSource(train: train, fit: keptFit).partition(fit).json,
      "precision": .string(curvature.options.precision.rawValue),
      "fit": keptFit.map { .string($0) } ?? .null,
      "blocks": RunRecord.blocks(of: curvature, estimator: 0),
      "train": try RunRecord.store(training),
      "query": try RunRecord.store(queries),
      "certificate": summary.certificate,
      "convergence": RunRecord.convergence(summary.convergence),
      "seconds": ["fit": .number(curvature.seconds), "score": .number(summary.seconds)],
      "work": WorkReport(
        curvature.options.meter?.work ?? RunMeter.Work(), on: training,
        seconds: curvature.seconds + summary.seconds, precision: fit.precision, measures: false
      ).json,
      "warnings": RunRecord.strings(summary.warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }

  private func report(
    _ summary: ScoreSummary, _ curvature: Curvature, _ work: WorkReport, _ output: String
  ) {
    for warning in summary.warnings { Console.error("warning: \(warning)") }
    guard !fit.quiet else { return }
    let kept = top.map { "the top and bottom \(min($0, summary.exampleCount)) of each query in " }
    print(
      "\(output): \(kept ?? "")\(summary.queryCount) × \(summary.exampleCount)\(perBlock ? " × \(curvature.contexts.count) shares of blocks in" : "") scores by \(curvature.estimators[0].name), positive is \(convention == .helpful ? "helpful" : "harmful")"
    )
    if let preview = summary.preview {
      func list(_ entries: [TopExamples.Entry]) -> String {
        entries.prefix(3).map {
          "\($0.example) (\(NumberFormat.significant(convention.sign * $0.score)))"
        }.joined(separator: ", ")
      }
      print(
        "\(aggregate == .mean ? "mean query" : "query 0"): most helpful \(list(preview.helpful)); most harmful \(list(preview.harmful))"
      )
    }
    print(
      "fit \(NumberFormat.seconds(curvature.seconds)), score \(NumberFormat.seconds(summary.seconds)): \(work.line)"
    )
    guard let median = Statistics.median(summary.residuals) else { return }
    print(
      "relative residual: median \(NumberFormat.significant(median)), worst \(NumberFormat.significant(summary.residuals.max())); exact scores lie within ±\(NumberFormat.significant(summary.bounds.max())) (largest score \(NumberFormat.significant(summary.largest)))"
    )
  }
}
