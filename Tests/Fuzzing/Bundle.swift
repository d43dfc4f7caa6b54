import Foundation
import InfluenceKit
import OrderedCollections

/// Files as one input: before each a line `%%NAME`.
struct Bundle {
  var files: [(name: String, bytes: [UInt8])] = []

  private static let mark = Array("\n%%".utf8)

  init(_ files: [(name: String, bytes: [UInt8])]) { self.files = files }

  /// The files of an input that have one of some names.
  init(_ input: [UInt8], names: Set<String>) {
    for part in (Array("\n".utf8) + input).split(
      separator: Self.mark, omittingEmptySubsequences: true)
    {
      let line = part.prefix { $0 != UInt8(ascii: "\n") }
      let name = String(decoding: line, as: UTF8.self)
      guard names.contains(name) else { continue }
      files.append((name, Array(part.dropFirst(line.count + 1))))
    }
  }

  /// The files of a folder, those in folders of it with their paths, but for some.
  init(of folder: URL, leavingOut left: Set<String> = []) throws {
    let files = FileManager.default
    for name in try files.subpathsOfDirectory(atPath: folder.path).sorted()
    where !left.contains(name) {
      let file = folder.appending(path: name)
      guard try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile ?? false else {
        continue
      }
      self.files.append((name, Self.unprotected(Array(try Data(contentsOf: file)), named: name)))
    }
  }

  /// A file without the checksums that would refuse each change of it before anything else is looked at, as earlier
  /// versions and other programs write it.
  static func unprotected(_ bytes: [UInt8], named name: String) -> [UInt8] {
    switch URL(filePath: name).pathExtension {
    case "json":
      guard var members = try? OrderedJSON(parsing: bytes).object else { return bytes }
      for key in ["checksum", "checksums", "gradients_crc32c"] { members[key] = nil }
      return (try? OrderedJSON.object(members).serialized(.indented)).map { Array($0.utf8) }
        ?? bytes
    case "safetensors":
      var text = Data(bytes)
      let key = Data("\"crc32c\":".utf8)
      if let range = text.range(of: key) {
        text.replaceSubrange(range, with: Data("\"crc___\":".utf8))
      }
      return Array(text)
    default: return bytes
    }
  }

  /// A JSON file with the checksum of what it holds; as it is where it is no object.
  static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    guard var members = try? OrderedJSON(parsing: bytes).object else { return bytes }
    members["checksum"] = nil
    let text = try? OrderedJSON.object(members).sealed().serialized(.indented)
    return text.map { Array($0.utf8) } ?? bytes
  }

  /// As an input.
  var input: [UInt8] {
    Array(files.map { Array("%%\($0.name)\n".utf8) + $0.bytes }.joined(separator: Array("\n".utf8)))
  }

  /// Puts the files into a folder, in which nothing else is left.
  func write(to folder: URL) throws {
    let manager = FileManager.default
    if manager.fileExists(atPath: folder.path) { try manager.removeItem(at: folder) }
    for (name, bytes) in files {
      let file = folder.appending(path: name)
      try manager.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: file)
    }
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
  }
}
