import Foundation
import OrderedCollections
import TensorFiles

/// What InfluenceKit notes of gradients in the layout of another tool, which has no place for it: `influencekit.json`.
///
/// These are the blocks' names, shapes and, where each has a file of its own, that file's name; and what the writer of the
/// gradients wanted remembered. Other tools do not read it.
struct StoreNotes: Sendable, Equatable {
  private static let format = "influencekit-notes"
  private static let version = 1

  /// One block, as it was in the store that was converted.
  struct Entry: Sendable, Equatable {
    let name: String
    let shape: [Int]
    var file: String?
  }

  let blocks: [Entry]
  let provenance: [String: String]

  /// Notes of a store's blocks.
  ///
  /// - Parameter files: The name of each block's file, where each has one.
  init(of store: GradientStore, files: [String]? = nil) {
    blocks = store.layout.blocks.enumerated().map { index, block in
      Entry(name: block.name, shape: block.shape, file: files?[index])
    }
    provenance = store.rememberedProvenance
  }

  func write(to folder: URL) throws {
    let entries = blocks.map { block -> OrderedJSON in
      var members: OrderedDictionary<String, OrderedJSON> = [
        "name": .string(block.name), "shape": .array(block.shape.map { .integer($0) }),
      ]
      if let file = block.file { members["file"] = .string(file) }
      return .object(members)
    }
    let json: OrderedJSON = [
      "format": .string(Self.format), "version": .integer(Self.version),
      "blocks": .array(entries),
      "provenance": .object(provenance.sortedByKey.mapValues { .string($0) }),
    ]
    try AtomicFile.write(
      try json.sealed().serialized(.indented) + "\n", to: folder.appending(path: StoreFile.notes))
  }

  /// Reads the notes in a folder; nil where there are none.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)`` or a file error.
  init?(in folder: URL) throws {
    let url = folder.appending(path: StoreFile.notes)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let json = try SealedJSON(contentsOf: url).content
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: url.path, field: field, reason: reason + "; convert again, or remove this file")
    }
    guard json["format"]?.string == Self.format, json["version"]?.integer == Self.version else {
      throw invalid("format", "is not \(Self.format), version \(Self.version)")
    }
    blocks = try (json["blocks"]?.array ?? []).enumerated().map { index, block in
      guard let name = block["name"]?.string, let shape = block["shape"]?.array else {
        throw invalid("blocks[\(index)]", "has no name and shape")
      }
      let dimensions = shape.compactMap(\.integer)
      guard dimensions.count == shape.count else {
        throw invalid("blocks[\(index)].shape", "holds something that is not an integer")
      }
      return Entry(name: name, shape: dimensions, file: block["file"]?.string)
    }
    var provenance: [String: String] = [:]
    for (key, value) in json["provenance"]?.object ?? [:] {
      guard let text = value.string else { throw invalid("provenance.\(key)", "is not a string") }
      provenance[key] = text
    }
    self.provenance = provenance
  }

  /// The blocks that the notes say, where they are as wide as those that were found.
  ///
  /// - Throws: ``GradientStoreError/inconsistent(path:reason:)`` where they are others.
  func layout(of found: BlockLayout, in folder: URL) throws -> BlockLayout {
    let path = folder.appending(path: StoreFile.notes).path
    let noted = try BlockLayout(
      validating: blocks.map { (name: $0.name, shape: $0.shape) }, path: path)
    guard noted.blocks.map(\.name) == found.blocks.map(\.name),
      noted.blocks.map(\.width) == found.blocks.map(\.width)
    else {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "its blocks are not those of the gradients beside it; one of them belongs to another store, convert again or remove this file"
      )
    }
    return noted
  }
}
