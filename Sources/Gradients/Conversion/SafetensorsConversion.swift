import Foundation
import LinearAlgebra
import TensorFiles

/// A `.safetensors` file: one tensor per block, `n × …`, in the layout's order.
///
/// What the store remembers is in the metadata, with the file's checksum. What is known of examples is in a file beside it
/// that is called as the whole file with `.examples.jsonl`.
enum SafetensorsConversion: ConversionFormat {
  static let elementTypes = ElementType.floatingPoint
  private static let ending = "safetensors"

  static func problem(of source: GradientStore, at destination: URL) -> String? {
    guard destination.pathExtension.lowercased() == ending else {
      return "the name does not end in .\(ending), which is what is written; add it"
    }
    if let block = source.layout.blocks.first(where: { $0.name == SafetensorsHeader.metadataKey }) {
      return "the block \(block.name.quoted) has the name that the format needs for itself"
    }
    return nil
  }

  static func remarks(on source: GradientStore, at destination: URL) -> [String] { [] }

  static func write<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws -> Int {
    var examples = try ConversionExamples(beside: destination)
    var writer: SafetensorsWriter? = try SafetensorsWriter(
      at: destination,
      tensors: rows.layout.blocks.map {
        .init(name: $0.name, elementType: rows.elementType, shape: [rows.count] + $0.shape)
      }, metadata: SafetensorsStore.metadata(remembering: rows.source.rememberedProvenance),
      isSealed: true)
    try rows.forEachChunk(as: type) { chunk in
      for (index, matrix) in chunk.blocks.enumerated() {
        try writer?.append(matrix, toTensor: index)
      }
      try examples.append(chunk.lines)
    }
    if let file = try writer.take()?.finish() { try examples.commit(with: file) }
    return 0
  }
}
