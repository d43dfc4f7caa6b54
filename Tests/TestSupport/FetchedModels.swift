public import Foundation
public import Testing

/// Real models, in the folder that the environment variable `INFLUENCE_MODELS` names; `scripts/fetch-models` fills one.
///
/// Tests that need one say `.enabled(if: FetchedModels.miniLM != nil, FetchedModels.absent)`.
public enum FetchedModels {
  /// The environment variable that names the folder.
  public static let variable = "INFLUENCE_MODELS"

  /// Why a test was skipped.
  public static let absent: Comment =
    "needs INFLUENCE_MODELS to name a folder that scripts/fetch-models has filled"

  /// The folder of MiniLM-L6, a BERT of 22 million weights; nil where it is absent.
  public static let miniLM = url("minilm")

  /// The file of SmolLM2-135M-Instruct, a Llama; nil where it is absent.
  public static let smolLM2 = url("smollm2.gguf")

  /// Anything in the folder; nil where it is absent.
  public static func url(_ name: String) -> URL? {
    guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else {
      return nil
    }
    let url = URL(fileURLWithPath: path, isDirectory: true).appending(path: name)
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }
}
