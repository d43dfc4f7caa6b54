public import Foundation

/// A file of bytes in several dimensions, as MNIST comes in: `idx3-ubyte` images and `idx1-ubyte` labels.
///
/// Two zero bytes, the type (8: unsigned bytes), the number of dimensions, each dimension as a big-endian
/// 32-bit number, and then the values, the last dimension fastest. Read as it is or compressed by gzip.
public struct IDXFile: Sendable, Equatable {
  /// Where it was read from.
  public let path: String
  /// The size of each dimension; the first counts the examples.
  public let dimensions: [Int]
  /// The values, the last dimension fastest.
  public let values: [UInt8]

  /// Reads a file.
  ///
  /// - Throws: ``DataFileError`` where it is missing, damaged, of another type or of the wrong size.
  public init(reading url: URL) throws(DataFileError) {
    try self.init(bytes: DataFile.bytes(of: url), path: url.path)
  }

  /// Reads the bytes of a file that is not compressed; errors name the path.
  package init(bytes: [UInt8], path: String) throws(DataFileError) {
    let start = bytes.prefix(4)
    guard start.count == 4, start[0] == 0, start[1] == 0, start[2] == 8, start[3] > 0 else {
      throw .wrongFormat(
        path: path, expected: "an idx file of unsigned bytes (0, 0, 8, dimensions)",
        found: start.isEmpty
          ? "nothing" : "bytes " + start.map { "\($0)" }.joined(separator: ", "))
    }
    let headerSize = 4 + 4 * Int(start[3])
    guard bytes.count >= headerSize else {
      throw .wrongSize(path: path, expected: "\(headerSize) of the header", found: bytes.count)
    }
    var dimensions: [Int] = []
    var size = 1
    for first in stride(from: 4, to: headerSize, by: 4) {
      let dimension = bytes[first..<first + 4].reduce(0) { $0 << 8 | Int($1) }
      dimensions.append(dimension)
      // A product past what memory can hold is as wrong as any other; it stops where it would overflow.
      let (product, overflows) = size.multipliedReportingOverflow(by: dimension)
      size = overflows ? Int.max - headerSize : product
    }
    guard size <= Int.max - headerSize, bytes.count == headerSize + size else {
      throw .wrongSize(
        path: path,
        expected: "\(headerSize) + \(dimensions.map(String.init).joined(separator: " · "))",
        found: bytes.count)
    }
    self.path = path
    self.dimensions = dimensions
    values = Array(bytes[headerSize...])
  }
}
