import Foundation
import TensorFiles

/// Folders and files in which other tools keep something else than gradients of examples, told before they could be taken for
/// such.
enum ForeignFolder: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let found =
      place.fileKind == nil
      ? try content(of: place.url)
      : hessians.contains(place.url.lastPathComponent) ? hessian : nil
    guard let found else { return nil }
    throw GradientStoreError.inconsistent(path: place.url.path, reason: found)
  }

  /// What bergson calls second moments of gradients; square matrices, which could be taken for rows.
  private static let hessians = [
    "hessians.pth", "hessians_eigen.pth", "preconditioners.pth", "preconditioners_eigen.pth",
  ]
  private static let hessian =
    "it holds second moments of gradients, which bergson calls Hessians, and no gradients; give the index that they were computed of, from which influence computes its own"

  /// The factors of LoRIF's rows, which tell nothing without the manifest: names of layers, rows, projection.
  private static let factors =
    "it holds factors of LoRIF's gradients without their manifest.json, which says which rows and layers they are; put it back into the folder around them, or write the store again with LoRIF"

  /// Whether a folder holds shards of LoRIF.
  private static func holdsFactors(_ folder: URL) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return folder.lastPathComponent.wholeMatch(of: /layer-[0-9]+/) != nil
      && names.contains { $0.wholeMatch(of: /shard-[0-9]+\.pt/) != nil }
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
        "it holds factors of a model's curvature that kronfluence computed, and no gradients of examples; give a store of gradients, and keep these factors beside it"
    }
    if !has(StoreFile.info), !has(StoreFile.manifest), hessians.contains(where: has) {
      return hessian
    }
    if !has(StoreFile.manifest) {
      let layers = folder.appending(path: "layers")
      let inner = (try? FileManager.default.contentsOfDirectory(atPath: layers.path)) ?? []
      if holdsFactors(folder) || inner.contains(where: { holdsFactors(layers.appending(path: $0)) })
      {
        return factors
      }
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
