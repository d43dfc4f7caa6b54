extension Matrix {
  /// The column of the largest element of each row; of several, the first.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  package func columnsOfRowMaxima() -> [Int] {
    (0..<rows).map { row in
      let start = row * columns
      var best = start
      for index in start..<start + columns where elements[index] > elements[best] { best = index }
      return best - start
    }
  }

  /// The softmax of each row.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  package func rowSoftmax() -> Matrix {
    var result = self
    for row in 0..<rows { result[row: row] = Softmax(Array(self[row: row])).probabilities[...] }
    return result
  }
}
