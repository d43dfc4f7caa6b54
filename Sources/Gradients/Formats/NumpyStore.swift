import Foundation
import TensorFiles

/// Gradients in one `.npy` file, a single block whose first dimension is the example.
enum NumpyStore: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == .numpy else { return nil }
    let path = place.url.path
    let file = try NumpyFile(opening: place.url)
    let block = try NumpyDirectory.source(file, name: "gradients")
    return GradientStore(
      name: path, kind: .numpy,
      layout: try BlockLayout(validating: [("gradients", block.shape)], path: path),
      count: block.count, blocks: [block.source], files: [file.map])
  }
}

/// Gradients in a directory of `.npy` files: one array per block, whose first dimension is the example.
enum NumpyDirectory: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let url = place.url
    let arrays = try place.entries().filter(isArray)
    guard !arrays.isEmpty else { return nil }
    var parameters: [(name: String, shape: [Int])] = []
    var sources: [BlockSource] = []
    var files: [MemoryMap] = []
    var count: Int?
    for array in arrays {
      let file = try NumpyFile(opening: array)
      let name = array.deletingPathExtension().lastPathComponent
      let block = try source(file, name: name)
      if let count, count != block.count {
        throw GradientStoreError.inconsistent(
          path: url.path,
          reason:
            "\(array.lastPathComponent.quoted) has \(block.count) rows, but \(arrays[0].lastPathComponent.quoted) has \(count); every block needs one row an example, so save them for the same examples"
        )
      }
      count = block.count
      parameters.append((name, block.shape))
      sources.append(block.source)
      files.append(file.map)
    }
    return GradientStore(
      name: url.path, kind: .numpyDirectory,
      layout: try BlockLayout(validating: parameters, path: url.path), count: count ?? 0,
      blocks: sources, files: files)
  }

  /// Whether an entry of a directory is one of its blocks.
  ///
  /// An entry called `.npy` is meant to be one: if it is damaged, opening it says so, and no block
  /// goes missing in silence.
  private static func isArray(_ url: URL) throws -> Bool {
    do {
      return try FileKind(of: url) == .numpy || url.pathExtension == "npy"
    } catch TensorFileError.notRegularFile {
      return false
    }
  }

  fileprivate static func source(
    _ file: NumpyFile, name: String
  ) throws -> (source: BlockSource, shape: [Int], count: Int) {
    guard let type = file.elementType else {
      throw GradientStoreError.invalidBlock(
        path: file.map.path, block: name,
        reason:
          "holds \(file.descriptor) numbers; gradients are float16, float32 or float64, so convert it or move it elsewhere"
      )
    }
    guard let count = file.shape.first else {
      throw GradientStoreError.invalidBlock(
        path: file.map.path, block: name,
        reason: "is a single number; gradients have a row an example, so move it elsewhere")
    }
    let rest = Array(file.shape.dropFirst())
    let shape = rest.isEmpty ? [1] : rest
    guard file.isMappable else { return (.rearranged(file, type, firstRow: 0), shape, count) }
    return (.mapped(try file.mapped()), shape, count)
  }
}
