import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence merge`: several stores as one.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write the rows of several stores as one store.",
    usage: "influence merge <destination> <sources> ... [--quiet]",
    discussion: """
      Rows follow each other in the order of the sources, which must have the same blocks and one \
      type; ids and losses come along. When stopped, give the same command again: it goes on from \
      the last committed row.

      EXAMPLES
        influence merge grads/train grads/rank-0 grads/rank-1
      """)

  @Argument(help: "The new store's folder.") var destination: String
  @Argument(help: "Stores, in the order of their rows.") var sources: [String]
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var copying: CopyOptions

  func run() throws {
    let stores = try sources.map {
      try GradientStore(opening: URL(filePath: $0), check: copying.check)
    }
    let joined = try GradientStore(joining: stores, name: sources.joined(separator: " + "))
    try joined.requireRows()
    let target = try StoreDestination(destination, sources: sources).url
    let copy = StoreCopy(of: joined, to: target, chunkBytes: copying.bytes)
    Interruption.leavesStore(destination)
    let outcome = try ProgressBar.during(quiet: quiet) { try copy.run(progress: $0) }
    guard !quiet else { return }
    Console.print(
      "\(destination): \(outcome.summary(of: copy.elementType, factorRank: copy.factorRank)), from \(Counted(stores.count, "store"))"
    )
  }
}
