private import Foundation

extension MemoryMap {
  /// How a range of a map is about to be used.
  package enum Advice: Sendable, Hashable, CaseIterable {
    /// No particular order.
    case normal
    /// From the first byte to the last, once: read ahead a long way.
    case sequential
    /// Here and there: do not read ahead.
    case random
    /// Soon: start reading now.
    case willNeed
    /// Not for a while: the memory may go to something else. The bytes stay readable.
    case dontNeed
    /// In memory pages as large as there are, which are entered at a fraction of the time.
    case largePages

    /// None where the system has no such advice.
    var code: Int32? {
      switch self {
      case .normal: Int32(MADV_NORMAL)
      case .sequential: Int32(MADV_SEQUENTIAL)
      case .random: Int32(MADV_RANDOM)
      case .willNeed: Int32(MADV_WILLNEED)
      case .dontNeed: Int32(MADV_DONTNEED)
      #if os(Linux)
        case .largePages: Int32(MADV_HUGEPAGE)
      #else
        case .largePages: nil
      #endif
      }
    }
  }

  /// The byte at `offset`.
  package func byte(at offset: Int) throws(TensorFileError) -> UInt8 {
    try withElements(of: UInt8.self, byteOffset: offset, count: 1) { $0[0] }
  }

  /// A copy of the bytes in `range`.
  package func bytes(in range: Range<Int>) throws(TensorFileError) -> [UInt8] {
    try check(range)
    return try elements(of: UInt8.self, byteOffset: range.lowerBound, count: range.count)
  }

  /// Calls `body` with the bytes in `range`, without a copy.
  package func withBytes<Result>(
    in range: Range<Int>, _ body: (Span<UInt8>) throws(TensorFileError) -> Result
  ) throws(TensorFileError) -> Result {
    try check(range)
    return try withElements(
      of: UInt8.self, byteOffset: range.lowerBound, count: range.count, body)
  }

  /// Makes sure that `range` lies inside the file.
  func check(_ range: Range<Int>) throws(TensorFileError) {
    guard range.lowerBound >= 0, range.upperBound <= count else {
      let (byteCount, isTooLong) = range.upperBound.subtractingReportingOverflow(range.lowerBound)
      throw .outOfBounds(
        path: path, offset: range.lowerBound, byteCount: isTooLong ? nil : byteCount,
        fileSize: count)
    }
  }

  /// The bytes of `count` elements of `size` bytes that start at `offset`, all inside the file.
  func byteRange(
    from offset: Int, count: Int, of size: Int
  ) throws(TensorFileError) -> Range<Int> {
    let (byteCount, isTooLong) = count.multipliedReportingOverflow(by: size)
    guard offset >= 0, count >= 0, !isTooLong, offset <= self.count,
      byteCount <= self.count - offset
    else {
      throw .outOfBounds(
        path: path, offset: offset, byteCount: isTooLong ? nil : byteCount, fileSize: self.count)
    }
    return offset..<offset + byteCount
  }

  /// The number of elements from the first to the last of a rectangle, gaps between rows included.
  ///
  /// Empty rectangles span nothing, but their sides still have a limit, so that a loop over the rows
  /// of a hostile `2^62 × 0` matrix is never started.
  func extent(
    ofRows rows: Int, columns: Int, rowStride: Int, elementSize: Int
  ) throws(TensorFileError) -> Int {
    guard rows >= 0, columns >= 0, rowStride >= columns else {
      throw .invalidShape(
        path: path, field: "matrix", shape: [rows, columns],
        reason: "rows and columns count from 0, and a row stride of \(rowStride) must be at least "
          + "the number of columns; correct the numbers")
    }
    guard rows > 0, columns > 0 else {
      guard rows <= Int32.max, columns <= Int32.max else {
        throw .invalidShape(
          path: path, field: "matrix", shape: [rows, columns],
          reason: "an empty matrix may have at most 2^31 - 1 rows and columns; drop the empty one")
      }
      return 0
    }
    let (gaps, isTooFar) = (rows - 1).multipliedReportingOverflow(by: rowStride)
    let (extent, isTooLong) = gaps.addingReportingOverflow(columns)
    guard !isTooFar, !isTooLong else {
      throw .shapeOverflow(path: path, field: "matrix", shape: [rows, columns])
    }
    return extent
  }
}
