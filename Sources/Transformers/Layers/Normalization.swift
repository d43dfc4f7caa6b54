package import LinearAlgebra

/// A normalization of each token's numbers: y = (x − mean)/√(variance + ε) · gain + shift, or, not centered,
/// y = x/√(mean square + ε) · gain.
package struct Normalization<Element: Scalar>: Sendable {
  let gain: [Element]
  /// Empty where it is not centered.
  let shift: [Element]
  let isCentered: Bool
  let epsilon: Element

  /// What backward needs of forward.
  package struct Saved {
    let input: Matrix<Element>
    let statistics: RowStatistics<Element>
  }

  /// - Parameter x: tokens × hidden.
  package func forward(_ x: Matrix<Element>) -> (Matrix<Element>, Saved) {
    let (y, statistics) = x.normalized(
      gain: gain, shift: shift, isCentered: isCentered, epsilon: epsilon)
    return (y, Saved(input: x, statistics: statistics))
  }

  /// Adds the gradient by what was read to `sum`.
  package func backward(_ dy: Matrix<Element>, _ saved: Saved, addingTo sum: inout Matrix<Element>)
  {
    sum.addThroughNormalization(
      dy, input: saved.input, statistics: saved.statistics, gain: gain, isCentered: isCentered)
  }
}
