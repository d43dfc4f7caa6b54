public import Foundation
public import Gradients
import LinearAlgebra
import TensorFiles

/// The representations of some examples, and the store of gradients that they lie beside, if there is one.
public struct RepresentedExamples: Sendable {
  /// What the last layer reads.
  public let representations: Representations
  /// The store of the same examples, which knows their ids.
  public let store: GradientStore?
  /// The number of examples.
  public var count: Int { representations.count }

  /// Takes representations from memory.
  public init(_ representations: Representations) {
    self.representations = representations
    store = nil
  }

  /// Reads a file of representations, or that in a store's folder.
  ///
  /// - Throws: ``InfluenceError/unmatchedRepresentations(source:rows:storeRows:)`` where the store has
  ///   another number of rows, or an error of the file or the store.
  public init(at url: URL) throws {
    representations = try Representations(opening: url)
    let isStore = FileManager.default.fileExists(atPath: url.appending(path: "info.json").path)
    store = isStore ? try GradientStore(opening: url) : nil
    if let store, store.count != representations.count {
      throw InfluenceError.unmatchedRepresentations(
        source: representations.source, rows: representations.count, storeRows: store.count)
    }
  }

  /// What a record says of the representations, with the checksum of their file.
  func record() throws -> OrderedJSON {
    let path = representations.source
    let checksum =
      FileManager.default.fileExists(atPath: path)
      ? "\(try Checksum(of: MemoryMap(opening: URL(filePath: path))))" : nil
    return [
      "path": .string(path),
      "rows": .integer(count),
      "columns": .integer(representations.features.columns),
      "regularization": representations.head.map { .number($0.regularization) } ?? .null,
      "crc32c": .text(checksum),
    ]
  }
}
