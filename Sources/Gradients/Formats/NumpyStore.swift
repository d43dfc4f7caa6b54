import Foundation
import TensorFiles

/// Gradients in one `.npy` file, a single block whose first dimension is the example.
enum NumpyStore: StoreFormat {
  /// What its block is called.
  static let block = "gradients"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == .numpy else { return nil }
    let path = place.url.path
    let file = try NumpyFile(opening: place.url)
    let block = try NumpyDirectory.source(file, name: Self.block)
    return GradientStore(
      name: path, kind: .numpy,
      layout: try BlockLayout(validating: [(Self.block, block.shape)], path: path),
      count: block.count, blocks: [block.source], files: [file.map])
  }
}

/// Gradients in a directory of `.npy` files, whose first dimension is the example: one array per block, or rows that follow
/// each other.
///
/// Blocks have one row per example, and so equally many. Files whose names differ in the number at their end alone, of the
/// same columns and type, and not of equally many rows are therefore rows of one block, in the order of the numbers. Where they
/// have equally many, they are blocks, unless rows are asked for.
enum NumpyDirectory: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let path = place.url.path
    let arrays = try place.entries().filter(isArray)
    guard let first = arrays.first else { return nil }
    if let notes = try StoreNotes(in: place.url) { return try noted(arrays, notes, place.url) }
    let files = try arrays.map { try NumpyFile(opening: $0) }
    let blocks = try zip(files, arrays).map { try source($0, name: name(of: $1)) }
    let odd = blocks.firstIndex { $0.count != blocks[0].count }
    let areParts =
      arrays.count > 1
      && arrays.allSatisfy { stem(of: $0) != nil && stem(of: $0) == stem(of: first) }
      && blocks.allSatisfy { $0.shape == blocks[0].shape }
      && files.allSatisfy { $0.elementType == files[0].elementType }
    if areParts, odd != nil || place.joinsRows { return try joined(blocks, files, path) }
    if let odd {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "\(arrays[odd].lastPathComponent.quoted) has \(blocks[odd].count) rows, but \(first.lastPathComponent.quoted) has \(blocks[0].count); every block needs one row per example, so save them for the same examples, or, if they are rows of one block, with the same columns and type, and names that differ in the number at their end alone"
      )
    }
    if place.joinsRows {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "its files are not rows of one block; give them the same columns and type, and names that differ in the number at their end alone"
      )
    }
    return GradientStore(
      name: path, kind: .numpyDirectory,
      layout: try BlockLayout(
        validating: zip(arrays, blocks).map { (name(of: $0), $1.shape) }, path: path),
      count: blocks[0].count, blocks: blocks.map(\.source), files: files.map(\.map))
  }

  /// The blocks of a conversion, whose notes say their names and order.
  private static func noted(
    _ arrays: [URL], _ notes: StoreNotes, _ folder: URL
  ) throws -> GradientStore {
    let found = Set(arrays.map(\.lastPathComponent))
    let wanted = notes.blocks.compactMap(\.file)
    let beside = [LabelProbabilities.fileName]
    guard wanted.count == notes.blocks.count, Set(wanted).count == wanted.count,
      found.subtracting(beside) == Set(wanted)
    else {
      throw GradientStoreError.inconsistent(
        path: folder.path,
        reason:
          "\(StoreFile.notes) names other .npy files than there are; convert again, or remove it to take each file for a block"
      )
    }
    let files = try wanted.map { try NumpyFile(opening: folder.appending(path: $0)) }
    let blocks = try zip(files, notes.blocks).map { try source($0, name: $1.name) }
    for (file, block) in zip(files, blocks) where block.count != blocks[0].count {
      throw GradientStoreError.inconsistent(
        path: file.map.path,
        reason:
          "it has \(block.count) rows, but \(wanted[0].quoted) has \(blocks[0].count); convert again"
      )
    }
    let layout = try notes.layout(
      of: BlockLayout(
        validating: zip(notes.blocks, blocks).map { ($0.name, $1.shape) }, path: folder.path),
      in: folder)
    let store = GradientStore(
      name: folder.path, kind: .numpyDirectory, layout: layout, count: blocks[0].count,
      blocks: blocks.map(\.source), files: files.map(\.map))
    var companions = Companions()
    companions.provenance = notes.provenance
    return store.with(companions)
  }

  /// Rows of one block, which is called as that of a single file is.
  private static func joined(
    _ parts: [(source: BlockSource, shape: [Int], count: Int)], _ files: [NumpyFile], _ path: String
  ) throws -> GradientStore {
    let total = parts.reduce(0) { $0 + $1.count }
    var shards: [GradientStore.Shard] = []
    for (part, file) in zip(parts, files) {
      let start = shards.last?.rows.upperBound ?? 0
      shards.append(
        GradientStore.Shard(
          rows: start..<start + part.count,
          // The lines of examples beside the files count the rows of all.
          firstStoredRow: start, storedRowCount: total, blocks: [part.source], squaredNorms: nil,
          files: [file.map]))
    }
    return GradientStore(
      name: path, kind: .numpyDirectory,
      layout: try BlockLayout(validating: [(NumpyStore.block, parts[0].shape)], path: path),
      shards: shards, manifests: shards.map { _ in nil })
  }

  private static func name(of array: URL) -> String {
    array.deletingPathExtension().lastPathComponent
  }

  /// What a name has before the number at its end; nil without a number.
  private static func stem(of array: URL) -> String? {
    let name = name(of: array)
    let digits = name.reversed().prefix { $0.isASCII && $0.isNumber }.count
    return digits > 0 ? String(name.dropLast(digits)) : nil
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
        reason: "is a single number; gradients have one row per example, so move it elsewhere")
    }
    let rest = Array(file.shape.dropFirst())
    let shape = rest.isEmpty ? [1] : rest
    guard file.isMappable else { return (.rearranged(file, type, firstRow: 0), shape, count) }
    return (.mapped(try file.mapped()), shape, count)
  }
}
