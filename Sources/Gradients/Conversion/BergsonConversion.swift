import Foundation
import LinearAlgebra
import TensorFiles

/// An index of bergson: `info.json`, and `gradients.bin` with all blocks side by side.
///
/// bergson knows names and widths of blocks. Their shapes and what else the store remembers are in `influencekit.json`, and
/// what is known of examples in `examples.jsonl`; bergson reads neither.
enum BergsonConversion: ConversionFormat {
  static let elementTypes = ElementType.floatingPoint

  /// That no projection of bergson's own was applied, which it could make again.
  private static let processing = """
    projection_dim: null
    reshape_to_square: false
    projection_type: rademacher
    projection_target: per_module
    projection_scale: jl
    include_bias: false
    projection_seed: null
    projection_version: 2

    """

  static func problem(of source: GradientStore, at destination: URL) -> String? { nil }

  static func remarks(on source: GradientStore, at destination: URL) -> [String] {
    [
      "bergson reads names and widths of blocks; their shapes are in \(StoreFile.notes), and ids, texts, labels and losses, where there are any, in \(StoreFile.examples)"
    ]
  }

  static func write<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws -> Int {
    let folder = try ConversionFolder(for: destination, notes: StoreNotes(of: rows.source))
    var gradients = try folder.file(StoreFile.gradients)
    var examples = try folder.file(StoreFile.examples)
    try rows.forEachChunk(as: type) { chunk in
      try gradients.write(chunk.joined(rows.layout), as: rows.elementType)
      try examples.write(chunk.lines)
    }
    try gradients.synchronize()
    try examples.synchronize()
    if examples.count == 0 {
      try FileManager.default.removeItem(at: folder.url.appending(path: StoreFile.examples))
    }
    // bergson opens an index with these four, of which the last three hold nothing here.
    try AtomicFile.write(
      processing, to: folder.url.appending(path: "processor_config.yaml"))
    for name in ["normalizers", "hessians", "hessians_eigen"] {
      try AtomicFile.write(
        EmptyTorchFile.bytes, to: folder.url.appending(path: "\(name).pth"))
    }
    let info = StoreDirectory.Info(
      rows: rows.count, layout: rows.layout, elementType: rows.elementType)
    try AtomicFile.write(
      try info.json.serialized(.indented) + "\n", to: folder.url.appending(path: StoreFile.info))
    try folder.commit()
    return 0
  }
}
