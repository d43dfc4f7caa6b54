import LinearAlgebra

/// Eigenvalues and eigenvectors of a symmetric matrix, which may lie in a mapped file.
struct Eigenbasis: Sendable {
  /// Ascending.
  let values: [Double]
  /// One row per vector, in the order of the values.
  let vectors: MatrixView<Double>
  /// The same as matrices, where they were computed here.
  let decomposition: SymmetricEigendecomposition<Double>?

  init(_ decomposition: SymmetricEigendecomposition<Double>) {
    values = decomposition.values
    vectors = decomposition.vectors.view
    self.decomposition = decomposition
  }

  init(values: [Double], vectors: MatrixView<Double>) {
    self.values = values
    self.vectors = vectors
    decomposition = nil
  }
}
