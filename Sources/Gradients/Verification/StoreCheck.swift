/// Which bytes are compared with their checksums when a store is opened.
public enum StoreCheck: Sendable {
  /// None: what is damaged opens all the same, for a look at the damage.
  case nothing
  /// Those of stores and of files beside them of up to 4 MiB, which takes two milliseconds.
  case small
  /// All of them, at about 2 GB/s.
  case everything

  /// The largest number of bytes that count as small.
  static let smallByteCount = 4 << 20

  /// Whether so many bytes are compared.
  func covers(byteCount: Int) -> Bool {
    switch self {
    case .nothing: false
    case .small: byteCount <= Self.smallByteCount
    case .everything: true
    }
  }
}
