import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence import`: any gradients as a store directory.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Write any gradients as a store directory, with checksums.",
    usage: "influence import <source> <destination> [--dtype <type>] [--quiet]",
    discussion: """
      Reads whatever can be opened, a chunk at a time, and writes it with a manifest, norms and \
      checksums. When stopped, give the same command again: it goes on from the last committed row. \
      A narrower type saves space, and what it loses is measured and printed.

      EXAMPLES
        influence import train.safetensors grads/train
        influence import train.safetensors grads/half --dtype bfloat16
      """)

  @Argument(help: "A store directory, .safetensors, .npy, or a directory of .npy files.")
  var source: String
  @Argument(help: "The new store's folder.") var destination: String
  @Option(
    help: ArgumentHelp(
      "float16, bfloat16, float32 or float64; what loses nothing by default.", valueName: "type"))
  var dtype: ElementType?
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var pace: CopyPace

  func run() throws {
    let store = try GradientStore(opening: URL(filePath: source))
    guard store.count > 0 else { throw InfluenceError.empty(source: source) }
    let target = try StoreDestination(destination, sources: [source]).url
    let bar = ProgressBar(quiet: quiet)
    defer { bar.finish() }
    let copy = StoreCopy(
      of: store, to: target, elementType: dtype, chunkBytes: pace.bytes)
    Interruption.leavesStore(destination)
    let outcome = try copy.run(progress: bar.handler)
    guard !quiet else { return }
    let isExact = copy.elementType.holds(store.sufficientElementType)
    let loss = isExact ? nil : try PrecisionLoss(of: GradientStore(opening: target), from: store)
    bar.finish()
    print("\(destination): \(outcome.summary(of: copy.elementType))")
    guard let loss else {
      print("nothing is lost: \(copy.elementType) holds every number of the source")
      return
    }
    func text(_ value: Double) -> String { NumberFormat.significant(value) }
    print(
      "lost by \(copy.elementType): row norms, relative error \(text(loss.medianNormError)) (median), \(text(loss.largestNormError)) (max)"
    )
    print(
      "scores of \(loss.queries) × \(loss.examples) sampled rows: max |ΔS| / max |S| = \(text(loss.scoreError))"
    )
  }
}

extension StoreCopy.Outcome {
  /// `12 rows in float32`, and where the copy went on.
  func summary(of type: ElementType) -> String {
    Self.summary(rows: rows, resumed: resumedRows, of: type)
  }

  static func summary(rows: Int, resumed: Int, of type: ElementType) -> String {
    let resumed = resumed > 0 ? ", of which an earlier run wrote \(resumed)" : ""
    return "\(rows) \(rows == 1 ? "row" : "rows") in \(type)\(resumed)"
  }
}
