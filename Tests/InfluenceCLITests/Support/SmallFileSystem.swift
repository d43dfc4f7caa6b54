import Foundation
import Testing

/// A file system of its own size, in memory, mounted for as long as this value lives.
///
/// Only root can mount one; ``isAvailable`` says whether it can be done here.
final class SmallFileSystem {
  let url: URL

  static let isAvailable: Bool = {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("InfluenceKit-mount-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    return (try? SmallFileSystem(at: folder, kilobytes: 64)) != nil
  }()

  /// Mounts an empty file system at a folder that is made for it.
  init(at url: URL, kilobytes: Int) throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    self.url = url
    try Self.call(["mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", url.path])
  }

  deinit {
    try? Self.call(["umount", "-l", url.path])
  }

  func setReadOnly(_ isReadOnly: Bool) throws {
    try Self.call(["mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", url.path])
  }

  /// Leaves a number of free kilobytes, by a file that ``makeSpace()`` removes.
  func fill(leaving kilobytes: Int) throws {
    let filler = url.appending(path: "filler")
    try Data().write(to: filler)
    let attributes = try FileManager.default.attributesOfFileSystem(forPath: url.path)
    let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
    try Data(count: max(0, free - kilobytes << 10)).write(to: filler)
  }

  func makeSpace() throws {
    try FileManager.default.removeItem(at: url.appending(path: "filler"))
  }

  private static func call(_ words: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteNoPermission) }
  }
}
