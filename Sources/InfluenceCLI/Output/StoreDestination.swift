import ArgumentParser
import Foundation
import InfluenceKit

/// Where a new store goes, checked before any work is done.
struct StoreDestination {
  let url: URL

  /// - Parameters:
  ///   - path: The new store's path.
  ///   - sources: Paths that are read.
  ///   - marker: The file by which a folder is known that an earlier run began.
  /// - Throws: ``Failure`` where the path is a source or lies in one, or something is there that is
  ///   neither empty nor begun by an earlier run.
  init(
    _ path: String, sources: [String], marker: String = StoreManifest.fileName
  ) throws {
    guard !path.isEmpty else { throw Failure.usage("the destination is empty; name a folder") }
    url = URL(filePath: path)
    let real = RealPath.of(path)
    for input in sources {
      let source = RealPath.of(input)
      if real == source || real.hasPrefix(source + "/") || source.hasPrefix(real + "/") {
        throw Failure.usage(
          "\(path): it is the source \(input), or one lies in the other; choose another place")
      }
    }
    let files = FileManager.default
    let folder = url.standardizedFileURL.deletingLastPathComponent().path
    guard files.isFolder(atPath: folder) else {
      throw Failure.cannotCreate("\(path): there is no folder \(folder); make it first")
    }
    guard files.fileExists(atPath: url.path) else { return }
    guard files.isFolder(atPath: url.path) else {
      throw Failure.cannotCreate("\(path): a file of this name is there; choose another")
    }
    let names = try files.contentsOfDirectory(atPath: url.path).filter { !$0.hasPrefix(".") }
    guard names.isEmpty || names.contains(marker) else {
      throw Failure.cannotCreate("\(path): the folder is not empty; choose another")
    }
  }
}
