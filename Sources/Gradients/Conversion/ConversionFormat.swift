import Foundation
import LinearAlgebra
import TensorFiles

/// One layout of files that gradients are converted to.
///
/// A layout is one type in a file of its own, and one line in the list of `StoreConversion.swift`.
protocol ConversionFormat: SendableMetatype {
  /// The types of numbers that its files can hold.
  static var elementTypes: [ElementType] { get }

  /// Why a store cannot be written at a place, with what to do instead; nil where it can.
  static func problem(of source: GradientStore, at destination: URL) -> String?

  /// What of a store the files do not hold, or hold where other programs do not look; each as a phrase.
  static func remarks(on source: GradientStore, at destination: URL) -> [String]

  /// Writes all rows; the files appear whole, or not at all.
  ///
  /// - Returns: How many rows an earlier run had written already.
  static func write<Element: Scalar>(
    _ rows: ConversionRows, as type: Element.Type, to destination: URL
  ) throws -> Int
}
