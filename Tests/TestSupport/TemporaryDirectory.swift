public import Foundation

/// A new, empty folder that is removed, with all that is in it, when nobody holds it any more.
///
/// Keep it in a variable for as long as its files are used: `withExtendedLifetime` or a stored
/// property of the suite.
public final class TemporaryDirectory: Sendable {
  /// Where the folder is.
  public let url: URL

  /// Makes a folder with a unique name in the system's temporary folder.
  public init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("InfluenceKit-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  /// Makes a folder in memory where the system has a place for that, and as ``init()`` does elsewhere.
  ///
  /// For tests that write durably many hundred times, and do not cut the power.
  public init(inMemory: Void) throws {
    let memory = URL(filePath: "/dev/shm", directoryHint: .isDirectory)
    let parent =
      FileManager.default.isWritableFile(atPath: memory.path)
      ? memory : FileManager.default.temporaryDirectory
    url = parent.appendingPathComponent(
      "InfluenceKit-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Where the folder is, as a path.
  public var path: String { url.path }

  /// The address of a file in the folder, which need not exist.
  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  /// Writes a file into the folder.
  @discardableResult
  public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> URL {
    let target = file(name)
    try FileManager.default.createDirectory(
      at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: target)
    return target
  }

  /// Writes a text file into the folder, in UTF-8.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> URL {
    try write(text.utf8, to: name)
  }
}
