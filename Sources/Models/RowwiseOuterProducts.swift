internal import LinearAlgebra

/// The outer product of every pair of rows: row i of the result is `left`ᵢ ⊗ `right`ᵢ, row by row.
///
/// - Parameters:
///   - left: `n × p`.
///   - right: `n × q`.
/// - Returns: `n × p·q`; element (i, a·q + b) is left(i, a) · right(i, b).
/// - Complexity: n · p · q multiplications; bound by the speed of writing memory.
@specialized(where Element == Float)
@specialized(where Element == Double)
func rowwiseOuterProducts<Element: Scalar>(
  _ left: Matrix<Element>, _ right: Matrix<Element>
) -> Matrix<Element> {
  precondition(
    left.rows == right.rows, "\(left.rows) rows cannot be paired with \(right.rows)")
  let (p, q) = (left.columns, right.columns)
  let leftElements = left.elements
  let rightElements = right.elements
  var products = [Element](repeating: 0, count: left.rows * p * q)
  var target = 0
  for row in 0..<left.rows {
    for a in row * p..<(row + 1) * p {
      let factor = leftElements[a]
      for b in row * q..<(row + 1) * q {
        products[target] = factor * rightElements[b]
        target += 1
      }
    }
  }
  return Matrix(rows: left.rows, columns: p * q, elements: products)
}
