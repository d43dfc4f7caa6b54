/// The mean and 1/deviation of each row that was normalized.
package struct RowStatistics<Element: Scalar>: Sendable {
  fileprivate let values: [Element]
}

extension Matrix {
  /// Each row less its mean, divided by its deviation √(variance + ε), times a gain, plus a shift.
  ///
  /// - Parameters:
  ///   - gain: A factor for each column.
  ///   - shift: What is added to each column; none where it is empty.
  ///   - isCentered: Whether the mean is taken off; the root mean square is divided by where it is not.
  ///   - epsilon: ε, added to the variance or the mean square.
  package func normalized(
    gain: [Element], shift: [Element], isCentered: Bool, epsilon: Element
  ) -> (rows: Matrix, statistics: RowStatistics<Element>) {
    precondition(gain.count == columns && (shift.isEmpty || shift.count == columns))
    var statistics = [Element](repeating: 0, count: 2 * rows)
    let result = unsafe [Element](unsafeUninitializedCapacity: elements.count) {
      target, initialized in
      unsafe elements.withUnsafeBufferPointer { x in
        unsafe gain.withUnsafeBufferPointer { gain in
          unsafe shift.withUnsafeBufferPointer { shift in
            unsafe statistics.withUnsafeMutableBufferPointer { statistics in
              unsafe Element.kernels.rows.normalize(
                x.baseAddress, rows, columns, gain.baseAddress,
                shift.isEmpty ? nil : shift.baseAddress, isCentered, epsilon, target.baseAddress,
                statistics.baseAddress)
            }
          }
        }
      }
      initialized = elements.count
    }
    return (
      Matrix(rows: rows, columns: columns, elements: result), RowStatistics(values: statistics)
    )
  }

  /// Adds to this matrix the gradient by rows that were normalized.
  ///
  /// - Parameters:
  ///   - gradient: By the normalized rows.
  ///   - input: The rows before.
  ///   - statistics: Theirs.
  ///   - gain: The factor of each column.
  ///   - isCentered: Whether the mean was taken off.
  package mutating func addThroughNormalization(
    _ gradient: Matrix, input: Matrix, statistics: RowStatistics<Element>, gain: [Element],
    isCentered: Bool
  ) {
    precondition(
      gradient.rows == rows && gradient.columns == columns && input.rows == rows
        && input.columns == columns && statistics.values.count == 2 * rows
        && gain.count == columns)
    let (rowCount, columnCount) = (rows, columns)
    unsafe gradient.elements.withUnsafeBufferPointer { gradient in
      unsafe input.elements.withUnsafeBufferPointer { x in
        unsafe gain.withUnsafeBufferPointer { gain in
          unsafe statistics.values.withUnsafeBufferPointer { statistics in
            unsafe elements.withUnsafeMutableBufferPointer { sum in
              unsafe Element.kernels.rows.normalizeBackward(
                gradient.baseAddress, x.baseAddress, rowCount, columnCount, gain.baseAddress,
                isCentered, statistics.baseAddress, sum.baseAddress)
            }
          }
        }
      }
    }
  }
}
