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
    try Data(count: max(0, try freeBytes() - kilobytes << 10)).write(to: filler)
  }

  /// Removes the filler, and returns when its space can be had again.
  ///
  /// A process that another test starts at this moment may hold the filler open without knowing: then
  /// removal alone would leave its pages taken until that process has ended. Truncation frees them at once.
  ///
  /// - Throws: ``SpaceStillTaken`` if the file system does not report the space as free within seconds.
  func makeSpace() throws {
    let filler = url.appending(path: "filler")
    let attributes = try FileManager.default.attributesOfItem(atPath: filler.path)
    let expected = try freeBytes() + ((attributes[.size] as? NSNumber)?.intValue ?? 0)
    let handle = try FileHandle(forWritingTo: filler)
    try handle.truncate(atOffset: 0)
    try handle.close()
    try FileManager.default.removeItem(at: filler)
    let deadline = ContinuousClock.now + .seconds(10)
    while try freeBytes() < expected {
      guard ContinuousClock.now < deadline else {
        throw SpaceStillTaken(path: url.path, free: try freeBytes(), expected: expected)
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }

  /// The file system did not give back the space of a file that was removed.
  struct SpaceStillTaken: Error, CustomStringConvertible {
    let path: String
    let free: Int
    let expected: Int

    var description: String {
      "\(path) has \(free) bytes free where the removed filler should leave \(expected)"
    }
  }

  private func freeBytes() throws -> Int {
    let attributes = try FileManager.default.attributesOfFileSystem(forPath: url.path)
    return (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
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
