import Foundation
import LinearAlgebra
import TensorFiles

/// A store directory of our own, with norms and checksums.
enum NativeConversion: ConversionFormat {
  static let elementTypes = ElementType.allCases

  static func problem(of source: GradientStore, at destination: URL) -> String? { nil }
  static func remarks(on source: GradientStore, at destination: URL) -> [String] { [] }

  static func write<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws -> Int {
    try StoreCopy(
      of: rows.source, to: destination, elementType: rows.elementType, chunkBytes: rows.chunkBytes
    ).run(progress: rows.progress).resumedRows
  }
}
