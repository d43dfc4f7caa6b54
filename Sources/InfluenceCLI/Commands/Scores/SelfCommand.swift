import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence self`: the influence of each training example on itself.
struct SelfCommand: FittingCommand {
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
        influence self --train t.npy --method exact --examples train.jsonl \\
            --output self.npy
        influence top self.npy --count 20

      \(ExampleTextOptions.discussion)

      METHODS
      \(MethodHelp.methods)

      METHODS ON REPRESENTATIONS (`influence gradients --representations`)
      \(MethodHelp.representationMethods)
      """)

  @Option("The training gradients.", value: "path") var train: String?
  @Option("What `influence fit` kept of them.", value: "folder", name: "fit") var keptFit: String?
  @Option(help: ArgumentHelp("The method, with settings after a colon.", valueName: "name"))
  var method: [String] = []
  @OptionGroup var length: NormalizeOption
  @Option("Where the values go: a .npy file.", value: "path", name: "output")
  var givenOutput: String?
  @Flag(help: "Each block's share of every value: n × blocks.")
  var perBlock = false
  @OptionGroup var texts: LabelledTextOptions
  @OptionGroup var ensemble: EnsembleOptions
  @OptionGroup var fit: FitOptions

  private var output: String { givenOutput ?? "" }

  func validate() throws {
    _ = try MethodArgument.one(of: method, for: "self")
    if givenOutput == nil { throw ValidationError("Missing expected argument '--output <path>'") }
    if ensemble.isGiven {
      guard !perBlock else {
        throw ValidationError(
          "--per-block is of one store: leave out --checkpoint and --members, and take each by itself"
        )
      }
      guard texts.examples == nil else {
        throw ValidationError("--examples are of one store: leave out --checkpoint and --members")
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
    let method = try length.method(MethodArgument.one(of: method, for: "self"))
    let onRepresentations = try RepresentationCatalog.method(
      method, options: fit,
      refusing: [
        ("--fit", keptFit != nil), ("--per-block", perBlock),
        ("--checkpoint", !ensemble.checkpoints.isEmpty), ("--members", ensemble.members != nil),
      ])
    if let onRepresentations { return try influence(by: onRepresentations) }
    if ensemble.isGiven { return try influenceOfEnsemble(by: method) }
    let estimator = try EstimatorCatalog.estimator(method)
    let source = try CurvatureSource(train: train, fit: keptFit)
    let destination = try OutputPath(output, inputs: source.inputs)
    let training = try source.store(at: source.train, options: fit)
    let given = try texts.texts(count: training.count)
    let meter = RunMeter()
    let (curvature, influence) = try ProgressBar.during(quiet: fit.quiet, meter: meter) {
      progress in
      if keptFit == nil {
        try Curvature.requireMemory(
          selfInfluenceBy: estimator, on: training, perBlock: perBlock,
          options: fit.curvatureOptions(certifies: false))
      }
      let curvature = try source.curvature(
        of: estimator, on: training, options: fit, certifies: false, meter: meter,
        progress: progress)
      let influence = try curvature.selfInfluence(
        into: destination.file, perBlock: perBlock, details: RunRecord.details(fit: keptFit),
        progress: progress)
      return (curvature, influence)
    }
    let seconds = curvature.seconds + influence.seconds
    let work = WorkReport(
      meter.work, on: training, seconds: seconds, options: curvature.options,
      measures: !fit.quiet)
    Console.warn(influence.warnings)
    guard !fit.quiet else { return }
    let shares = perBlock ? " × \(curvature.contexts.count) shares of blocks in" : ""
    Console.print(
      "\(output): \(influence.exampleCount)\(shares) values by \(estimator.name), in \(NumberFormat.seconds(seconds)): \(work.line)"
    )
    try printLargest(influence.largest, of: training, given)
  }

  private func influenceOfEnsemble(by method: String) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let destination = try OutputPath(output, inputs: try ensemble.folders().map(\.folder.path))
    let members = try ensemble.ensemble(for: estimator, fit, needsQueries: false)
    let options = try fit.curvatureOptions(certifies: false, meter: RunMeter())
    let influence = try ProgressBar.during(quiet: fit.quiet) {
      try members.selfInfluence(
        by: estimator, into: destination.file, options: options, details: RunRecord.details(),
        progress: $0)
    }
    Console.warn(influence.warnings)
    guard !fit.quiet else { return }
    Console.print(
      "\(output): \(influence.values.count) values by \(estimator.name) over \(members.members.count) members"
    )
  }

  private func influence(by method: any RepresentationMethod) throws {
    let train = train ?? ""
    let destination = try OutputPath(output, inputs: [train])
    let examples = try RepresentedExamples(atArgument: train)
    let given = try texts.texts(count: examples.count)
    let values = try method.selfInfluence(
      on: examples, into: destination.file,
      details: RunRecord.details()
    ).values
    guard !fit.quiet else { return }
    Console.print("\(output): \(values.count) values by \(method.name)")
    let largest = try TopExamples(of: values, count: 5).helpful
    try printLargest(largest, of: examples.store, given)
  }

  /// Prints the largest values, with what is known of their examples.
  private func printLargest(
    _ largest: [TopExamples.Entry], of training: GradientStore?, _ given: ExampleTexts?
  ) throws {
    let shown = try training.map {
      try ShownExamples(Set(largest.map(\.example)), of: $0, given: given)
    }
    if let shown, !shown.isEmpty {
      let table = try shown.table(
        of: largest, example: \.example,
        [
          .integer("row") { $0.example },
          .number("value", .significant(digits: 4)) { $0.score },
        ])
      Console.print("")
      return Console.print(table)
    }
    Console.print(
      "largest: "
        + largest.map { "\($0.example) (\(NumberFormat.significant($0.score)))" }
        .joined(separator: ", "))
  }
}
