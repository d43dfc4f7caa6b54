public import Foundation

/// A file of CIFAR-10's binary version: rows of a label byte and 3072 pixels, the red plane first, then
/// green and blue, each 32 × 32 row by row.
///
/// Read as it is or compressed by gzip.
public struct CIFARFile: Sendable, Equatable {
  /// Where it was read from.
  public let path: String
  /// The class of each image, in 0 ..< 10.
  public let labels: [Int]
  /// The images, `n × 3 × 32 × 32`.
  public let pixels: [UInt8]

  static let imageSize = 3 * 32 * 32
  private static let rowSize = 1 + imageSize
  /// All images of the data set, if one file had them.
  private static let mostImages = 60_000

  /// Reads a file.
  ///
  /// - Throws: ``DataFileError`` where it is missing, damaged, not a whole number of rows, of more rows than
  ///   CIFAR-10 has images (60,000), or has a label past 9.
  public init(reading url: URL) throws(DataFileError) {
    let limit = DataFile.Limit(
      bytes: Self.mostImages * Self.rowSize,
      reason: "CIFAR-10 has \(Self.mostImages) images of \(Self.rowSize) bytes with their label")
    try self.init(bytes: DataFile.bytes(of: url) { _ in limit }, path: url.path)
  }

  /// Reads the bytes of a file that is not compressed; errors name the path.
  package init(bytes: [UInt8], path: String) throws(DataFileError) {
    let rowSize = Self.rowSize
    guard bytes.count % rowSize == 0 else {
      throw .wrongSize(path: path, expected: "a multiple of \(rowSize)", found: bytes.count)
    }
    guard !bytes.isEmpty else { throw .noRows(path: path) }
    let count = bytes.count / rowSize
    var pixels: [UInt8] = []
    var labels: [Int] = []
    pixels.reserveCapacity(count * Self.imageSize)
    for row in 0..<count {
      let label = Int(bytes[row * rowSize])
      guard label < 10 else {
        throw .labelOutOfRange(path: path, row: row, label: label, classCount: 10)
      }
      labels.append(label)
      pixels.append(contentsOf: bytes[row * rowSize + 1..<(row + 1) * rowSize])
    }
    self.path = path
    self.labels = labels
    self.pixels = pixels
  }
}
