import Foundation

/// How fast files are read from first byte to last.
public struct DiskRate: Sendable {
  /// Bytes a second.
  public var bytesPerSecond: Double
  /// Whether the system was asked to forget the files first; if not, they may have come from memory.
  public var isCold: Bool

  /// A known rate.
  public init(bytesPerSecond: Double, isCold: Bool) {
    precondition(bytesPerSecond > 0, "a rate of \(bytesPerSecond)")
    self.bytesPerSecond = bytesPerSecond
    self.isCold = isCold
  }

  /// Reads up to 256 MB of the files, for at most a second; nil where there is nothing to read.
  init?(readingFrom paths: [String]) {
    let clock = ContinuousClock()
    var bytes = 0
    var seconds = 0.0
    var isCold = true
    for path in paths where bytes < Self.mostBytes && seconds < 1 {
      guard let file = FileHandle(forReadingAtPath: path) else { continue }
      defer { try? file.close() }
      isCold = Self.forget(file.fileDescriptor) && isCold
      let start = clock.now
      while bytes < Self.mostBytes, (clock.now - start).inSeconds + seconds < 1,
        let piece = try? file.read(upToCount: 4 << 20), !piece.isEmpty
      {
        bytes += piece.count
      }
      seconds += (clock.now - start).inSeconds
    }
    guard bytes > 0, seconds > 0 else { return nil }
    self.init(bytesPerSecond: Double(bytes) / seconds, isCold: isCold)
  }

  private static let mostBytes = 256_000_000

  /// Asks the system to drop the first bytes of a file from memory; whether it understood.
  private static func forget(_ descriptor: Int32) -> Bool {
    #if os(Linux)
      return posix_fadvise(descriptor, 0, off_t(mostBytes), Int32(POSIX_FADV_DONTNEED)) == 0
    #else
      return false
    #endif
  }
}
