import Foundation
import TensorFiles

/// Folders in which other tools keep something else than gradients of examples, told before they could be taken for such.
enum ForeignFolder: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == nil, let found = try content(of: place.url) else { return nil }
    throw GradientStoreError.inconsistent(path: place.url.path, reason: found)
  }

  /// What a folder holds instead of gradients, and what to do.
  private static func content(of folder: URL) throws -> String? {
    func json(_ name: String) throws -> OrderedJSON? {
      let url = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      return try OrderedJSON(contentsOf: url)
    }
    func has(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }
    if has("score_arguments.json") {
      return
        "it holds scores that kronfluence computed, queries by training examples, and no gradients; look at them with safetensors in Python, or give the gradients of the same examples"
    }
    if has("factor_arguments.json") {
      return
        "it holds factors of a model's curvature that kronfluence computed, and no gradients of examples; give a store of gradients"
    }
    if has(StoreFile.info), try json(StoreFile.info)?["num_scores"] != nil {
      return
        "it holds scores that bergson computed, and no gradients; give the folder of an index with gradients.bin"
    }
    switch try json(StoreFile.manifest)?["format"]?.string {
    case "lorif-scores":
      return
        "it holds scores that LoRIF computed, and no gradients; give the folder of factors that they were computed of"
    case "lorif-curvature-index":
      return
        "it holds a curvature that LoRIF computed, and no gradients; give the folder of factors that it was fitted on"
    default: return nil
    }
  }
}
