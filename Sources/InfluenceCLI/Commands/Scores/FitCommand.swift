import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence fit`: what methods need of a training store, kept for any number of scores.
struct FitCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fit methods to a training store once, and keep what they need.",
    usage: """
      influence fit --train <path> --method <names> --output <folder>
                    [<options>]
      """,
    discussion: """
      Keeps matrices and factors of each block, as .npy files beside a fit.json with checksums, so that \
      score --fit and self --fit need no fitting pass. It holds a few blocks at a time in memory. When \
      stopped, give the same command again: it goes on with the blocks that it lacks. A fit belongs to \
      the store that it came from, and is refused for another, or once that has changed.

      EXAMPLES
        influence fit --train grads/train --method exact,datainf --output fits/train
        influence score --fit fits/train --query grads/query \\
            --method exact --output scores.npy
        influence self --fit fits/train --method datainf --output self.npy
        influence verify fits/train

      Methods that go by passes (hessian-free, block-normalized, pcg, and datainf where it is fitted \
      on the query side) need norms and dampings alone, which are kept too.

      METHODS
      \(MethodHelp.methods)
      """)

  @Option("The training gradients.", value: "path") var train: String
  @Option(
    help: ArgumentHelp("Methods, with commas between them: exact,datainf.", valueName: "names"))
  var method: [String] = []
  @Option("The fit's folder.", value: "folder", name: "output") var givenOutput: String?
  @Flag(
    inversion: .prefixedNo,
    help: "Keep what certificates take: K or F of each block beside its factor.")
  var certificate = true
  @Flag(help: "Print what is kept as JSON.") var json = false
  @OptionGroup var fit: FitOptions

  private var output: String { givenOutput ?? "" }

  private var methods: [String] {
    get throws { try MethodArgument.several(in: method, valueName: "names") }
  }

  func validate() throws {
    _ = try methods
    if givenOutput == nil { throw ValidationError("Missing expected argument '--output <folder>'") }
  }

  func run() throws {
    let estimators = try methods.map { try EstimatorCatalog.estimator($0) }
    let target = try StoreDestination(output, sources: [train], marker: FitManifest.fileName).url
    let training = try fit.store(at: train)
    let meter = RunMeter()
    let options = try fit.curvatureOptions(certifies: certificate, meter: meter)
    Interruption.leavesFit(output)
    let writer = FitWriter(of: estimators, on: training, to: target, options: options)
    let outcome = try ProgressBar.during(quiet: fit.quiet, meter: meter) {
      try writer.run(progress: $0)
    }
    Console.warn(outcome.warnings)
    if json {
      let result: OrderedJSON = [
        "fit": .string(output), "bytes": .integer(outcome.manifest.byteCount),
        "resumed_blocks": .integer(outcome.resumedBlocks), "seconds": .number(outcome.seconds),
        "manifest": outcome.manifest.json,
      ]
      try Console.print(result)
    } else if !fit.quiet {
      report(outcome, training)
    }
  }

  private func report(_ outcome: FitWriter.Outcome, _ training: GradientStore) {
    let manifest = outcome.manifest
    let resumed =
      outcome.resumedBlocks > 0
      ? ", of which an earlier run kept \(outcome.resumedBlocks)" : ""
    Console.print(
      "\(output): \(NumberFormat.bytes(manifest.byteCount)) in \(manifest.files.count) files: \(training.count) training rows, \(Counted(manifest.blocks.count, "block"))\(resumed); \(NumberFormat.seconds(outcome.seconds))"
    )
    for (place, method) in manifest.methods.enumerated() {
      var reasons: [String] = []
      var blocks: [String: [String]] = [:]
      for block in manifest.blocks where block.damping != nil {
        let choice = block.choices[place]
        let reason = "\(choice.side.rawValue) side, \(choice.reason)"
        if blocks[reason] == nil { reasons.append(reason) }
        blocks[reason, default: []].append(block.name)
      }
      for reason in reasons {
        let names = blocks[reason] ?? []
        let shown =
          names.count > 2 ? "\(Counted(names.count, "block"))" : names.joined(separator: ", ")
        Console.print("\(method.specification): \(reason) (\(shown))")
      }
    }
    var sizes: [String: Int] = [:]
    for file in manifest.files { sizes[file.holds, default: 0] += file.byteCount }
    let parts = sizes.sorted { $0.value > $1.value || ($0.value == $1.value && $0.key < $1.key) }
    Console.print(
      "kept: "
        + parts.map { "\($0.key) \(NumberFormat.bytes($0.value))" }.joined(separator: ", "))
  }
}
