import LinearAlgebra

/// What factors of a model must be, whoever wrote them.
extension KroneckerFactors {
  /// The first part that cannot be what its name says, with the reason and the remedy; nil where all can.
  ///
  /// Factors are symmetric with no negative diagonal, a basis is orthonormal and diagonalises its factor, and
  /// second moments are not negative and not all zero. Each within what single precision leaves of it.
  ///
  /// - Complexity: 4(p³ + q³) operations where there are bases.
  private var problem: (part: Part, reason: String)? {
    for (part, matrix) in [(Part.activations, activations), (.outputGradients, outputGradients)] {
      if !matrix.isSymmetric(within: Self.tolerance) {
        return (part, "it is not symmetric, as a mean of products x·xᵀ is; compute it again")
      }
      if matrix.diagonal.contains(where: { $0 < 0 }) {
        return (
          part, "its diagonal has negative numbers, which no mean of squares is; compute it again"
        )
      }
    }
    let bases: [(Part, Matrix<Double>?, Part, Matrix<Double>)] = [
      (.activationBasis, activationBasis, .activations, activations),
      (.outputBasis, outputBasis, .outputGradients, outputGradients),
    ]
    for case (let part, let basis?, let factorPart, let factor) in bases {
      let gram = Matrix(product: basis.view, basis.transposed)
      guard gram.isDiagonal(within: Self.tolerance, of: 1),
        gram.diagonal.allSatisfy({ abs($0 - 1) < Self.tolerance })
      else {
        return (
          part, "its rows are not orthonormal; store the eigenvectors of \(factorPart.rawValue)"
        )
      }
      let largest = factor.diagonal.reduce(0, +)
      if !Self.diagonalises(basis, factor, largest) {
        let isTurned = Self.diagonalises(Matrix(basis.transposed), factor, largest)
        return (
          part,
          isTurned
            ? "its columns are the eigenvectors of \(factorPart.rawValue), as numpy's and torch's eigh give them; store the transpose, one eigenvector per row"
            : "it does not diagonalise \(factorPart.rawValue) of the same file; store the eigenvectors of that matrix, one per row"
        )
      }
    }
    if let eigenvalues {
      if eigenvalues.elements.contains(where: { $0 < 0 }) {
        return (
          .eigenvalues, "it has negative numbers, which no mean of squares is; compute it again"
        )
      }
      if eigenvalues.elements.allSatisfy({ $0 == 0 }) {
        return (.eigenvalues, "all are zero; compute the second moments in the eigenbasis again")
      }
    }
    return nil
  }

  /// Refuses factors that cannot be a model's.
  ///
  /// - Parameters:
  ///   - block: The block's name.
  ///   - path: The file that they come from.
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)``.
  package func check(block: String, path: String) throws(GradientStoreError) {
    guard let problem else { return }
    throw .unusableCurvature(
      path: path, field: "\(block).\(problem.part.rawValue)", reason: problem.reason)
  }

  /// What single precision, and an eigensolver in it, leave of an identity.
  private static let tolerance = 1e-3

  private static func diagonalises(
    _ basis: Matrix<Double>, _ factor: Matrix<Double>, _ largest: Double
  ) -> Bool {
    let turned = Matrix(product: Matrix(product: basis.view, factor.view).view, basis.transposed)
    return turned.isDiagonal(within: tolerance, of: largest)
  }
}

extension Matrix<Double> {
  fileprivate func isSymmetric(within tolerance: Double) -> Bool {
    let largest = elements.reduce(0) { Swift.max($0, abs($1)) }
    return (0..<rows).allSatisfy { row in
      (0..<row).allSatisfy {
        abs(self[row, $0] - self[$0, row]) <= tolerance * largest
      }
    }
  }

  fileprivate func isDiagonal(within tolerance: Double, of size: Double) -> Bool {
    (0..<rows).allSatisfy { row in
      (0..<columns).allSatisfy { $0 == row || abs(self[row, $0]) <= tolerance * size }
    }
  }
}
