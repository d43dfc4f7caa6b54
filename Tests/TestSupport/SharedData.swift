public import Foundation
public import Testing

/// The folder `shared` of models and data sets that lies beside the package, on machines that have it.
///
/// Tests that need it say `.enabled(if: SharedData.has("data/mnist"), SharedData.absent)`.
public enum SharedData {
  /// The environment variable that names the folder, wherever it is.
  public static let variable = "INFLUENCEKIT_SHARED"

  /// Why a test was skipped.
  public static let absent: Comment =
    "needs the folder `shared` beside the package, or INFLUENCEKIT_SHARED to name it"

  /// The root of the package: the nearest folder above this file that holds a manifest.
  public static let packageRoot: URL? = above(URL(fileURLWithPath: #filePath)).first {
    exists($0.appendingPathComponent("Package.swift"))
  }

  /// The folder, or nil where there is none.
  ///
  /// It is what ``variable`` names; without it, `shared` beside the package or beside one of the
  /// folders that hold the package, so that a second work tree finds it too.
  public static let folder: URL? = folder(environment: ProcessInfo.processInfo.environment)

  /// The folder under the given environment variables; see ``folder``.
  package static func folder(environment: [String: String]) -> URL? {
    if let path = environment[variable], !path.isEmpty {
      let url = URL(fileURLWithPath: path, isDirectory: true)
      return exists(url) ? url : nil
    }
    guard let packageRoot else { return nil }
    return above(packageRoot).map { $0.appendingPathComponent("shared", isDirectory: true) }
      .first { exists($0) }
  }

  /// A file or folder in the shared folder; nil where it is absent.
  public static func url(_ path: String) -> URL? {
    guard let url = folder?.appendingPathComponent(path), exists(url) else { return nil }
    return url
  }

  /// Whether a file or folder is in the shared folder.
  public static func has(_ path: String) -> Bool { url(path) != nil }

  /// The folders that hold a file or folder, nearest first.
  private static func above(_ url: URL) -> [URL] {
    var folders: [URL] = []
    var current = url.standardizedFileURL
    while current.pathComponents.count > 1 {
      current = current.deletingLastPathComponent()
      folders.append(current)
    }
    return folders
  }

  private static func exists(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.path)
  }
}
