import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in a `.safetensors` file: one tensor per block, whose first dimension is the example.
enum SafetensorsStore: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == .safetensors else { return nil }
    let url = place.url
    let file = try SafetensorsFile(opening: url)
    guard let first = file.tensors.values.first else {
      throw GradientStoreError.unrecognised(path: url.path, found: "the file holds no tensors")
    }
    var parameters: [(name: String, shape: [Int])] = []
    for tensor in file.tensors.values {
      guard let count = tensor.shape.first else {
        throw GradientStoreError.invalidBlock(
          path: url.path, block: tensor.name,
          reason: "is a single number; gradients have a row an example, so leave it out of the file"
        )
      }
      guard count == first.shape.first else {
        throw GradientStoreError.invalidBlock(
          path: url.path, block: tensor.name,
          reason:
            "has \(count) rows, but \(first.name.quoted) has \(first.shape.first ?? 0); every block needs one row an example, so write them for the same examples"
        )
      }
      let rest = Array(tensor.shape.dropFirst())
      parameters.append((tensor.name, rest.isEmpty ? [1] : rest))
    }
    let layout = try BlockLayout(validating: parameters, path: url.path)
    let sources = try file.tensors.keys.map { BlockSource.mapped(try file.mapped($0)) }
    return GradientStore(
      name: url.path, kind: .safetensors, layout: layout, count: first.shape.first ?? 0,
      blocks: sources, files: [file.map])
  }
}
