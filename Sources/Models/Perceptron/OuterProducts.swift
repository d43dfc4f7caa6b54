internal import LinearAlgebra

/// Writes the outer product of every pair of rows: row i of the result is `left`ᵢ ⊗ `right`ᵢ.
///
/// - Parameters:
///   - products: Becomes `n × p·q`, row by row; element (i, a·q + b) is left(i, a) · right(i, b).
///     Its memory is used again if it has that size.
///   - left: `n × p`.
///   - right: `n × q`.
/// - Complexity: n · p · q multiplications; bound by the speed of writing memory.
@specialized(where Element == Float)
@specialized(where Element == Double)
func fillOuterProducts<Element: Scalar>(
  _ products: inout [Element], _ left: Matrix<Element>, _ right: Matrix<Element>
) {
  precondition(left.rows == right.rows, "\(left.rows) rows cannot be paired with \(right.rows)")
  let count = left.rows * left.columns * right.columns
  if products.count != count { products = Array(repeating: 0, count: count) }
  // An adapter's rank makes a short loop, which is fast only if the compiler knows the length.
  switch right.columns {
  case 2: fillShort(&products, left, right, width: 2)
  case 4: fillShort(&products, left, right, width: 4)
  case 8: fillShort(&products, left, right, width: 8)
  case 16: fillShort(&products, left, right, width: 16)
  default: fillLong(&products, left, right)
  }
}

/// For rows long enough to be vectorised one by one.
private func fillLong<Element: Scalar>(
  _ products: inout [Element], _ left: Matrix<Element>, _ right: Matrix<Element>
) {
  let rightElements = right.elements
  let leftElements = left.elements
  let rightSpan = rightElements.span
  let (p, q) = (left.columns, right.columns)
  var output = products.mutableSpan
  for row in 0..<left.rows {
    let rightRow = rightSpan.extracting(row * q..<(row + 1) * q)
    for a in row * p..<(row + 1) * p {
      let factor = leftElements[a]
      var target = output._mutatingExtracting(a * q..<(a + 1) * q)
      // The two counts are equal; the minimum tells the compiler, which then drops both checks.
      for b in 0..<min(rightRow.count, target.count) { target[b] = factor * rightRow[b] }
    }
  }
}

/// For a width that is a constant at the place of the call.
@inline(__always)
private func fillShort<Element: Scalar>(
  _ products: inout [Element], _ left: Matrix<Element>, _ right: Matrix<Element>, width: Int
) {
  let leftElements = left.elements
  let rightElements = right.elements
  let leftSpan = leftElements.span
  let rightSpan = rightElements.span
  let p = left.columns
  var output = products.mutableSpan
  for row in 0..<left.rows {
    let leftRow = leftSpan.extracting(row * p..<(row + 1) * p)
    let rightRow = rightSpan.extracting(row * width..<(row + 1) * width)
    var target = output._mutatingExtracting(row * p * width..<(row + 1) * p * width)
    for a in leftRow.indices {
      for b in 0..<width { target[a &* width &+ b] = leftRow[a] * rightRow[b] }
    }
  }
}
