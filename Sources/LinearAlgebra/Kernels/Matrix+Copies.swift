extension Matrix {
  /// Copies a view's elements into a matrix of its own.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public init(_ view: MatrixView<Element>) {
    var elements: [Element] = []
    elements.reserveCapacity(view.rows * view.columns)
    if view.isTransposed {
      for row in 0..<view.rows {
        for column in 0..<view.columns { elements.append(view[row, column]) }
      }
    } else {
      for row in 0..<view.rows {
        unsafe view.storage.withPointer(at: view.offset + row * view.rowStride) { base in
          unsafe elements.append(contentsOf: UnsafeBufferPointer(start: base, count: view.columns))
        }
      }
    }
    self.init(rows: view.rows, columns: view.columns, elements: elements)
  }

  /// Copies a view's elements, each multiplied by a factor.
  ///
  /// - Parameters:
  ///   - view: Not transposed.
  ///   - factor: The factor.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public init(_ view: MatrixView<Element>, scaledBy factor: Element) {
    precondition(
      !view.isTransposed, "a scaled copy of a transposed view would stride through memory")
    var elements: [Element] = []
    elements.reserveCapacity(view.rows * view.columns)
    for row in 0..<view.rows {
      unsafe view.storage.withPointer(at: view.offset + row * view.rowStride) { base in
        let source = unsafe UnsafeBufferPointer(start: base, count: view.columns)
        unsafe elements.append(contentsOf: source.lazy.map { $0 * factor })
      }
    }
    self.init(rows: view.rows, columns: view.columns, elements: elements)
  }

  /// Replaces a rectangle by a view's elements.
  ///
  /// - Parameters:
  ///   - view: Not transposed; inside this matrix from the given place on.
  ///   - firstRow: The row of its first element.
  ///   - firstColumn: The column of its first element.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func place(_ view: MatrixView<Element>, firstRow: Int, firstColumn: Int) {
    precondition(
      !view.isTransposed && firstRow >= 0 && firstRow + view.rows <= rows && firstColumn >= 0
        && firstColumn + view.columns <= columns,
      "\(view.rows) × \(view.columns) at (\(firstRow), \(firstColumn)) of \(rows) × \(columns)")
    let stride = columns
    unsafe elements.withUnsafeMutableBufferPointer { target in
      for row in 0..<view.rows {
        unsafe view.storage.withPointer(at: view.offset + row * view.rowStride) { base in
          let start = (firstRow + row) * stride + firstColumn
          let part = unsafe UnsafeMutableBufferPointer(
            rebasing: target[start..<start + view.columns])
          _ = unsafe part.update(
            fromContentsOf: UnsafeBufferPointer(start: base, count: view.columns))
        }
      }
    }
  }

  /// Converts a view's elements, each rounded to nearest.
  public init<Other: Scalar>(converting view: MatrixView<Other>) {
    self.init(converting: Matrix<Other>(view))
  }

  /// Converts a matrix's elements, each rounded to nearest; the same matrix where the type is the
  /// same.
  public init<Other: Scalar>(converting matrix: Matrix<Other>) {
    // The cast looks at the type of the matrix, once; casting the array would look at each element.
    if Other.self == Element.self, let same = matrix as? Matrix<Element> {
      self = same
    } else {
      self.init(
        rows: matrix.rows, columns: matrix.columns,
        elements: converted(matrix.elements, to: Element.self))
    }
  }
}

@specialized(where From == Float, To == Double)
@specialized(where From == Double, To == Float)
private func converted<From: Scalar, To: Scalar>(_ elements: [From], to: To.Type) -> [To] {
  elements.map { To($0) }
}
