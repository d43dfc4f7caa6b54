package import LinearAlgebra

/// The best approximation of a matrix B (q × p) by a sum of c products: Σₖ σₖ·uₖ·vₖᵀ of its c largest singular values
/// (Eckart and Young, 1936).
///
/// The shorter side decides how it is found. Up to ``largestGram`` rows, from all eigenvectors of its Gram matrix: exact
/// but for singular values below 10⁻⁸ of the largest, which are rounding. Above, by orthogonal iteration with eight directions more than c,
/// until further steps would bring less than 10⁻⁷ of what is captured, as the last two foretell, or after 200.
package struct LowRankFactors {
  /// l₁ … l_c, `c × q`.
  package private(set) var left: Matrix<Double>
  /// r₁ … r_c, `c × p`.
  package private(set) var right: Matrix<Double>

  /// The longest side whose Gram matrix is decomposed as a whole.
  package static let largestGram = 64
  private static let moreDirections = 8
  private static let mostSteps = 200
  private static let tolerance = 1e-7

  /// Finds the factors; lₖ and rₖ have equal largest numbers, so that neither leaves the range of a narrow type first.
  ///
  /// - Parameters:
  ///   - matrix: B, `q × p`, of finite numbers.
  ///   - rank: c, up to the shorter side.
  /// - Complexity: O(s²·l + s³) for sides s ≤ l up to ``largestGram``, else O(c·s·l) a step.
  package init(of matrix: MatrixView<Double>, rank: Int) throws {
    let isWide = matrix.rows <= matrix.columns
    let short = min(matrix.rows, matrix.columns)
    let peak = Matrix(matrix).elements.reduce(0) { max($0, $1.magnitude) }
    guard peak > 0 else {
      left = .zeros(rank, matrix.rows)
      right = .zeros(rank, matrix.columns)
      return
    }
    // By a power of two, so that squares neither overflow nor vanish, and nothing is rounded.
    let scale = Double(sign: .plus, exponent: -Int(peak.exponent), significand: 1)
    var scaled = isWide ? Matrix(matrix) : Matrix(matrix.transposed)
    scaled.scale(by: scale)
    let directions =
      try short <= Self.largestGram
      ? Self.leading(rank, of: Matrix(product: scaled.view, scaled.transposed))
      : Self.iterated(rank, on: scaled.view)
    var images = Matrix(product: directions.view, scaled.view)
    images.scale(by: 1 / scale)
    left = isWide ? directions : images
    right = isWide ? images : directions
    balance()
  }

  /// The eigenvectors of the c largest eigenvalues, one per row, the largest first.
  private static func leading(_ count: Int, of gram: Matrix<Double>) throws -> Matrix<Double> {
    let order = gram.rows
    let vectors = try SymmetricEigendecomposition(decomposing: gram).vectors
    return vectors.selecting(rows: (0..<count).map { order - 1 - $0 })
  }

  /// Orthogonal iteration with B·Bᵀ, and the best c directions of the subspace.
  private static func iterated(_ rank: Int, on matrix: MatrixView<Double>) throws -> Matrix<Double>
  {
    // The same start for each matrix: a row's factors do not depend on other rows.
    var generator = SeededGenerator(seed: 0)
    let count = min(matrix.rows, rank + moreDirections)
    var basis = Matrix(
      rows: count, columns: matrix.rows,
      elements: (0..<count * matrix.rows).map { _ in generator.normal() })
    orthonormalize(&basis)
    var captured = 0.0
    var lastGain = Double.infinity
    for _ in 0..<mostSteps {
      let images = Matrix(product: basis.view, matrix)
      let gram = Matrix(product: images.view, images.transposed)
      let parts = try SymmetricEigendecomposition(decomposing: gram)
      let now = parts.values.suffix(rank).reduce(0, +)
      // Gains fall like a geometric series, whose rest follows from two of them.
      let gain = max(0, now - captured)
      let rest =
        lastGain.isFinite && gain < lastGain ? gain * gain / (lastGain - gain) : .infinity
      lastGain = gain
      if gain == 0 || rest <= tolerance * now {
        let best = parts.vectors.selecting(rows: (0..<rank).map { count - 1 - $0 })
        return Matrix(product: best.view, basis.view)
      }
      captured = now
      basis = Matrix(product: images.view, matrix.transposed)
      orthonormalize(&basis)
    }
    let images = Matrix(product: basis.view, matrix)
    let best = try leading(rank, of: Matrix(product: images.view, images.transposed))
    return Matrix(product: best.view, basis.view)
  }

  /// Makes rows orthonormal, twice over; a row that the others span becomes zero.
  private static func orthonormalize(_ basis: inout Matrix<Double>) {
    for _ in 0..<2 {
      for row in 0..<basis.rows {
        var vector = Array(basis[row: row])
        let before = length(vector)
        for other in 0..<row {
          let direction = basis[row: other]
          let dot = zip(vector, direction).reduce(0) { $0 + $1.0 * $1.1 }
          for (place, value) in direction.enumerated() { vector[place] -= dot * value }
        }
        let after = length(vector)
        let factor = after > 1e-12 * before ? 1 / after : 0
        basis[row: row] = vector.map { $0 * factor }[...]
      }
    }
  }

  private static func length(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  private mutating func balance() {
    for row in 0..<left.rows {
      let peaks = (peak(of: left[row: row]), peak(of: right[row: row]))
      let factor =
        peaks.0 > 0 && peaks.1 > 0 ? (peaks.1 / peaks.0).squareRoot() : 0
      left[row: row] = left[row: row].map { $0 * factor }[...]
      right[row: row] = right[row: row].map { factor > 0 ? $0 / factor : 0 }[...]
    }
  }

  private func peak(of vector: ArraySlice<Double>) -> Double {
    vector.reduce(0) { max($0, $1.magnitude) }
  }
}
