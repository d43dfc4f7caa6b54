import Algorithms
public import Foundation
import LinearAlgebra
public import TensorFiles

/// Writes a store as a directory of shards, each a store of its own, in bounded memory.
///
/// Shards are called `shard-0000`, `shard-0001`, … and hold the rows in order, so that the directory opens as
/// the same store. They are written in a directory beside the destination, whose name ends in
/// `.part` and which takes the destination's name when every shard is whole. A split that was stopped, by
/// whatever, goes on when it is run again: finished shards are kept, and the unfinished one goes on
/// from its last committed row.
public struct StoreSplit: Sendable {
  /// What is split.
  public let source: GradientStore
  /// The rows of each shard, in order.
  public let shards: [Range<Int>]
  /// The new directory.
  public let destination: URL
  /// How the shards' numbers are stored.
  public let elementType: ElementType
  /// What was asked for; nil keeps factors as they stand.
  private let givenType: ElementType?
  /// Bytes of gradients that are read, converted and committed at a time.
  let chunkBytes: Int

  /// What a run did.
  public struct Outcome: Sendable {
    /// Rows that an earlier run had committed.
    public let resumedRows: Int
    /// All rows.
    public let rows: Int
    /// The number of shards.
    public let shards: Int
  }

  /// Describes a split; nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - source: A whole store, as it was opened.
  ///   - shards: The rows of each shard: all rows, in order, none of them empty.
  ///   - destination: Where to: nothing, or an empty folder.
  ///   - elementType: How to store numbers; the narrowest type that loses nothing unless given.
  ///   - chunkBytes: Bytes of gradients at a time; a few times as much memory is used.
  public init(
    of source: GradientStore, shards: [Range<Int>], into destination: URL,
    elementType: ElementType? = nil, chunkBytes: Int = 32 << 20
  ) {
    let starts = [0] + shards.map(\.upperBound)
    precondition(
      shards.map(\.lowerBound) == Array(starts.dropLast()) && starts.last == source.count
        && shards.allSatisfy { !$0.isEmpty }, "\(shards) are not all \(source.count) rows in order")
    self.source = source
    self.shards = shards
    self.destination = destination
    givenType = elementType
    self.elementType = elementType ?? source.factorType ?? source.sufficientElementType
    self.chunkBytes = chunkBytes
  }

  /// Cuts rows into a number of shards whose sizes differ by at most one, the longer ones first.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - count: How many shards; from 1 to `rows`.
  public static func ranges(of rows: Int, shards count: Int) -> [Range<Int>] {
    precondition(count >= 1 && count <= rows, "\(count) shards of \(rows) rows")
    let (size, longer) = rows.quotientAndRemainder(dividingBy: count)
    func start(_ shard: Int) -> Int { shard * size + min(shard, longer) }
    return (0..<count).map { start($0)..<start($0 + 1) }
  }

  /// Cuts rows into shards of a number of rows; the last may be shorter.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - size: The rows of a shard; positive.
  public static func ranges(of rows: Int, rowsPerShard size: Int) -> [Range<Int>] {
    precondition(size >= 1, "shards of \(size) rows")
    return Array((0..<rows).chunks(ofCount: size))
  }

  /// Where the shards are until all of them are whole: the destination's name with `.part`.
  public var unfinished: URL {
    let target = destination.standardizedFileURL
    return target.deletingLastPathComponent().appending(path: target.lastPathComponent + ".part")
  }

  /// The directory name of a shard.
  package func name(ofShard index: Int) -> String {
    // As long as the last one's, so that names sort as the rows do.
    let digits = max(4, String(shards.count - 1).count)
    let number = String(index)
    return "shard-" + String(repeating: "0", count: digits - number.count) + number
  }

  /// Writes the shards that are not written yet, and gives the directory its name.
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are committed.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where something is at the destination,
  ///   ``GradientStoreError/beingWritten(path:)`` where another run is at work,
  ///   ``GradientStoreError/notResumable(path:reason:)`` where an unfinished split is another one,
  ///   ``GradientStoreError/notFinite(path:row:block:reason:)`` naming the source's row, or an error
  ///   of a file.
  /// - Complexity: reads the source once, and once more for its checksum unless that is recorded.
  public func run(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> Outcome {
    let files = FileManager.default
    try requireVacantDestination()
    let isNew = try StoreDirectory.create(unfinished)
    do {
      let lock = try StoreDirectory.lock(unfinished)
      // Another run may have come to its end in the meantime.
      try requireVacantDestination()
      try requireOwnShards()
      let resumed = try writeShards(progress)
      try StoreDirectory.rename(unfinished, to: destination)
      _ = consume lock
      return Outcome(resumedRows: resumed, rows: source.count, shards: shards.count)
    } catch let error as GradientStoreError {
      // The source must change, and then these are not its shards any more.
      if isNew, case .notFinite = error { try? files.removeItem(at: unfinished) }
      throw error
    }
  }

  private func writeShards(
    _ progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?
  ) throws -> Int {
    let checksum = try source.checksum() ?? "none"
    var examples = try ExampleReader(of: source)
    var resumed = 0
    for (index, rows) in shards.enumerated() {
      var copy = StoreCopy(
        of: source, rows: rows, to: unfinished.appending(path: name(ofShard: index)),
        elementType: givenType, chunkBytes: chunkBytes)
      copy.knownChecksum = checksum
      let total = Double(source.count)
      if try copy.isFinished() {
        resumed += rows.count
      } else {
        resumed += try copy.run(reading: &examples) { _, share in
          progress?("split", (Double(rows.lowerBound) + share * Double(rows.count)) / total)
        }.resumedRows
      }
      progress?("split", Double(rows.upperBound) / total)
    }
    return resumed
  }

  private func requireVacantDestination() throws {
    let files = FileManager.default
    guard files.fileExists(atPath: destination.path) else { return }
    guard try files.contentsOfDirectory(atPath: destination.path).isEmpty else {
      throw GradientStoreError.alreadyExists(path: destination.path)
    }
    try MountPoint.refuse(destination)
  }

  /// Refuses an unfinished directory with anything in it that is no shard of this split.
  private func requireOwnShards() throws {
    let own = Set(shards.indices.map(name(ofShard:)))
    let names = try FileManager.default.contentsOfDirectory(atPath: unfinished.path)
    guard let stray = names.sorted().first(where: { !own.contains($0) }) else { return }
    throw GradientStoreError.notResumable(
      path: unfinished.path,
      reason:
        "\(stray.quoted) is in it, so that it is not this split, unfinished")
  }
}
