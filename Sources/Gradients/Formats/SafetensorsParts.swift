import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in several `.safetensors` files, as the index beside them says: a JSON object whose `weight_map` has the
/// file name of each tensor.
enum SafetensorsIndex: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == .json else { return nil }
    return try open(place.url)
  }

  static func open(_ url: URL) throws -> GradientStore {
    let json = try OrderedJSON(contentsOf: url)
    guard json[SafetensorsShards.placesKey]?.object != nil else {
      throw GradientStoreError.unrecognised(
        path: url.path,
        found: "the file is JSON without a weight_map of tensors and files, so no index of any")
    }
    let tensors = try SafetensorsShards(index: url, holding: json).files.map {
      (file: $0.value, name: $0.key)
    }
    return try SafetensorsStore.store(of: tensors, path: url.path)
  }
}

/// Gradients in a directory of `.safetensors` files: by its index, or by the numbers in the files' names.
///
/// Files of the same tensors hold rows that follow each other; files of different tensors hold blocks of the same
/// rows.
enum SafetensorsDirectory: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let path = place.url.path
    let entries = try place.entries()
    let indexes = entries.filter { $0.lastPathComponent.hasSuffix(".safetensors.index.json") }
    if let index = indexes.first {
      guard indexes.count == 1 else {
        throw GradientStoreError.inconsistent(
          path: path, reason: "there are \(indexes.count) indexes in it; open one of them")
      }
      return try SafetensorsIndex.open(index)
    }
    let companions = [
      StoredCurvature.fileName, Representations.fileName, OptimizerMoments.fileName,
    ]
    let paths = entries.filter {
      $0.pathExtension == "safetensors" && !companions.contains($0.lastPathComponent)
    }
    guard let first = paths.first else { return nil }
    func series(_ url: URL) -> String { url.lastPathComponent.filter { !$0.isNumber } }
    if let odd = paths.first(where: { series($0) != series(first) }) {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "\(first.lastPathComponent.quoted) and \(odd.lastPathComponent.quoted) may be different stores; open one of them, or name the parts of one store alike but for numbers"
      )
    }
    let files = try paths.map { try SafetensorsFile(opening: $0) }
    let names = files.flatMap(\.tensors.keys)
    if Set(names).count == names.count {
      return try SafetensorsStore.store(
        of: files.flatMap(SafetensorsStore.tensors), path: path)
    }
    let rows = try GradientStore.joining(
      zip(files, paths).map {
        try SafetensorsStore.store(of: SafetensorsStore.tensors(of: $0), path: $1.path)
      }, name: path)
    return GradientStore(
      name: path, kind: .safetensors, layout: rows.layout, shards: rows.shards,
      manifests: rows.manifests)
  }
}
