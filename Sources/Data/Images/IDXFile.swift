public import Foundation
internal import TensorFiles

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
    let path = url.path
    let bytes = try DataFile.bytes(of: url, headerSize: Header.mostBytes) {
      start throws(DataFileError) in
      try Header(start: start, path: path).limit
    }
    try self.init(bytes: bytes, path: path)
  }

  /// Reads the bytes of a file that is not compressed; errors name the path.
  package init(bytes: [UInt8], path: String) throws(DataFileError) {
    let header = try Header(start: Array(bytes.prefix(Header.mostBytes)), path: path)
    guard bytes.count == header.fileSize else {
      throw .wrongSize(path: path, expected: header.sizeText, found: bytes.count)
    }
    self.path = path
    dimensions = header.dimensions
    values = Array(bytes[header.size...])
  }

  /// The type and the dimensions, with which a file begins.
  private struct Header {
    /// The size of a header of 255 dimensions.
    static let mostBytes = 4 + 4 * 255

    /// The size of each dimension.
    let dimensions: [Int]
    /// The bytes of the header itself.
    var size: Int { 4 + 4 * dimensions.count }
    /// The bytes of the file, as a sum.
    var sizeText: String {
      "\(size) + \(dimensions.map(String.init).joined(separator: " · "))"
    }

    init(start: [UInt8], path: String) throws(DataFileError) {
      let magic = start.prefix(4)
      guard magic.count == 4, magic[0] == 0, magic[1] == 0, magic[2] == 8, magic[3] > 0 else {
        throw .wrongFormat(
          path: path, expected: "an idx file of unsigned bytes (0, 0, 8, dimensions)",
          found: magic.isEmpty
            ? "nothing" : "bytes " + magic.map { "\($0)" }.joined(separator: ", "))
      }
      let size = 4 + 4 * Int(start[3])
      guard start.count >= size else {
        throw .wrongSize(path: path, expected: "\(size) of the header", found: start.count)
      }
      dimensions = stride(from: 4, to: size, by: 4).map { first in
        start[first..<first + 4].reduce(0) { $0 << 8 | Int($1) }
      }
    }

    /// The bytes of the file; `Int.max` where that is more than an integer can hold.
    var fileSize: Int {
      if dimensions.contains(0) { return size }
      var count = 1
      for dimension in dimensions {
        let (product, overflows) = count.multipliedReportingOverflow(by: dimension)
        guard !overflows, product <= Int.max - size else { return .max }
        count = product
      }
      return size + count
    }

    /// What bounds the file: what the header says, and the memory, which has to hold the values twice.
    var limit: DataFile.Limit {
      let most = MachineMemory.bytes / 4
      return fileSize <= most
        ? DataFile.Limit(bytes: fileSize, reason: "its header says that it has \(sizeText)")
        : DataFile.Limit(bytes: most, reason: "more does not fit into memory")
    }
  }
}
