import LinearAlgebra

/// The residual of answers in the span of the query and the training gradients.
///
/// With x = Gᵀa + βv and its scores s = Gx = Ka + βc: r = Gᵀt + (λβ − 1)v with t = s/n + λa, and
/// therefore ‖r‖² = tᵀKt + 2(λβ − 1)·tᵀc + (λβ − 1)²·‖v‖².
struct SpanResidual {
  /// s, `m × n`.
  let scores: Matrix<Double>
  /// t, `m × n`.
  let coefficients: Matrix<Double>
  /// ‖r‖ per query, without what rounding did to K and C.
  let norms: [Double]
  /// λβ − 1.
  private let gap: Double

  /// Computes s from K and C.
  ///
  /// - Complexity: 4mn² operations.
  init(
    of solution: SpanSolution, cross: CrossProducts, kernel: MatrixView<Double>,
    context: BlockContext
  ) {
    var scores = cross.matrix(as: Double.self)
    scores.scale(by: solution.beta)
    if let coefficients = solution.coefficients {
      scores.add(product: coefficients.view, kernel, scale: 1)
    }
    self.init(
      scores: scores, solution: solution, cross: cross, kernel: kernel, context: context)
  }

  /// Takes s from elsewhere.
  ///
  /// - Complexity: 2mn² operations.
  init(
    scores: Matrix<Double>, solution: SpanSolution, cross: CrossProducts,
    kernel: MatrixView<Double>, context: BlockContext
  ) {
    let gap = context.lambda * solution.beta - 1
    var mixture = scores
    mixture.scale(by: 1 / Double(context.exampleCount))
    if let coefficients = solution.coefficients {
      mixture.add(coefficients, scale: context.lambda)
    }
    let products = cross.matrix(as: Double.self)
    let image = Matrix(product: mixture.view, kernel)
    let quadratic = mixture.view.rowDots(with: image.view)
    let mixed = mixture.view.rowDots(with: products.view)
    norms = (0..<products.rows).map { row in
      let squared =
        quadratic[row] + 2 * gap * mixed[row] + gap * gap * cross.squaredQueryNorms[row]
      // Rounding may leave less than zero; NaN stays NaN, which certifies nothing.
      return squared < 0 ? 0 : squared.squareRoot()
    }
    self.scores = scores
    self.gap = gap
    coefficients = mixture
  }

  /// At least ‖r‖, whatever rounding did to K and C.
  ///
  /// K and C are off by at most γ·√νᵢ√νⱼ and γ·√νᵢ‖v‖ per entry, which moves tᵀKt by at most γ·(Σ√νᵢ|tᵢ|)²,
  /// and tᵀc by at most γ·‖v‖·Σ√νᵢ|tᵢ|.
  func upperNorms(_ rounding: BlockRounding, queryNorms: [Double]) -> [Double] {
    let weights = rounding.weights(of: coefficients)
    let sums = rounding.sums(of: coefficients)
    let gamma = rounding.ofProducts
    return norms.indices.map { row in
      let (weight, sum, norm) = (weights[row], sums[row], queryNorms[row])
      let slack =
        gamma * (weight * weight + 2 * abs(gap) * weight * norm + gap * gap * norm * norm)
        + rounding.underflow * (sum * sum + 2 * abs(gap) * sum)
      return (norms[row] * norms[row] + slack).squareRoot() * (1 + 1e-12)
    }
  }
}
