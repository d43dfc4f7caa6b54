extension Matrix {
  /// Copies a view's elements into a matrix of its own.
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

  /// Converts a view's elements, each rounded to nearest.
  public init<Other: Scalar>(converting view: MatrixView<Other>) {
    let copy = Matrix<Other>(view)
    self.init(
      rows: view.rows, columns: view.columns, elements: converted(copy.elements, to: Element.self))
  }

  /// Converts a matrix's elements, each rounded to nearest.
  public init<Other: Scalar>(converting matrix: Matrix<Other>) {
    self.init(
      rows: matrix.rows, columns: matrix.columns,
      elements: converted(matrix.elements, to: Element.self))
  }
}

/// Elements in another precision; the same array where the precision is the same.
private func converted<From: Scalar, To: Scalar>(_ elements: [From], to: To.Type) -> [To] {
  if let same = elements as? [To] { return same }
  if let singles = elements as? [Float], let doubles = singles.map(Double.init) as? [To] {
    return doubles
  }
  if let doubles = elements as? [Double], let singles = doubles.map(Float.init) as? [To] {
    return singles
  }
  return elements.map { To($0) }
}
