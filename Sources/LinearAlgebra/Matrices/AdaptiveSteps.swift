/// What each number of a row becomes under an adaptive update rule: x → (a + b·x)/(√(c + e·x²) + ε), with an a and a c of
/// each column.
package struct AdaptiveSteps<Element: Scalar>: Sendable {
  private let offsets: [Element]
  private let scale: Element
  private let squareOffsets: [Element]
  private let squareScale: Element
  private let epsilon: Element

  /// Collects the numbers, which are rounded once each.
  ///
  /// - Parameters:
  ///   - offsets: a of each column.
  ///   - scale: b.
  ///   - squareOffsets: c of each column, none negative.
  ///   - squareScale: e, at least 0.
  ///   - epsilon: ε, positive.
  package init(
    offsets: [Double], scale: Double, squareOffsets: [Double], squareScale: Double, epsilon: Double
  ) {
    precondition(
      offsets.count == squareOffsets.count,
      "\(offsets.count) and \(squareOffsets.count) numbers of columns")
    self.offsets = offsets.map { Element($0) }
    self.scale = Element(scale)
    self.squareOffsets = squareOffsets.map { Element($0) }
    self.squareScale = Element(squareScale)
    self.epsilon = Element(epsilon)
  }

  /// Changes all rows of a matrix.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  package func apply(to matrix: inout Matrix<Element>) {
    let width = matrix.columns
    precondition(width == offsets.count, "\(width) columns for steps of \(offsets.count)")
    for row in 0..<matrix.rows {
      let start = row * width
      for column in 0..<width {
        let value = matrix.elements[start + column]
        let root = (squareOffsets[column] + squareScale * value * value).squareRoot()
        matrix.elements[start + column] = (offsets[column] + scale * value) / (root + epsilon)
      }
    }
  }
}
