/// A random `k × d` matrix with s entries ±1/√s in each column, of which any column can be made alone.
///
/// The sparse Johnson–Lindenstrauss transform by blocks (Kane and Nelson, "Sparser Johnson-Lindenstrauss
/// transforms", 2014): the k rows are divided into s runs, and each column has one entry in each. E‖Px‖² =
/// ‖x‖², with a variance of at most 2/k where s divides k. A row of a run is drawn from 31 bits, so that the
/// chances of rows differ by less than k·2⁻³¹ of them.
package struct SparseSignMatrix: Sendable {
  package let rows: Int
  package let columns: Int
  package let nonzeros: Int
  private let generator: CounterGenerator

  /// Describes a matrix; streams tell apart independent ones of one seed.
  package init(rows: Int, columns: Int, nonzeros: Int, seed: UInt64, stream: UInt64 = 0) {
    precondition(
      columns > 0 && nonzeros > 0 && nonzeros <= rows && rows <= 1 << 30,
      "\(nonzeros) entries a column of \(rows) × \(columns)")
    self.rows = rows
    self.columns = columns
    self.nonzeros = nonzeros
    generator = CounterGenerator(seed: seed, stream: stream)
  }

  /// The rows and signs of a column's entries, which are all 1/√s in size.
  package func entries(ofColumn column: Int) -> [(row: Int, isNegative: Bool)] {
    codes(ofColumns: column..<column + 1).map { (Int($0 >> 1), $0 & 1 == 1) }
  }

  /// Twice the row, plus 1 where the sign is negative, of the s entries of each column.
  func codes(ofColumns range: Range<Int>) -> [UInt32] {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    let callsAColumn = (nonzeros + 3) / 4
    var codes: [UInt32] = []
    codes.reserveCapacity(range.count * nonzeros)
    for column in range {
      for call in 0..<callsAColumn {
        let words = generator.words(at: UInt64(column) &* UInt64(callsAColumn) &+ UInt64(call))
        for run in 4 * call..<min(nonzeros, 4 * call + 4) {
          let word =
            switch run & 3 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
          let first = run * rows / nonzeros
          let size = (run + 1) * rows / nonzeros - first
          let row = first + Int((UInt64(word >> 1) &* UInt64(size)) >> 31)
          codes.append(UInt32(row) << 1 | word & 1)
        }
      }
    }
    return codes
  }

  /// X·Pᵀ for rows x of some columns' numbers.
  ///
  /// - Parameters:
  ///   - matrix: `n × columns`.
  ///   - first: The first of the columns.
  /// - Returns: `n × k`, summed in double precision; a row does not depend on the others.
  /// - Complexity: s operations per number.
  package func products<Element: Scalar>(
    of matrix: MatrixView<Element>, firstColumn first: Int
  ) -> Matrix<Double> {
    let codes = codes(ofColumns: first..<first + matrix.columns)
    let groups = (matrix.rows + Self.rowsAPiece - 1) / Self.rowsAPiece
    var parts = [[Double]](repeating: [], count: groups)
    Parallelism.update(&parts) { group, part in
      let start = group * Self.rowsAPiece
      let end = min(matrix.rows, start + Self.rowsAPiece)
      let numbers = Matrix(matrix[rows: start..<end])
      part = scattered(numbers, by: codes, nonzeros: nonzeros, into: rows)
    }
    return Matrix(rows: matrix.rows, columns: rows, elements: parts.flatMap { $0 })
  }

  private static let rowsAPiece = 8
}

/// Adds each number to, or subtracts it from, the places that its column's codes tell.
@specialized(where Element == Float)
@specialized(where Element == Double)
private func scattered<Element: Scalar>(
  _ numbers: Matrix<Element>, by codes: [UInt32], nonzeros: Int, into width: Int
) -> [Double] {
  let scale = 1 / Double(nonzeros).squareRoot()
  var sums = [Double](repeating: 0, count: numbers.rows * width)
  for row in 0..<numbers.rows {
    let source = row * numbers.columns
    let target = row * width
    for column in 0..<numbers.columns {
      let number = scale * Double(numbers.elements[source + column])
      for entry in column * nonzeros..<(column + 1) * nonzeros {
        let code = codes[entry]
        sums[target + Int(code >> 1)] += code & 1 == 0 ? number : -number
      }
    }
  }
  return sums
}
