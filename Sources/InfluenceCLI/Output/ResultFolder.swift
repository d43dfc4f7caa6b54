import Foundation
import InfluenceKit

/// A folder of results that is removed again unless it is kept: after an error, and when it is interrupted.
final class ResultFolder {
  let url: URL
  /// What was not there before, outermost first.
  private let made: [URL]
  private var interruption: Int?

  /// Makes a folder, and the folders around it, where they are missing.
  ///
  /// - Parameters:
  ///   - url: The folder.
  ///   - names: What will be written in it.
  /// - Throws: ``Failure/cannotCreate(_:)`` where something else is in the way.
  init(_ url: URL, for names: [String]) throws {
    let files = FileManager.default
    var missing: [URL] = []
    var folder = url.standardizedFileURL
    while !files.fileExists(atPath: folder.path), folder.pathComponents.count > 1 {
      missing.insert(folder, at: 0)
      folder = folder.deletingLastPathComponent()
    }
    guard files.isFolder(atPath: folder.path) else {
      throw Failure.cannotCreate(
        "\(url.path): \(folder.path) is not a folder; choose another --output")
    }
    // No interruption between making it and knowing that it must be removed.
    Interruption.postpone()
    defer { Interruption.allow() }
    do {
      try files.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw Failure.cannotCreate(
        "\(url.path): the folder cannot be made in \(folder.path); choose another --output")
    }
    let inside = names.map { url.appending(path: $0) }
      .filter { !files.fileExists(atPath: $0.path) }
    self.url = url
    made = missing.isEmpty ? inside : [missing[0]]
    interruption = Interruption.before { [made] in Self.remove(made) }
  }

  /// The first folder `influence-runs/NAME-N` that is not taken.
  static func fresh(_ name: String) throws -> URL {
    let base = URL(filePath: "influence-runs")
    for number in 1...100_000 {
      let folder = base.appending(path: "\(name)-\(number)")
      if !FileManager.default.fileExists(atPath: folder.path) { return folder }
    }
    throw Failure.cannotCreate("influence-runs: it is full; delete old runs")
  }

  /// Keeps what was written.
  func keep() {
    interruption.map(Interruption.forget)
    interruption = nil
  }

  deinit {
    guard let interruption else { return }
    Interruption.forget(interruption)
    Self.remove(made)
  }

  private static func remove(_ items: [URL]) {
    for item in items {
      // Again, if another thread has put a file into it meanwhile.
      for _ in 0..<5 where FileManager.default.fileExists(atPath: item.path) {
        try? FileManager.default.removeItem(at: item)
      }
    }
  }
}

extension FileManager {
  /// Whether there is a folder at a path, or a symbolic link to one.
  func isFolder(atPath path: String) -> Bool {
    let real = URL(filePath: path).resolvingSymlinksInPath().path
    return (try? attributesOfItem(atPath: real))?[.type] as? FileAttributeType == .typeDirectory
  }
}
