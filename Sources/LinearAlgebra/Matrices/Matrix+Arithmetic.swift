extension Matrix {
  /// Adds another matrix of the same shape, of any precision.
  @specialized(where Element == Double, Other == Float)
  @specialized(where Element == Double, Other == Double)
  @specialized(where Element == Float, Other == Float)
  public mutating func add<Other: Scalar>(_ other: Matrix<Other>) {
    checkShape(other.rows, other.columns)
    for index in elements.indices { elements[index] += Element(other.elements[index]) }
  }

  /// Adds `scale · other`.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func add(_ other: Matrix, scale: Element) {
    checkShape(other.rows, other.columns)
    for index in elements.indices { elements[index] += scale * other.elements[index] }
  }

  /// Adds the products of elements in the same place of two matrices of the same shape.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  package mutating func add(elementwise one: Matrix, times other: Matrix) {
    checkShape(one.rows, one.columns)
    checkShape(other.rows, other.columns)
    for index in elements.indices { elements[index] += one.elements[index] * other.elements[index] }
  }

  /// Adds another matrix into a range of columns, in this matrix's precision.
  @specialized(where Element == Double, Other == Float)
  @specialized(where Element == Double, Other == Double)
  @specialized(where Element == Float, Other == Float)
  public mutating func add<Other: Scalar>(_ other: Matrix<Other>, firstColumn: Int) {
    precondition(
      other.rows == rows && firstColumn >= 0 && firstColumn + other.columns <= columns,
      "\(other.rows) × \(other.columns) at column \(firstColumn) of \(rows) × \(columns)")
    for row in 0..<rows {
      let target = row * columns + firstColumn
      let source = row * other.columns
      for column in 0..<other.columns {
        elements[target + column] += Element(other.elements[source + column])
      }
    }
  }

  /// Multiplies every element by a factor.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func scale(by factor: Element) {
    for index in elements.indices { elements[index] *= factor }
  }

  /// Multiplies column j by `factors[j]`.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func scaleColumns(by factors: [Element]) {
    precondition(factors.count == columns, "\(factors.count) factors for \(columns) columns")
    for row in 0..<rows {
      for column in 0..<columns { elements[row * columns + column] *= factors[column] }
    }
  }

  /// Multiplies row i by `factors[i]`.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func scaleRows(by factors: [Element]) {
    precondition(factors.count == rows, "\(factors.count) factors for \(rows) rows")
    for row in 0..<rows {
      for column in 0..<columns { elements[row * columns + column] *= factors[row] }
    }
  }

  /// Adds a number to every element on the diagonal.
  public mutating func addToDiagonal(_ value: Element) {
    for index in 0..<min(rows, columns) { elements[index * columns + index] += value }
  }

  /// The mean of all rows.
  ///
  /// - Returns: `1 × columns`, summed in double precision.
  public func meanRow() -> Matrix {
    precondition(rows > 0, "the mean of no rows")
    var sums = [Double](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { sums[column] += Double(elements[row * columns + column]) }
    }
    return Matrix(rows: 1, columns: columns, elements: sums.map { Element($0 / Double(rows)) })
  }

  fileprivate func checkShape(_ rows: Int, _ columns: Int) {
    precondition(
      rows == self.rows && columns == self.columns,
      "\(rows) × \(columns) does not match \(self.rows) × \(self.columns)")
  }
}

extension Matrix {
  /// Adds `factors[i]` times row i of another matrix to row i.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public mutating func addRows(of other: Matrix, scaledBy factors: [Element]) {
    precondition(
      other.rows == rows && other.columns == columns && factors.count == rows,
      "\(other.rows) × \(other.columns) and \(factors.count) factors for \(rows) × \(columns)")
    for row in 0..<rows {
      let factor = factors[row]
      for index in row * columns..<(row + 1) * columns {
        elements[index] += factor * other.elements[index]
      }
    }
  }

  /// The given rows, in the given order.
  public func selecting(rows selected: [Int]) -> Matrix {
    var chosen: [Element] = []
    chosen.reserveCapacity(selected.count * columns)
    for row in selected { chosen += self[row: row] }
    return Matrix(rows: selected.count, columns: columns, elements: chosen)
  }

  /// Writes another matrix into a range of columns.
  public mutating func place(_ other: Matrix, firstColumn: Int) {
    precondition(other.rows == rows, "\(other.rows) rows beside \(rows)")
    place(other.view, firstRow: 0, firstColumn: firstColumn)
  }

  /// The matrix with a column of ones at its end, such as the input of a bias: `m × (n + 1)`.
  public func appendingOnes() -> Matrix {
    var result = Matrix(repeating: 1, rows: rows, columns: columns + 1)
    result.place(self, firstColumn: 0)
    return result
  }

  /// The first rows; the same matrix where that is all of them.
  public func prefix(rows count: Int) -> Matrix {
    precondition(count >= 0 && count <= rows, "\(count) of \(rows) rows")
    guard count < rows else { return self }
    return Matrix(rows: count, columns: columns, elements: Array(elements[..<(count * columns)]))
  }

  /// Writes another matrix over the first rows.
  public mutating func place(rows other: Matrix) {
    precondition(other.columns == columns, "rows of \(other.columns) over rows of \(columns)")
    place(other.view, firstRow: 0, firstColumn: 0)
  }

  /// The given columns, column j multiplied by `factors[j]`.
  ///
  /// - Parameters:
  ///   - range: The columns.
  ///   - factors: As many factors as the matrix has columns.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public func selecting(columns range: Range<Int>, scaledBy factors: [Element]) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns && factors.count == columns,
      "columns \(range) and \(factors.count) factors of \(columns) columns")
    var selected = Matrix(repeating: 0, rows: rows, columns: range.count)
    for row in 0..<rows {
      let source = row * columns + range.lowerBound
      let target = row * range.count
      for column in 0..<range.count {
        selected.elements[target + column] =
          elements[source + column] * factors[range.lowerBound + column]
      }
    }
    return selected
  }
}

extension Matrix {
  /// Adds the squares of each column's elements to a sum of its own, in double precision.
  ///
  /// - Parameter sums: One for each column.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func addSquares(toColumns sums: inout [Double]) {
    precondition(sums.count == columns, "\(sums.count) sums for \(columns) columns")
    for row in 0..<rows {
      let start = row * columns
      for column in 0..<columns {
        let value = Double(elements[start + column])
        sums[column] += value * value
      }
    }
  }
}
