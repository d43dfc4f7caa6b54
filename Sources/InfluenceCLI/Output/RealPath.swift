import Foundation

/// Where a path really leads, and whether results would land in what is read.
enum RealPath {
  /// The path without symbolic links, of a file that need not exist yet.
  static func of(_ path: String) -> String {
    var place = URL(filePath: path).standardizedFileURL
    var missing: [String] = []
    while !FileManager.default.fileExists(atPath: place.path), place.pathComponents.count > 1 {
      missing.insert(place.lastPathComponent, at: 0)
      place = place.deletingLastPathComponent()
    }
    return missing.reduce(place.resolvingSymlinksInPath()) { $0.appending(path: $1) }.path
  }

  /// Refuses a place for results that is an input, or lies in one.
  ///
  /// - Parameters:
  ///   - path: Where results go.
  ///   - inputs: Paths that are read.
  ///   - option: What the path was given by; empty for an argument.
  /// - Throws: ``Failure/usage(_:)``.
  static func refuse(_ path: String, inside inputs: [String], option: String) throws {
    let real = of(path)
    for input in inputs {
      let source = of(input)
      if real == source || real.hasPrefix(source + "/") {
        throw Failure.usage(
          "\(option) \(path): it is the input \(input), or lies in it; choose another place")
      }
    }
  }
}
