import LinearAlgebra
import RealModule

/// The Neumann series for the inverse, cut off after T terms.
///
///     r₀ = v,  rₜ₊₁ = v + rₜ − (F + λI)·rₜ/σ,   x = r_T₋₁/σ
///
/// Agarwal, Bullins and Hazan, "Second-order stochastic optimization for machine learning in linear
/// time" (2017), on the full batch and with the damping's right sign. The recursion is a polynomial
/// in F: on an eigenvalue s it gives (1 − (1 − (s + λ)/σ)ᵀ)/(s + λ), so any depth T costs one
/// eigendecomposition of K or F. It converges when 0 < (s + λ)/σ < 2 for every eigenvalue, and with a
/// scale outside of that the estimator refuses instead of diverging.
///
/// - Cost: score side n²d + 9n³ once, then 2mnd + 4mn²; query side nd² + 9d³ once.
public struct LiSSA: Estimator {
  /// How many terms are summed.
  public enum Depth: Sendable, Hashable {
    /// This many.
    case terms(Int)
    /// As many as bring the relative residual ‖(F + λI)x − v‖/‖v‖ under this, for every v.
    case tolerance(Double)
  }

  /// How many terms are summed.
  public var depth: Depth
  /// σ; nil takes 1.1 · (ŝ + λ) with ŝ the largest eigenvalue of F by power iteration.
  public var scale: Double?

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - depth: A number of terms, or a tolerance.
  ///   - scale: σ, in squared units of the gradients; nil to choose it per block.
  public init(depth: Depth = .tolerance(1e-6), scale: Double? = nil) {
    self.depth = depth
    self.scale = scale
  }

  /// What is recorded of a scale that is chosen per block.
  static let automaticScale = "power-iteration"

  /// `lissa`.
  public static let name = "lissa"
  /// What the method is, in one line.
  public static let summary = "Neumann series"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "x = r_T/σ, r₀ = v, r_t+1 = v + r_t − (F + λI)·r_t/σ",
    source: "Agarwal, Bullins and Hazan (2017), on all examples",
    cost:
      "score side n²d + 9n³ once, then 2mnd + 4mn²; query side nd² + 9d³ once, then 4md² + 2mnd",
    remark: "A scale with which it would diverge is refused.")
  /// Depth or tolerance, and the scale.
  public static let declaredSettings: [MethodSetting<LiSSA>] = [
    .depth, .tolerance, .scale,
  ]

  /// Makes the estimator with a tolerance of 1e-6 and a scale that is chosen per block.
  public init() { self.init(depth: .tolerance(1e-6)) }

  /// The eigenvectors of K.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(estimator: self) }
  /// The eigenvectors of F.
  public var querySide: (any QuerySideFit)? { QuerySide(estimator: self) }

  private struct ScoreSide: ScoreSideFit {
    let estimator: LiSSA
    var needs: Set<Need> { [.eigenbasis, .largestEigenvalue] }
    var aim: Aim? { estimator.aim }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.exampleCount, products: 2)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      let filter = try estimator.filter(for: gram)
      let n = Double(gram.context.exampleCount)
      let eigen = try gram.eigenbasis(for: LiSSA.name)
      let largest = max(eigen.values.last ?? 0, 0)
      let gains = eigen.values.map { filter.gain(max(0, $0) / n) }
      // h(σ) = (f(σ/n) − f(0))/σ; directions without gradients have no coefficient.
      let slopes = zip(eigen.values, gains).map { value, gain in
        value > 1e-14 * largest ? (gain - filter.gain(0)) / value : 0
      }
      return LiSSAOnScores(eigen: eigen, gains: gains, slopes: slopes, filter: filter)
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: LiSSA
    var needs: Set<Need> { [.eigenbasis, .largestEigenvalue] }
    var worksByExamples: Bool { true }
    var aim: Aim? { estimator.aim }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.width, products: 2)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let filter = try estimator.filter(for: gram)
      let eigen = try gram.eigenbasis(for: LiSSA.name)
      let gains = eigen.values.map { filter.gain(max(0, $0)) }
      return LiSSAOnQueries(gram: gram, eigen: eigen, gains: gains)
    }
  }

  /// The tolerance; a given number of terms aims at nothing.
  private var aim: Aim? {
    guard case .tolerance(let tolerance) = depth else { return nil }
    return .residual(tolerance)
  }

  /// The filter of one block, checked to converge.
  private func filter(for gram: BlockGram) throws -> NeumannFilter {
    try validateSettings()
    let lambda = gram.context.lambda
    let shrink = gram.side == .score ? 1 / Double(gram.context.exampleCount) : 1
    let estimate = gram.estimatedLargestEigenvalue() * shrink
    let largest = (try gram.eigenbasis(for: name).values.last ?? 0) * shrink
    let scale = scale ?? 1.1 * (estimate + lambda)
    // The factors 1 − (s + λ)/σ lie between the two ends of the spectrum.
    let rates = [1 - lambda / scale, 1 - (max(0, largest) + lambda) / scale].map(abs)
    let rate = rates.max() ?? 0
    guard rate < 1 else {
      throw InfluenceError.diverges(
        method: name, block: gram.context.name, growth: rate,
        remedy: "use a scale above \((max(0, largest) + lambda) / 2), or leave it to be chosen")
    }
    let terms =
      switch depth {
      case .terms(let count): count
      case .tolerance(let tolerance):
        rate == 0 ? 1 : max(1, Int((Double.log(tolerance) / Double.log(rate)).rounded(.up)))
      }
    return NeumannFilter(lambda: lambda, scale: scale, terms: terms)
  }
}

extension MethodSetting<LiSSA> {
  /// What is recorded of a scale that is chosen per block.
  private static let automaticScale = "power-iteration"

  /// A number of terms.
  fileprivate static let depth = MethodSetting(
    name: "depth", usage: "depth=T or tolerance=E", isMethod: false,
    read: { text, lissa, _ in lissa.depth = .terms(try parsed(text) { Int($0) }) },
    text: { lissa in
      guard case .terms(let terms) = lissa.depth else { return nil }
      return "\(terms)"
    },
    problem: { lissa in
      guard case .terms(let count) = lissa.depth, count <= 0 else { return nil }
      return "\(count) is not positive"
    })

  /// A relative residual, in the place of a number of terms.
  fileprivate static let tolerance = MethodSetting(
    name: "tolerance", usage: "", isMethod: false,
    read: { text, lissa, _ in
      guard case .tolerance = lissa.depth else {
        throw Problem(reason: "the depth is given already; give one of them")
      }
      lissa.depth = .tolerance(try parsed(text) { Double($0) })
    },
    text: { lissa in
      guard case .tolerance(let tolerance) = lissa.depth else { return nil }
      return "\(tolerance)"
    },
    problem: { lissa in
      guard case .tolerance(let tolerance) = lissa.depth, !(tolerance > 0 && tolerance < 1) else {
        return nil
      }
      return "\(tolerance) does not lie between 0 and 1"
    })

  /// σ; what is recorded of a scale that was chosen by itself can be given again.
  fileprivate static let scale = MethodSetting(
    name: "scale", usage: "scale=S", isMethod: false,
    read: { text, lissa, _ in
      if text != automaticScale { lissa.scale = try parsed(text) { Double($0) } }
    },
    text: { lissa in lissa.scale.map { "\($0)" } ?? automaticScale },
    problem: { lissa in
      guard let scale = lissa.scale, !(scale > 0 && scale.isFinite) else { return nil }
      return "\(scale) is not positive"
    })
}

/// What T terms of the series do to an eigenvalue.
struct NeumannFilter: Sendable {
  let lambda: Double
  let scale: Double
  let terms: Int

  /// (1 − qᵀ)/(s + λ) with q = 1 − (s + λ)/σ, without cancellation for small (s + λ)·T/σ.
  func gain(_ eigenvalue: Double) -> Double {
    let damped = eigenvalue + lambda
    let step = damped / scale
    // Near q = 1 the difference 1 − qᵀ would cancel. Elsewhere q may be negative and has no logarithm.
    let covered =
      step < 0.5
      ? -Double.expMinusOne(Double(terms) * Double.log(onePlus: -step)) : 1 - remainder(eigenvalue)
    return covered / damped
  }

  /// qᵀ, the share of the right-hand side that is still missing.
  func remainder(_ eigenvalue: Double) -> Double {
    Double.pow(1 - (eigenvalue + lambda) / scale, terms)
  }
}

/// S = C·U·f·Uᵀ in the eigenbasis of K.
private struct LiSSAOnScores: ScoreSideOperator {
  let eigen: Eigenbasis
  let gains: [Double]
  let slopes: [Double]
  let filter: NeumannFilter

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let products = cross.matrix(as: Double.self)
    let coordinates = Matrix(product: products.view, eigen.vectors.transposed)
    var filtered = coordinates
    filtered.scaleColumns(by: gains)
    var sloped = coordinates
    sloped.scaleColumns(by: slopes)
    return SpanSolution(
      scores: Matrix(product: filtered.view, eigen.vectors),
      coefficients: Matrix(product: sloped.view, eigen.vectors), beta: filter.gain(0))
  }

  /// In the eigenbasis the correction is as short as the series.
  func correction(of remainders: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    let n = Double(eigen.values.count)
    var coordinates = Matrix(product: remainders.view, eigen.vectors.transposed)
    coordinates.scaleColumns(by: eigen.values.map { 1 / (max(0, $0) + n * filter.lambda) })
    return Matrix(product: coordinates.view, eigen.vectors)
  }

  /// Σⱼ Uᵢⱼ²·σⱼ·f(σⱼ/n).
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence {
    var sums = [Double](repeating: 0, count: eigen.values.count)
    for (index, value) in eigen.values.enumerated() {
      let weight = max(0, value) * gains[index]
      let vector = Matrix(eigen.vectors[rows: index..<index + 1]).elements
      for (example, entry) in vector.enumerated() { sums[example] += weight * entry * entry }
    }
    return BlockSelfInfluence(values: sums)
  }
}

/// X = V·Q·f·Qᵀ in the eigenbasis of F.
private struct LiSSAOnQueries: QuerySideOperator {
  let gram: BlockGram
  let eigen: Eigenbasis
  let gains: [Double]

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    let rows = Matrix<Double>(converting: queries)
    var coordinates = Matrix(product: rows.view, eigen.vectors.transposed)
    coordinates.scaleColumns(by: gains)
    let filtered = Matrix(product: coordinates.view, eigen.vectors)
    return Preconditioned(rows: Matrix<Element>(converting: filtered))
  }

  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? { gram.residualNorms(of: preconditioned, for: queries) }

  func correction(ofResiduals residuals: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    var coordinates = Matrix(product: residuals.view, eigen.vectors.transposed)
    coordinates.scaleColumns(by: eigen.values.map { 1 / (max(0, $0) + gram.context.lambda) })
    return Matrix(product: coordinates.view, eigen.vectors)
  }

  func image(of rows: Matrix<Double>) -> Matrix<Double>? {
    Matrix(product: rows.view, gram.view)
  }
}
