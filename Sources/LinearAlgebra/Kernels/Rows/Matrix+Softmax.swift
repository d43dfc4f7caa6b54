extension Matrix {
  /// What a row of scores may look at: row r its first `count + step · r` columns, at most all.
  package struct Visible: Sendable {
    let count: Int
    let step: Int

    /// All columns.
    package static var all: Visible { Visible(count: .max / 2, step: 0) }

    /// Row r looks at its first `count + r` columns: those before it and itself.
    package static func upTo(_ count: Int) -> Visible { Visible(count: count, step: 1) }
  }

  /// Replaces the first rows by their softmax over the columns that each may look at; the others become 0.
  ///
  /// - Parameters:
  ///   - count: How many rows.
  ///   - columnCount: How many columns take part.
  ///   - visible: The columns of each row; at least one.
  /// - Returns: log Σ exp of each row.
  package mutating func softmax(
    rows count: Int, columns columnCount: Int, _ visible: Visible
  ) -> [Element] {
    precondition(count <= rows && columnCount <= columns && visible.count >= 1)
    let stride = columns
    return unsafe [Element](unsafeUninitializedCapacity: count) { sums, initialized in
      unsafe elements.withUnsafeMutableBufferPointer { x in
        unsafe Element.kernels.rows.softmax(
          x.baseAddress, count, columnCount, stride, visible.count, visible.step, sums.baseAddress)
      }
      initialized = count
    }
  }

  /// The same, where log Σ exp of each row is known.
  package mutating func softmax(
    logSums: ArraySlice<Element>, columns columnCount: Int, _ visible: Visible
  ) {
    precondition(logSums.count <= rows && columnCount <= columns && visible.count >= 1)
    let stride = columns
    unsafe logSums.withUnsafeBufferPointer { sums in
      unsafe elements.withUnsafeMutableBufferPointer { x in
        unsafe Element.kernels.rows.softmaxFromSums(
          x.baseAddress, sums.count, columnCount, stride, visible.count, visible.step,
          sums.baseAddress)
      }
    }
  }

  /// Turns gradients by probabilities p into gradients by what softmax was taken of.
  ///
  ///     gradient ← scale · p · (gradient − Σ p · gradient)
  ///
  /// - Parameters:
  ///   - probabilities: A matrix of the same size.
  ///   - dots: Σ p · gradient of each of the first rows.
  ///   - columnCount: How many columns take part.
  ///   - scale: A factor for all.
  package mutating func turnThroughSoftmax(
    _ probabilities: Matrix, dots: ArraySlice<Element>, columns columnCount: Int, scale: Element
  ) {
    precondition(
      probabilities.rows == rows && probabilities.columns == columns && dots.count <= rows
        && columnCount <= columns)
    let stride = columns
    unsafe dots.withUnsafeBufferPointer { dots in
      unsafe probabilities.elements.withUnsafeBufferPointer { p in
        unsafe elements.withUnsafeMutableBufferPointer { gradient in
          unsafe Element.kernels.rows.softmaxBackward(
            gradient.baseAddress, p.baseAddress, dots.count, columnCount, stride,
            dots.baseAddress, scale)
        }
      }
    }
  }

  /// The inner products of rows with those of another matrix of the same size, over some columns, in the element's precision.
  package func plainRowDots(with other: Matrix, columns range: Range<Int>) -> [Element] {
    precondition(
      other.rows == rows && other.columns == columns && range.lowerBound >= 0
        && range.upperBound <= columns)
    guard rows > 0, !range.isEmpty else { return Array(repeating: 0, count: rows) }
    return unsafe [Element](unsafeUninitializedCapacity: rows) { dots, initialized in
      unsafe elements.withUnsafeBufferPointer { a in
        unsafe other.elements.withUnsafeBufferPointer { b in
          unsafe Element.kernels.rows.rowDots(
            a.baseAddress.map { unsafe $0 + range.lowerBound },
            b.baseAddress.map { unsafe $0 + range.lowerBound }, rows, range.count, columns,
            dots.baseAddress)
        }
      }
      initialized = rows
    }
  }
}
