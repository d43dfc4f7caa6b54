internal import LinearAlgebra

extension TabularDataSet {
  /// The same examples with every feature at mean 0 and deviation 1; constant features become 0.
  ///
  /// - Parameter reference: Where means and deviations are taken from; these examples unless given, the
  ///   training examples for a test set.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func standardized(by reference: TabularDataSet? = nil) -> TabularDataSet {
    let source = (reference ?? self).features
    precondition(source.columns == features.columns, "data sets of different features")
    var elements = features.elements
    for column in 0..<features.columns {
      let values = (0..<source.rows).map { Double(source[$0, column]) }
      let mean = values.reduce(0, +) / Double(max(1, values.count))
      let square =
        values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count))
      let scale = square > 0 ? 1 / square.squareRoot() : 0
      for row in 0..<features.rows {
        let index = row * features.columns + column
        elements[index] = Element((Double(elements[index]) - mean) * scale)
      }
    }
    return TabularDataSet(
      checked: Matrix(rows: features.rows, columns: features.columns, elements: elements),
      labels: labels, classCount: classCount, ids: ids)
  }
}
