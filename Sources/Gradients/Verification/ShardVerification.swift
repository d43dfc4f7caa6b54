/// What checking one shard's bytes against what its writer recorded has found.
public struct ShardVerification: Sendable {
  /// What the bytes could be compared with.
  public enum Evidence: String, Sendable {
    /// One checksum per range of rows, one of the norms and one of the examples.
    case rowRanges = "row-ranges"
    /// One checksum of all gradients, as older versions recorded it.
    case wholeFile = "whole-file"
    /// Nothing was recorded: only sizes and finiteness could be checked.
    case nothing = "nothing"
  }

  /// Bytes that are not those that were written.
  public struct Damage: Sendable, Hashable {
    /// The file.
    public let path: String
    /// The rows of the shard that the bytes belong to; nil for files that are not checked by rows.
    public let rows: Range<Int>?
    /// The checksum that the writer recorded.
    public let recorded: String
    /// The checksum of the bytes that are there.
    public let found: String
  }

  /// The shard's directory, or the file.
  public let path: String
  /// The shard's rows in the whole store.
  public let rows: Range<Int>
  /// What the bytes could be compared with.
  public let evidence: Evidence
  /// Bytes that were compared with a checksum, or looked at for their finiteness.
  public let checkedBytes: Int
  /// What is damaged.
  public let damages: [Damage]
  /// Rows of the shard with NaN, infinity, or a norm too large to be squared; looked for only where
  /// nothing was recorded.
  public let nonFiniteRows: [Int]
  /// Whether the shard's writer finished.
  public let isComplete: Bool
  /// Whether `manifest.json` holds its own checksum, which was compared with it when the store was opened; false where
  /// there is none, as in stores of other tools and of older versions.
  public let manifestIsSealed: Bool

  /// Whether nothing wrong was found.
  public var isSound: Bool { damages.isEmpty && nonFiniteRows.isEmpty }
}
