import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence split`: a store as a directory of shards.
struct SplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Write a store as a directory of shards.",
    usage: """
      influence split <source> <destination> --shards <count> [<options>]
      influence split <source> <destination> --rows <count> [<options>]
      """,
    discussion: """
      Each shard is a store of its own (shard-0000, shard-0001, ...) with norms, checksums, ids and \
      losses; the directory opens as the whole store, and influence merge makes one of it again. \
      Shards are written in <destination>.part, which gets its name when all are whole. When stopped, \
      give the same command again: finished shards are kept, and the unfinished one goes on.

      EXAMPLES
        influence split grads/train grads/shards --shards 8
        influence split train.safetensors grads/shards --rows 10000 \\
            --dtype float16
      """)

  @Argument(help: "A store directory, .safetensors, .npy, or a directory of .npy files.")
  var source: String
  @Argument(help: "The new directory of shards.") var destination: String
  @Option("How many shards, of equal size or one row less.", number: "count") var shards: Int?
  @Option("Rows in a shard; the last may have fewer.", number: "count") var rows: Int?
  @Option("The type of numbers; what loses nothing by default.", value: "type")
  var dtype: ElementType?
  @Flag(help: "Print JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var losses: LossOptions
  @OptionGroup var copying: CopyOptions

  func validate() throws {
    guard (shards == nil) != (rows == nil) else {
      throw ValidationError("give --shards or --rows, one of them")
    }
    try ValidationError.require(atLeast: 1, ("--shards", shards), ("--rows", rows))
  }

  func run() throws {
    let store = try GradientStore(opening: URL(filePath: source), check: copying.check)
    guard store.count > 0 else { throw InfluenceError.empty(source: source) }
    if let shards, shards > store.count {
      throw Failure.usage(
        "--shards \(shards): \(source) has \(store.count) rows; use a number up to that")
    }
    let ranges =
      shards.map { StoreSplit.ranges(of: store.count, shards: $0) }
      ?? StoreSplit.ranges(of: store.count, rowsPerShard: rows ?? store.count)
    let target = try StoreDestination(destination, sources: [source]).url
    _ = try losses.loss(storing: store, as: dtype)
    let split = StoreSplit(
      of: store, shards: ranges, into: target, elementType: dtype, chunkBytes: copying.bytes)
    Interruption.leavesShards(split, path: destination)
    let outcome = try ProgressBar.during(quiet: quiet) { try split.run(progress: $0) }
    if json {
      try Console.print(record(split, outcome))
    } else if !quiet {
      let rows = StoreCopy.Outcome.summary(
        rows: outcome.rows, resumed: outcome.resumedRows, of: split.elementType,
        factorRank: dtype == nil ? store.factors?.rank : nil)
      Console.print("\(destination): \(Counted(outcome.shards, "shard")), \(rows)")
    }
  }

  private func record(_ split: StoreSplit, _ outcome: StoreSplit.Outcome) throws -> OrderedJSON {
    [
      "format": "influencekit-split",
      "version": 1,
      "source": .string(source),
      "destination": .string(destination),
      "dtype": .string(split.elementType.name),
      "rows": .integer(outcome.rows),
      "resumed_rows": .integer(outcome.resumedRows),
      "shards": .array(
        split.shards.map { ["first_row": .integer($0.lowerBound), "rows": .integer($0.count)] }),
    ]
  }
}

/// How stores are copied.
struct CopyOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "Compare every byte of the source with its checksum first, so that no damage is copied.")
  var verify = true
  /// How much is copied and committed at a time, for those who want it finer, such as tests.
  @Option(help: .hidden) var chunk: ByteCount?

  var bytes: Int { chunk?.bytes ?? 32 << 20 }
  /// Which bytes of the source are compared.
  var check: StoreCheck { verify ? .everything : .small }
}
