public import Foundation
public import Testing

/// Real models, in the folder that the environment variable `INFLUENCE_MODELS` names.
///
/// Tests that need one say `.enabled(if: FetchedModels.file(endingWith: "…") != nil, FetchedModels.absent)`.
public enum FetchedModels {
  /// The environment variable that names the folder.
  public static let variable = "INFLUENCE_MODELS"

  /// Why a test was skipped.
  public static let absent: Comment = "needs INFLUENCE_MODELS to name a folder that has the model"

  /// The first file anywhere in the folder whose path ends so; nil where there is none.
  ///
  /// - Parameter ending: The end of a path, whole components or not.
  public static func file(endingWith ending: String) -> URL? {
    files.first { $0.path.hasSuffix(ending) }
  }

  private static let files: [URL] = {
    guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else { return [] }
    let all = FileManager.default.enumerator(
      at: URL(fileURLWithPath: path, isDirectory: true), includingPropertiesForKeys: nil)
    return (all?.compactMap { $0 as? URL } ?? []).sorted { $0.path < $1.path }
  }()
}
