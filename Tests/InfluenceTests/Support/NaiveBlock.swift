import InfluenceKit
import TestSupport

/// The six methods, as tests go through them.
enum Method: String, CaseIterable, Sendable {
  case hessianFree = "hessian-free"
  case blockNormalized = "block-normalized"
  case dataInf = "datainf"
  case lissa
  case conjugateGradient = "cg"
  case exact

  /// The methods that put the same M in the place of the inverse, whatever the query.
  static let linear: [Method] = allCases.filter { $0 != .conjugateGradient }
  static let approximate: [Method] = allCases.filter { $0 != .exact }
  /// How many terms of LiSSA, and steps of conjugate gradients, are compared: far from convergence.
  static let terms = 30
  static let steps = 3

  /// The estimator, with a depth far from convergence and a scale for LiSSA that suits every block.
  func estimator(for problem: Problem) -> any Estimator {
    switch self {
    case .hessianFree: HessianFree()
    case .blockNormalized: BlockNormalized()
    case .dataInf: DataInf()
    case .lissa: LiSSA(depth: .terms(Self.terms), scale: Method.scale(for: problem.naive))
    case .conjugateGradient: ConjugateGradient(tolerance: 0, maximumSteps: Self.steps)
    case .exact: ExactFisher()
    }
  }

  /// A σ with which LiSSA converges in every block.
  static func scale(for blocks: [NaiveBlock]) -> Double {
    blocks.reduce(0) { max($0, 1.05 * ($1.largestEigenvalue + $1.lambda)) }
  }
}

/// What the formulas say of one block: in `Double`, by loops, through d × d matrices.
struct NaiveBlock: Sendable {
  let gradients: Matrix<Double>
  let queries: Matrix<Double>
  let lambda: Double
  /// F = GᵀG/n.
  let fisher: Matrix<Double>
  /// F + λI.
  let shifted: Matrix<Double>
  /// ‖F‖ in the Frobenius norm: no less than the largest eigenvalue, and close to it as a rule.
  let largestEigenvalue: Double

  init(_ block: Problem.Block, damping: Damping = .standard) {
    gradients = block.gradients
    queries = block.queries
    let n = Double(gradients.rows)
    let fisher = Naive.product(Naive.transpose(gradients), gradients).scaled(by: 1 / n)
    let trace = fisher.diagonal.reduce(0, +)
    switch damping {
    case .relative(let share): lambda = share * trace / Double(gradients.columns)
    case .absolute(let value): lambda = value
    }
    var shifted = fisher
    for index in 0..<fisher.rows { shifted[index, index] += lambda }
    self.fisher = fisher
    self.shifted = shifted
    largestEigenvalue = fisher.frobenius
  }

  var exampleCount: Int { gradients.rows }
  var width: Int { gradients.columns }
  /// (s_max + λ)/λ, or a little more.
  var condition: Double { (largestEigenvalue + lambda) / lambda }
  /// νᵢ.
  var squaredNorms: [Double] { Naive.rowNorms(gradients).map { $0 * $0 } }
  /// C = VGᵀ.
  var products: Matrix<Double> { scores(of: queries) }
  /// K = GGᵀ.
  var kernel: Matrix<Double> { Naive.product(gradients, Naive.transpose(gradients)) }

  /// S = XGᵀ.
  func scores(of preconditioned: Matrix<Double>) -> Matrix<Double> {
    Naive.product(preconditioned, Naive.transpose(gradients))
  }

  func scores(_ method: Method, scale: Double) throws -> Matrix<Double> {
    scores(of: try preconditioned(queries, method, scale: scale))
  }

  /// gᵢᵀMgᵢ.
  func selfInfluence(_ method: Method, scale: Double) throws -> [Double] {
    scores(of: try preconditioned(gradients, method, scale: scale)).diagonal
  }

  /// (F + λI)x − v, one row per query.
  func residuals(of preconditioned: Matrix<Double>, for queries: Matrix<Double>) -> Matrix<Double> {
    Naive.sum(Naive.product(preconditioned, shifted), queries, scale: -1)
  }

  /// X = VM.
  func preconditioned(
    _ queries: Matrix<Double>, _ method: Method, scale: Double
  ) throws -> Matrix<Double> {
    switch method {
    case .hessianFree: queries
    case .blockNormalized: queries.scaled(by: 1 / lambda)
    case .dataInf: dataInf(queries)
    case .lissa: lissa(queries, terms: Method.terms, scale: scale)
    case .conjugateGradient: conjugateGradients(queries, steps: Method.steps)
    case .exact: try exact(queries)
    }
  }

  /// The loop of the paper: the mean over examples of (gᵢgᵢᵀ + λI)⁻¹v by Sherman and Morrison.
  func dataInf(_ queries: Matrix<Double>) -> Matrix<Double> {
    var result = Matrix<Double>.zeros(queries.rows, width)
    for query in 0..<queries.rows {
      let v = Array(queries[row: query])
      var sum = [Double](repeating: 0, count: width)
      for example in 0..<exampleCount {
        let g = Array(gradients[row: example])
        let factor = Self.dot(v, g) / (lambda + Self.dot(g, g))
        for index in 0..<width { sum[index] += v[index] - factor * g[index] }
      }
      result[row: query] = sum.map { $0 / (Double(exampleCount) * lambda) }[...]
    }
    return result
  }

  /// r ← v + r − (F + λI)r/σ from r = 0, then r/σ; `sign` −1 makes the published slip of it.
  func lissa(
    _ queries: Matrix<Double>, terms: Int, scale: Double, sign: Double = 1
  ) -> Matrix<Double> {
    var r = Matrix<Double>.zeros(queries.rows, width)
    for _ in 0..<terms {
      let image = Naive.sum(Naive.product(r, fisher), r, scale: sign * lambda)
      r = Naive.sum(Naive.sum(queries, r), image, scale: -1 / scale)
    }
    return r.scaled(by: 1 / scale)
  }

  /// Textbook conjugate gradients in the d parameters from v/λ, each query alone.
  ///
  /// - Parameter rounded: What becomes of a sum of products, given it and the size of its terms.
  func conjugateGradients(
    _ queries: Matrix<Double>, steps: Int,
    rounded: (_ value: Double, _ size: Double) -> Double = { value, _ in value }
  ) -> Matrix<Double> {
    func image(_ p: Matrix<Double>) -> Matrix<Double> {
      let product = Naive.product(p, shifted)
      let size = shifted.frobenius * p.frobenius
      return Matrix(
        rows: 1, columns: width, elements: product.elements.map { rounded($0, size) })
    }
    func ratio(_ a: Double, _ b: Double) -> Double { rounded(a / b, a / b) }
    var result = Matrix<Double>.zeros(queries.rows, width)
    for query in 0..<queries.rows {
      let v = queries.rows([query])
      var x = v.scaled(by: 1 / lambda)
      var r = Naive.sum(v, image(x), scale: -1)
      var p = r
      for _ in 0..<steps {
        let image = image(p)
        let squared = Self.dot(r.elements, r.elements)
        guard squared > 0 else { break }
        let length = ratio(squared, Self.dot(p.elements, image.elements))
        x = Naive.sum(x, p, scale: length)
        r = Naive.sum(r, image, scale: -length)
        p = Naive.sum(r, p, scale: ratio(Self.dot(r.elements, r.elements), squared))
      }
      result[row: query] = x.elements[...]
    }
    return result
  }

  /// (F + λI)⁻¹v by elimination.
  func exact(_ queries: Matrix<Double>) throws -> Matrix<Double> {
    guard let columns = Naive.solve(shifted, Naive.transpose(queries)) else { throw Singular() }
    return Naive.transpose(columns)
  }

  struct Singular: Error {}

  static func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

extension NaiveBlock {
  /// How many roundings c·√(n + d)·ulp(1) stand behind a product of gradients: errors of sums grow
  /// like the square root of their length (Higham and Mary, "A new approach to probabilistic rounding
  /// error analysis", 2019), not like the length.
  func rounding(_ precision: CurvatureOptions.Precision) -> Double {
    Bound.constant * Double(exampleCount + width).squareRoot() * precision.unit
  }

  /// How far computed scores may be from the formulas', for rounding alone.
  ///
  /// With ‖M‖ ≤ 1/λ (1 for Hessian-free), an error of C or X moves a score by at most that of
  /// ‖M‖·‖v‖·‖G‖. An error of K or F, relative to its norm, moves a method that solves with it by
  /// the condition number times the scores. How much it moves a few steps of conjugate gradients has
  /// no such bound, and is measured.
  func scoreTolerance(
    _ method: Method, _ scores: Matrix<Double>, _ precision: CurvatureOptions.Precision,
    queries: Matrix<Double>? = nil
  ) -> Double {
    let norm = method == .hessianFree ? 1 : 1 / lambda
    let direct = norm * (queries ?? self.queries).largestRow * gradients.frobenius
    let amplified =
      switch method {
      case .hessianFree, .blockNormalized, .dataInf: scores.largestRow
      case .lissa, .exact: condition * scores.largestRow
      case .conjugateGradient: sensitivity(steps: Method.steps)
      }
    // Twice: the engine's rounding, and that of the formulas.
    return 2 * rounding(precision) * (direct + amplified)
  }

  /// How much scores by some steps of conjugate gradients change with rounding, per relative error of
  /// each product: of elements of a product with the matrix relative to the norms of both, and of step
  /// lengths.
  ///
  /// Rounding brings back directions that earlier steps have removed, so no change of F alone explains
  /// what it does: the errors are added to the recurrence, small enough to act linearly.
  func sensitivity(steps: Int) -> Double {
    let error = 1e-13
    let unchanged = scores(of: conjugateGradients(queries, steps: steps))
    return (0..<3).reduce(0.0) { worst, seed in
      var generator = SeededGenerator(seed: UInt64(seed), stream: 501)
      let changed = conjugateGradients(queries, steps: steps) { value, size in
        value + error * size * generator.normal()
      }
      return max(worst, Naive.sum(scores(of: changed), unchanged, scale: -1).largestRow / error)
    }
  }

  /// How far computed self-influence may be from the formulas', for rounding alone: with Kᵢᵢ = νᵢ in
  /// the place of products, and the leverage of an example below 1.
  func selfTolerance(
    _ method: Method, _ influence: [Double], _ precision: CurvatureOptions.Precision
  ) -> Double {
    let diagonal = Matrix(rows: influence.count, columns: 1, elements: influence)
    return scoreTolerance(method, diagonal, precision, queries: gradients)
  }

  /// How far a computed residual norm may be from the formulas', for rounding alone.
  ///
  /// An error of F relative to its norm, or of x, moves (F + λI)x by rounding · κ · ‖v‖ (for
  /// Hessian-free with x = v by rounding · (s_max + λ) · ‖v‖). Where the score side takes ‖r‖² as a sum
  /// of terms as large as ‖Gᵀt‖² and ‖v‖², their cancellation adds rounding · terms / ‖r‖, or the root of
  /// rounding · terms where ‖r‖ is smaller than that.
  func residualTolerance(
    _ method: Method, residual: Double, queryNorm: Double,
    _ precision: CurvatureOptions.Precision
  ) -> Double {
    let rounding = rounding(precision)
    let image = (method == .hessianFree ? largestEigenvalue + lambda + 1 : condition) * queryNorm
    let terms = rounding * image * image
    let cancelled = residual > 0 ? min(terms / residual, terms.squareRoot()) : terms.squareRoot()
    return rounding * image + cancelled
  }
}

extension Problem {
  /// The sum over blocks of what the formulas give, with what rounding may add.
  func expectedScores(
    _ method: Method, _ precision: CurvatureOptions.Precision
  ) throws -> (scores: Matrix<Double>, tolerance: Double) {
    let blocks = naive.filter { $0.lambda > 0 }
    let scale = Method.scale(for: blocks)
    var sum = Matrix<Double>.zeros(queryCount, exampleCount)
    var tolerance = 0.0
    for block in blocks {
      let scores = try block.scores(method, scale: scale)
      sum = Naive.sum(sum, scores)
      tolerance += block.scoreTolerance(method, scores, precision)
    }
    return (sum, tolerance)
  }

  /// The same for self-influence.
  func expectedSelfInfluence(
    _ method: Method, _ precision: CurvatureOptions.Precision
  ) throws -> (influence: [Double], tolerance: Double) {
    let blocks = naive.filter { $0.lambda > 0 }
    let scale = Method.scale(for: blocks)
    var sum = [Double](repeating: 0, count: exampleCount)
    var tolerance = 0.0
    for block in blocks {
      let influence = try block.selfInfluence(method, scale: scale)
      sum = zip(sum, influence).map { $0 + $1 }
      tolerance += block.selfTolerance(method, influence, precision)
    }
    return (sum, tolerance)
  }
}
