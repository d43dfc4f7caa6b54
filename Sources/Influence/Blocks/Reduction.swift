package import LinearAlgebra

/// What crosses rows: the one seam between passes over the training gradients that this process reads and
/// quantities of all of them.
///
/// A pass reads the rows that ``rows(of:)`` says. Sums over rows (F, moments, Σ w·g·gᵀv) go through
/// `sum`; quantities with one column or row per example (C, S, norms) go through `gather`. A run on one
/// machine reads all rows, and nothing crosses.
package protocol Reduction: Sendable {
  /// Whether other processes take part: then blocks are worked on one after the other, so that all
  /// processes exchange the same quantity at the same time.
  var isShared: Bool { get }
  /// Which of `count` rows this process reads.
  func rows(of count: Int) -> Range<Int>
  /// Replaces the sums of this process's rows by the sums of all rows.
  func sum(_ values: inout [Double]) throws
  /// Replaces a sum over this process's rows by the sum over all rows.
  func sum<Element: Scalar>(_ matrix: inout Matrix<Element>) throws
  /// Fills the columns of the other rows, of a matrix with one column per training example.
  func gather<Element: Scalar>(columnsOf matrix: inout Matrix<Element>) throws
  /// The rows of all training examples, given those that this process reads, `n × columns`.
  func gather<Element: Scalar>(
    rowsOf matrix: MatrixView<Element>
  ) throws -> MatrixView<Element>
}

/// All rows on this machine: nothing is to be added or gathered.
package struct WholeRows: Reduction {
  package init() {}
  package var isShared: Bool { false }
  package func rows(of count: Int) -> Range<Int> { 0..<count }
  package func sum(_ values: inout [Double]) {}
  package func sum<Element: Scalar>(_ matrix: inout Matrix<Element>) {}
  package func gather<Element: Scalar>(columnsOf matrix: inout Matrix<Element>) {}
  package func gather<Element: Scalar>(rowsOf matrix: MatrixView<Element>) -> MatrixView<Element> {
    matrix
  }
}
