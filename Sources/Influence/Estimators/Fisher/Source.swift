internal import RealModule

import LinearAlgebra

/// SOURCE: where gradient descent that stops after a while has got to.
///
///     M = Q·diag((1 − exp(−cσ))/σ)·Qᵀ,   F = Q·diag(σ)·Qᵀ
///
/// Bae, Lin, Lorraine and Grosse, "Training Data Attribution via Approximate Unrolled Differentiation" (2024), with
/// the empirical Fisher matrix as the curvature and one segment: c is the sum of the learning rates of all steps.
/// Directions of large eigenvalues count as 1/σ, flat ones as c, so that nothing has to be damped. Unless c is given
/// it is 1/λ, with which both ends are those of (σ + λ)⁻¹.
///
/// Several segments, each with the gradients at its end and its own c, are a ``ScoreEnsemble`` of segments: the query goes back
/// through them, v ← Q·diag(e^(−cσ))·Qᵀ·v after each, and scores are summed.
///
/// - Cost: score side n²d + 9n³ once, then 2mnd + 4mn²; query side nd² + 9d³ once, then 4md² + 2mnd.
public struct Source: Estimator {
  /// c, the sum of learning rates; nil for 1/λ of each block.
  public var time: Double?

  /// Makes the estimator.
  ///
  /// - Parameter time: The sum of the learning rates of all steps, positive; nil for 1/λ of each block.
  public init(time: Double?) { self.time = time }

  /// `source`.
  public static let name = "source"
  /// What the method is, in one line.
  public static let summary = "gradient descent that stopped early"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula:
      "M = Q·diag((1 − e^(−cσ))/σ)·Qᵀ, F = Q·diag(σ)·Qᵀ, c the sum of the learning rates or 1/λ",
    "over several checkpoints S = Σ Vₗ·Mₗ·Gₗᵀ from the last to the first, Vₗ₋₁ = Vₗ·(I − Mₗ·Fₗ)",
    source: "Bae, Lin, Lorraine and Grosse (2024, arXiv 2405.12186)",
    cost:
      "score side n²d + 9n³ once, then 2mnd + 4mn²; query side nd² + 9d³ once, then 4md² + 2mnd; 2mnd more for each segment but the first",
    remark:
      "Checkpoints in the order of training, each with the sum of the learning rates since the one before, are its segments."
  )
  /// The time.
  public static let declaredSettings: [MethodSetting<Source>] = [.time]

  /// Makes the estimator with the time 1/λ of each block.
  public init() { self.init(time: nil) }

  /// Whether the time follows from λ.
  public var isDamped: Bool { time == nil }
  /// Whether λ plays no part.
  public var allowsZeroDamping: Bool { time != nil }

  /// The eigenvectors of K.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(estimator: self) }
  /// The eigenvectors of F.
  public var querySide: (any QuerySideFit)? { QuerySide(estimator: self) }

  /// The same with the segment's time.
  public func segment(lasting time: Double) throws(InfluenceError) -> (any Estimator)? {
    guard self.time == nil else {
      throw .invalidSetting(
        method: name, setting: "time",
        reason: "the weights of the checkpoints are the times of their segments; leave it out")
    }
    return Source(time: time)
  }

  private func filter(_ gram: BlockGram) throws -> (basis: Eigenbasis, filter: DescentFilter) {
    let filter = DescentFilter(time: time ?? 1 / gram.context.lambda)
    do {
      return (try gram.eigenbasis(), filter)
    } catch {
      throw InfluenceError.factorization(block: gram.context.name, method: name, error)
    }
  }

  private struct ScoreSide: ScoreSideFit {
    let estimator: Source
    var needs: Set<Need> { [.eigenbasis] }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.exampleCount, products: 2, readings: 2)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      let (basis, filter) = try estimator.filter(gram)
      return FilterOnScores(
        vectors: basis.vectors, eigenvalues: try gram.fisherEigenvalues(), filter: filter)
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: Source
    var needs: Set<Need> { [.eigenbasis] }
    var worksByExamples: Bool { true }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.width, products: 2, readings: 2)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let (basis, filter) = try estimator.filter(gram)
      return FilterOnQueries(
        vectors: basis.vectors, eigenvalues: try gram.fisherEigenvalues(), filter: filter,
        context: gram.context)
    }
  }
}

extension MethodSetting<Source> {
  /// c, recorded where it is given.
  fileprivate static let time = MethodSetting(
    name: "time", usage: "time=C, 1/λ unless given", isMethod: false,
    read: { text, source, _ in source.time = try parsed(text) { Double($0) } },
    text: { $0.time.map { "\($0)" } },
    problem: { source in
      guard let time = source.time, !(time > 0 && time.isFinite) else { return nil }
      return "\(time) is not positive"
    })
}

/// What is left of 1/σ after a time c: f(σ) = (1 − exp(−cσ))/σ.
private struct DescentFilter: Sendable {
  let time: Double

  /// f(σ), which is c at σ = 0.
  func factor(_ eigenvalue: Double) -> Double {
    let scaled = time * eigenvalue
    return scaled > 0 ? -Double.expMinusOne(-scaled) / eigenvalue : time
  }

  /// (f(σ) − c)/σ, which is −c²/2 at σ = 0.
  func slope(_ eigenvalue: Double) -> Double {
    let scaled = time * eigenvalue
    // Below this the next term of the series is smaller than what the difference loses.
    guard scaled > 1e-4 else { return -time * time * (0.5 - scaled / 6 + scaled * scaled / 24) }
    return (factor(eigenvalue) - time) / eigenvalue
  }
}

/// S = (C·Eᵀ)·diag(f)·E with the eigenvectors E of K as rows; β = c, and what is in the span is less than that.
private struct FilterOnScores: ScoreSideOperator {
  let vectors: MatrixView<Double>
  let eigenvalues: [Double]
  let filter: DescentFilter

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let coordinates = Matrix(
      product: cross.matrix(as: Double.self).view, vectors.transposed)
    func filtered(_ factors: [Double]) -> Matrix<Double> {
      var scaled = coordinates
      scaled.scaleColumns(by: factors)
      return Matrix(product: scaled.view, vectors)
    }
    let count = Double(eigenvalues.count)
    return SpanSolution(
      scores: filtered(eigenvalues.map(filter.factor)),
      coefficients: filtered(eigenvalues.map { filter.slope($0) / count }), beta: filter.time)
  }

  /// n·Σ E²·(1 − exp(−cσ)).
  func selfInfluence(kernel: () throws -> Matrix<Double>) -> BlockSelfInfluence {
    let count = Double(eigenvalues.count)
    var values = [Double](repeating: 0, count: eigenvalues.count)
    for (component, eigenvalue) in eigenvalues.enumerated() {
      let weight = count * eigenvalue * filter.factor(eigenvalue)
      let vector = Matrix(vectors[rows: component..<component + 1]).elements
      for (row, share) in vector.enumerated() { values[row] += weight * share * share }
    }
    return BlockSelfInfluence(values: values)
  }
}

/// X = (V·Eᵀ)·diag(f)·E with the eigenvectors E of F as rows.
private struct FilterOnQueries: QuerySideOperator {
  let vectors: MatrixView<Double>
  let eigenvalues: [Double]
  let filter: DescentFilter
  let context: BlockContext

  /// V·Eᵀ, with columns times some factors.
  private func coordinates<Element: Scalar>(
    of queries: MatrixView<Element>, times factors: [Double]
  ) -> Matrix<Double> {
    var coordinates = Matrix(
      product: Matrix<Double>(converting: queries).view, vectors.transposed)
    coordinates.scaleColumns(by: factors)
    return coordinates
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    let coordinates = coordinates(of: queries, times: eigenvalues.map(filter.factor))
    return Preconditioned(
      rows: Matrix<Element>(converting: Matrix(product: coordinates.view, vectors)))
  }

  /// (F + λI)x − v in the eigenbasis is ((σ + λ)·f − 1) times each coordinate of v; the rounding of x to the precision
  /// of products comes on top.
  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? {
    guard let lambda = context.damping else { return nil }
    let left = coordinates(
      of: queries, times: eigenvalues.map { ($0 + lambda) * filter.factor($0) - 1 })
    let largest = (eigenvalues.last ?? 0) + lambda
    let unit = Double(Element.ulpOfOne)
    return zip(left.view.squaredRowNorms(), preconditioned.view.squaredRowNorms()).map {
      $0.squareRoot() + unit * largest * $1.squareRoot()
    }
  }
}
