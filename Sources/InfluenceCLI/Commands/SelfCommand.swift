import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence self`: the influence of each training example on itself.
struct SelfCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self",
    abstract: "The self-influence gᵀMg of every training example.",
    usage: """
      influence self --train <path> --method <name> --output <path> [<options>]
      influence self --fit <folder> --method <name> --output <path> [<options>]
      """,
    discussion: """
      Large values mark examples that the model could learn only from themselves: mislabelled, rare, or \
      contradicted by others. Writes n float32 values, and a .json beside them; with --per-block n × blocks, \
      whose sums over the last axis are the values.

      EXAMPLE
        influence self --train grads/train --method exact --output self.npy
        influence self --fit fits/train --method exact --output self.npy

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
  @Option(help: ArgumentHelp("The method, with settings after a colon.", valueName: "name"))
  var method: String
  @Option(help: ArgumentHelp("Where the values go: a .npy file.", valueName: "path"))
  var output: String
  @Flag(name: .customLong("per-block"), help: "Each block's share of every value: n × blocks.")
  var perBlock = false
  @OptionGroup var ensemble: EnsembleOptions
  @OptionGroup var fit: FitOptions

  func validate() throws {
    if ensemble.isGiven {
      guard !perBlock else {
        throw ValidationError(
          "--per-block is of one store: leave out --checkpoint and --members, and take each by itself"
        )
      }
      guard train == nil, keptFit == nil else {
        throw ValidationError(
          "an ensemble has its own training gradients: leave out --train and --fit")
      }
      return
    }
    if train == nil, keptFit == nil {
      throw ValidationError("Missing expected argument '--train <path>'")
    }
  }

  func run() throws {
    let onRepresentations = try RepresentationRun(
      method, fit: fit,
      refusing: [
        ("--fit", keptFit != nil), ("--per-block", perBlock),
        ("--checkpoint", !ensemble.checkpoints.isEmpty), ("--members", ensemble.members != nil),
      ])
    if let onRepresentations {
      return try onRepresentations.selfInfluence(train: train ?? "", output: output)
    }
    if ensemble.isGiven {
      return try EnsembleRun(
        ensemble, method: method, output: output, fit: fit, needsQueries: false
      ).selfInfluence()
    }
    let estimator = try EstimatorCatalog.estimator(method)
    let source = try CurvatureSource(train: train, fit: keptFit)
    let destination = try OutputPath(output, inputs: source.inputs)
    let training = try source.store(at: source.train, options: fit)
    let meter = RunMeter()
    let bar = ProgressBar(quiet: fit.quiet, meter: meter)
    defer { bar.finish() }
    let clock = ContinuousClock()
    let start = clock.now
    let curvature = try source.curvature(
      of: estimator, on: training, options: fit, certifies: false, meter: meter,
      progress: bar.handler)
    let result = try curvature.selfInfluence(perBlock: perBlock, progress: bar.handler)[0]
    let influence = result.values
    let elapsed = (clock.now - start) / .seconds(1)
    bar.finish()
    let work = WorkReport(
      meter.work, on: training, seconds: elapsed, precision: curvature.options.precision,
      measures: !fit.quiet)
    let record: OrderedJSON = [
      "format": .string(
        perBlock ? "influencekit-block-self-influence" : "influencekit-self-influence"),
      "version": 1,
      "method": .string(estimator.name),
      "settings": RunRecord.settings(estimator.settings),
      "damping": .string(curvature.options.damping.description),
      "partition": try source.partition(fit).json,
      "rows": .integer(influence.count),
      "axes": perBlock ? ["training example", "block"] : ["training example"],
      "block_names": perBlock ? RunRecord.strings(curvature.contexts.map(\.name)) : .null,
      "precision": .string(curvature.options.precision.rawValue),
      "fit": keptFit.map { .string($0) } ?? .null,
      "blocks": RunRecord.blocks(of: curvature, estimator: 0),
      "train": try RunRecord.store(training),
      "seconds": .number(elapsed),
      "work": work.json,
      "warnings": RunRecord.strings(result.warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
    if let shares = result.shares {
      var writer = try destination.writer(rows: influence.count, columns: shares.blocks.count)
      try writer.append(
        try destination.single(
          Matrix(
            rows: influence.count, columns: shares.blocks.count,
            elements: shares.interleaved().elements)))
      try destination.commit(writer, record: record)
    } else {
      try destination.write(vector: influence, record: record)
    }
    for warning in result.warnings { Console.error("warning: \(warning)") }
    guard !fit.quiet else { return }
    let largest = try Ranking.topIndices(min(5, influence.count), of: influence)
    print(
      "\(output): \(influence.count)\(perBlock ? " × \(curvature.contexts.count) shares of blocks in" : "") values by \(estimator.name), in \(NumberFormat.seconds(elapsed)): \(work.line)"
    )
    print(
      "largest: "
        + largest.map { "\($0) (\(NumberFormat.significant(influence[$0])))" }.joined(
          separator: ", "))
  }
}
