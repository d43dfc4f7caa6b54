import CDigits
public import LinearAlgebra

/// The handwritten digits of the UCI repository: small images that a small network can read.
///
/// 1,797 images of 8 × 8 pixels, in 17 grey levels, of the digits 0 to 9. The data are part of the
/// binary, so experiments on them need no file and no network.
///
/// Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
/// Learning Repository (1998), CC BY 4.0; as distributed by scikit-learn 1.9.1 (BSD-3-Clause).
public enum Digits {
  /// The number of images.
  public static let exampleCount = 1797
  /// The number of pixels of an image, 8 × 8, row by row.
  public static let pixelCount = 64
  /// The number of classes, the digits 0 to 9.
  public static let classCount = 10
  /// The brightest grey level; features are pixels divided by it.
  public static let brightestPixel = 16

  /// The images as features in [0, 1], with the digit that each shows as label.
  ///
  /// - Returns: 1,797 × 64 features, in the order of the original file.
  /// - Complexity: reads 120 kB of text; under a millisecond when optimised.
  public static func dataSet<Element: Scalar>(of: Element.Type = Element.self) -> TabularDataSet<
    Element
  > {
    let levels = (0...brightestPixel).map { Element($0) / Element(brightestPixel) }
    var features: [Element] = []
    var labels: [Int] = []
    features.reserveCapacity(exampleCount * pixelCount)
    labels.reserveCapacity(exampleCount)
    let text = (0..<influence_digits_count()).map(influence_digits_byte)
    for line in text.split(separator: UInt8(ascii: "\n")) {
      for symbol in line.prefix(pixelCount) { features.append(levels[value(of: symbol)]) }
      if let label = line.last { labels.append(value(of: label)) }
    }
    return TabularDataSet(
      checked: Matrix(rows: labels.count, columns: pixelCount, elements: features),
      labels: labels, classCount: classCount, ids: Array(labels.indices))
  }

  /// The value of a digit in base 17.
  private static func value(of symbol: UInt8) -> Int {
    symbol >= UInt8(ascii: "a")
      ? Int(symbol - UInt8(ascii: "a")) + 10 : Int(symbol - UInt8(ascii: "0"))
  }
}
