import Foundation

/// The memory of this process, as the kernel counts it.
///
/// It is known on Linux only, and only where `/proc` can be read.
public enum ProcessMemory {
  /// Forgets the peak so far, so that the next ``peak`` is that of what follows.
  ///
  /// - Returns: Whether the kernel let us.
  public static func resetPeak() -> Bool {
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
    defer { try? file.close() }
    return (try? file.write(contentsOf: Data("5".utf8))) != nil
  }

  /// The most resident memory since the last reset, in bytes; pages of mapped files count while they
  /// are resident.
  public static var peak: Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({
        Int($0)
      })
    else { return nil }
    return kilobytes * 1024
  }
}
