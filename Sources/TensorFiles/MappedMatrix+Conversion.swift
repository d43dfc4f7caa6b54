public import LinearAlgebra

extension MappedMatrix {
  /// The numbers as a dense matrix: exact, but for float64 read as `Float`, which rounds to nearest
  /// even (and to infinity above 3.4·10³⁸).
  ///
  /// - Complexity: O(rows · columns), at the speed of memory.
  public func matrix<Element: Scalar>(as type: Element.Type = Element.self) -> Matrix<Element> {
    var elements = [Element](repeating: 0, count: rows * columns)
    var destination = elements.mutableSpan
    read(into: &destination)
    return Matrix(rows: rows, columns: columns, elements: elements)
  }

  /// Reads the numbers, row by row and without gaps, into memory that the caller reuses.
  ///
  /// - Parameter destination: `rows · columns` elements, all replaced.
  public func read<Element: Scalar>(into destination: inout [Element]) {
    var span = destination.mutableSpan
    read(into: &span)
  }

  /// Reads the numbers, row by row and without gaps, into a span.
  ///
  /// - Parameter destination: `rows · columns` elements, all replaced.
  public func read<Element: Scalar>(into destination: inout MutableSpan<Element>) {
    precondition(
      destination.count == rows * columns,
      "\(destination.count) elements cannot take a \(rows) × \(columns) matrix")
    switch elementType {
    case .float16: read(Binary16Encoding.self, into: &destination)
    case .bfloat16: read(BrainEncoding.self, into: &destination)
    case .float32: read(Binary32Encoding.self, into: &destination)
    case .float64: read(Binary64Encoding.self, into: &destination)
    }
  }

  /// Aligned bytes are converted in place; others by way of a small aligned copy of a few rows.
  private func read<Encoding: StoredEncoding, Element: Scalar>(
    _ encoding: Encoding.Type, into destination: inout MutableSpan<Element>
  ) {
    guard rows > 0, columns > 0 else { return }
    let isAligned = byteOffset.isMultiple(of: elementType.byteCount)
    let rowsAtOnce = isAligned ? rows : max(1, (1 << 16) / rowStride)
    for firstRow in stride(from: 0, to: rows, by: rowsAtOnce) {
      let rowCount = min(rowsAtOnce, rows - firstRow)
      let offset = byteOffset + firstRow * rowStride * elementType.byteCount
      let extent = (rowCount - 1) * rowStride + columns
      do throws(TensorFileError) {
        if isAligned {
          try map.withElements(of: Encoding.Pattern.self, byteOffset: offset, count: extent) {
            decode(
              encoding, $0, rows: rowCount, columns: columns, rowStride: rowStride,
              into: &destination, at: firstRow * columns)
          }
        } else {
          let copy = try map.elements(
            of: Encoding.Pattern.self, byteOffset: offset, count: extent)
          decode(
            encoding, copy.span, rows: rowCount, columns: columns, rowStride: rowStride,
            into: &destination, at: firstRow * columns)
        }
      } catch {
        preconditionFailure("a mapped matrix was checked when it was made: \(error)")
      }
    }
  }
}

/// Converts a strided rectangle of patterns to consecutive numbers, starting at `start`.
///
/// The hot loop of every read: one line, made for each stored and each read type.
@specialized(where Encoding == Binary16Encoding, Element == Float)
@specialized(where Encoding == Binary16Encoding, Element == Double)
@specialized(where Encoding == BrainEncoding, Element == Float)
@specialized(where Encoding == BrainEncoding, Element == Double)
@specialized(where Encoding == Binary32Encoding, Element == Float)
@specialized(where Encoding == Binary32Encoding, Element == Double)
@specialized(where Encoding == Binary64Encoding, Element == Float)
@specialized(where Encoding == Binary64Encoding, Element == Double)
private func decode<Encoding: StoredEncoding, Element: Scalar>(
  _ encoding: Encoding.Type, _ source: Span<Encoding.Pattern>, rows: Int, columns: Int,
  rowStride: Int, into destination: inout MutableSpan<Element>, at start: Int
) {
  for row in 0..<rows {
    let stored = source.extracting(row * rowStride..<row * rowStride + columns)
    // A span of the row alone: its indices are the loop's, so that no element needs a check of its
    // own and the loop runs on vectors.
    let first = start + row * columns
    var numbers = destination._mutatingExtracting(first..<first + columns)
    precondition(numbers.count == stored.count)
    for column in 0..<numbers.count {
      numbers[column] = Encoding.value(of: stored[column])
    }
  }
}
