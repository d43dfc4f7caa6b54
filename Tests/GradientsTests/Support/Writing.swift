import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport

extension Sample {
  /// The blocks as a layout.
  var layout: BlockLayout { BlockLayout(parameters.map { ($0.name, $0.shape) }) }

  /// Appends rows to a store, with ids and losses.
  func append(_ rows: Range<Int>, to writer: GradientStoreWriter) throws {
    try writer.append(
      blocks(rows: rows, as: Float.self), ids: rows.map { "example \($0)" },
      losses: rows.map { Double($0) / 8 })
  }
}

extension TemporaryDirectory {
  /// A complete store of a sample, written with one commit.
  @discardableResult
  func writeStore(
    _ name: String, _ sample: Sample, as type: ElementType = .float32,
    provenance: [String: String] = [:]
  ) throws -> URL {
    let writer = try GradientStoreWriter(
      creating: file(name), layout: sample.layout, elementType: type, provenance: provenance)
    try sample.append(0..<sample.rows, to: writer)
    try writer.finish()
    return file(name)
  }

  /// The bytes of a file in the folder.
  func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: file(name))) }

  /// A file as text.
  func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  /// Replaces text in a file; the text must be there.
  ///
  /// A file with a checksum of itself loses it, as if an earlier version had written the new text.
  func replace(_ old: String, with new: String, in name: String) throws {
    let text = try text(name)
    guard text.contains(old) else { throw CocoaError(.fileReadCorruptFile) }
    let changed = text.replacingOccurrences(of: old, with: new)
    try write(
      changed.replacing(/,\s*"checksum": "[0-9a-f]{8}"(\s*}\s*)$/) { "\($0.1)" }, to: name)
  }

  /// A copy of a directory.
  @discardableResult
  func copy(_ name: String, to copy: String) throws -> URL {
    try FileManager.default.copyItem(at: file(name), to: file(copy))
    return file(copy)
  }
}

/// The files that make up a finished store.
let storeFiles = [
  "info.json", "manifest.json", "gradients.bin", "squared_norms.bin", "examples.jsonl",
]
