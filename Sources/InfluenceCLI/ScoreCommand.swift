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
      """,
    discussion: """
      Writes float32 scores, queries × training examples (numpy.load opens them), and beside them a \
      .json with the method, λ of each block, the sign convention, checksums of the inputs, times and \
      warnings.

      EXAMPLES
        influence score --train grads/train --query grads/query \\
            --method datainf --output scores.npy
        influence score --train t.safetensors --query q.safetensors \\
            --method exact --damping absolute:1e-3 \\
            --aggregate mean --convention influence --output mean.npy
        influence score --train t.npy --query q.npy \\
            --method lissa:depth=10 --output lissa10.npy

      METHODS
      \(InfluenceCommand.methodList)
      """)

  @Option(help: ArgumentHelp("The training gradients.", valueName: "path")) var train: String
  @Option(help: ArgumentHelp("The queries' gradients.", valueName: "path")) var query: String
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
  @Option(help: ArgumentHelp("Where the scores go: a .npy file.", valueName: "path")) var output:
    String
  @Flag(inversion: .prefixedNo, help: "Residuals and score error bounds in the record.")
  var certificate = true
  @OptionGroup var fit: FitOptions

  func run() throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let destination = try OutputPath(output, inputs: [train, query])
    let training = try GradientStore(opening: URL(filePath: train))
    let queries = try GradientStore(opening: URL(filePath: query))
    let expected = aggregate == .mean ? 1 : queries.count
    let options = try fit.curvatureOptions(certifies: certificate, expectedQueries: expected)
    let differences = training.layout.differences(from: queries.layout)
    guard differences.isEmpty else {
      throw InfluenceError.layoutMismatch(
        train: training.name, query: queries.name, differences: differences)
    }
    let bar = ProgressBar(quiet: fit.quiet)
    defer { bar.finish() }
    let curvature = try Curvature(
      fitting: [estimator], on: training, options: options, progress: bar.handler)
    let scores = try curvature.scores(
      of: queries, aggregation: aggregate, progress: bar.handler)[0]
    bar.finish()
    try destination.write(
      scores.values(in: convention), isVector: false,
      record: try record(scores, curvature, training, queries))
    report(scores, curvature)
  }

  private func record(
    _ scores: Scores, _ curvature: Curvature, _ training: GradientStore, _ queries: GradientStore
  ) throws -> OrderedJSON {
    [
      "format": "influencekit-scores",
      "version": 1,
      "method": .string(scores.method),
      "settings": RunRecord.settings(scores.settings),
      "damping": .string(fit.damping.description),
      "convention": .string(convention.rawValue),
      "positive_means": .string(
        convention == .helpful
          ? "having the example in training lowers the query's loss"
          : "having the example in training raises the query's loss"),
      "aggregate": .string(aggregate.rawValue),
      "rows": .integer(scores.queryCount),
      "columns": .integer(scores.exampleCount),
      "axes": ["query", "training example"],
      "precision": .string(fit.precision.rawValue),
      "blocks": RunRecord.blocks(of: curvature, estimator: 0),
      "train": try RunRecord.store(training),
      "query": try RunRecord.store(queries),
      "certificate": scores.certificate.map { RunRecord.certificate($0) } ?? .null,
      "convergence": RunRecord.convergence(scores.convergence),
      "seconds": ["fit": .number(curvature.seconds), "score": .number(scores.seconds)],
      "warnings": RunRecord.strings(scores.warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }

  private func report(_ scores: Scores, _ curvature: Curvature) {
    for warning in scores.warnings { Console.error("warning: \(warning)") }
    guard !fit.quiet else { return }
    print(
      "\(output): \(scores.queryCount) × \(scores.exampleCount) scores by \(scores.method), positive is \(convention == .helpful ? "helpful" : "harmful")"
    )
    print(
      "fit \(NumberFormat.seconds(curvature.seconds)), score \(NumberFormat.seconds(scores.seconds))"
    )
    if let certificate = scores.certificate {
      let residuals = certificate.relativeResiduals.sorted()
      let bound = certificate.errorBounds().max() ?? 0
      let largest = scores.values.elements.lazy.map(abs).max() ?? 0
      print(
        "relative residual: median \(NumberFormat.significant(residuals[residuals.count / 2])), worst \(NumberFormat.significant(residuals.last)); exact scores lie within ±\(NumberFormat.significant(bound)) (largest score \(NumberFormat.significant(largest)))"
      )
    }
  }
}
