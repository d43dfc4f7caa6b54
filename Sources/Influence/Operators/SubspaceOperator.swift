import Gradients
import LinearAlgebra

/// The curvature within a subspace of a block's parameters, and flat or absent outside it.
///
///     M = Bᵀ·(Ω + λI)⁻¹·B + β₀·(I − Bᵀ·B),   β₀ = 1/λ or 0
///
/// with B's orthonormal rows the eigenvectors of F within the subspace, Ω their eigenvalues.
struct SubspaceOnQueries<Kept: Scalar>: QuerySideOperator {
  /// B, `r × d`.
  private let basis: Matrix<Kept>
  /// 1/(ω + λ) − β₀, r numbers.
  private let factors: [Double]
  private let complement: Double
  private let warnings: [String]

  /// - Parameters:
  ///   - basis: Orthonormal rows, `k × d`.
  ///   - rank: How many of the largest eigenvalues are kept; all unless given.
  ///   - keepsComplement: Whether directions outside count as flat, M = 1/λ, or not at all.
  ///   - context: The block.
  ///   - pass: Products with its gradients: one pass is made.
  ///   - warnings: What the user should know of the basis.
  init(
    basis: Matrix<Double>, rank: Int? = nil, keepsComplement: Bool = true, context: BlockContext,
    pass: GradientPass<Kept>, warnings: [String] = []
  ) throws {
    let features = Matrix<Double>(
      converting: try pass.products(Matrix<Kept>(converting: basis).view))
    let ritz = try RitzPairs(features: features.transposed, rank: rank)
    self.basis = Matrix<Kept>(converting: Matrix(product: ritz.vectors.view, basis.view))
    complement = keepsComplement ? 1 / context.lambda : 0
    factors = ritz.values.map { [complement] in 1 / ($0 + context.lambda) - complement }
    self.warnings = warnings
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    let basis = Matrix<Element>(converting: basis)
    var coordinates = Matrix(product: queries, basis.transposed)
    coordinates.scaleColumns(by: factors.map { Element($0) })
    var rows = Matrix(queries, scaledBy: Element(complement))
    rows.add(product: coordinates.view, basis.view)
    return Preconditioned(rows: rows, warnings: warnings)
  }
}

/// The same from products alone: B = W·G, so that V·Bᵀ = C·Wᵀ and G·Bᵀ = K·Wᵀ.
struct SubspaceOnScores: ScoreSideOperator {
  /// W, `r × n`, and G·Bᵀ, `r × n` too.
  private let combinations: Matrix<Double>
  private let features: Matrix<Double>
  private let factors: [Double]
  private let complement: Double
  private let context: BlockContext
  private let warnings: [String]

  /// - Parameters:
  ///   - combinations: W, `k × n`, with W·K·Wᵀ = I.
  ///   - features: W·K, `k × n`.
  ///   - rank: How many of the largest eigenvalues are kept; all unless given.
  ///   - keepsComplement: Whether directions outside count as flat, M = 1/λ, or not at all.
  ///   - context: The block.
  ///   - warnings: What the user should know of the basis.
  init(
    combinations: Matrix<Double>, features: Matrix<Double>, rank: Int? = nil,
    keepsComplement: Bool = true, context: BlockContext, warnings: [String] = []
  ) throws(FactorizationError) {
    let ritz = try RitzPairs(features: features.transposed, rank: rank)
    self.combinations = Matrix(product: ritz.vectors.view, combinations.view)
    self.features = Matrix(product: ritz.vectors.view, features.view)
    complement = keepsComplement ? 1 / context.lambda : 0
    factors = ritz.values.map { [complement] in 1 / ($0 + context.lambda) - complement }
    self.context = context
    self.warnings = warnings
  }

  func solve(_ cross: CrossProducts) -> SpanSolution {
    var scores = cross.matrix(as: Double.self)
    var coordinates = Matrix(product: scores.view, combinations.transposed)
    coordinates.scaleColumns(by: factors)
    scores.scale(by: complement)
    scores.add(product: coordinates.view, features.view)
    return SpanSolution(
      scores: scores, coefficients: Matrix(product: coordinates.view, combinations.view),
      beta: complement, warnings: warnings)
  }

  func selfInfluence(kernel: () throws -> Matrix<Double>) -> BlockSelfInfluence {
    var values = context.squaredNorms.map { complement * $0 }
    for (component, factor) in factors.enumerated() {
      for (row, feature) in features[row: component].enumerated() {
        values[row] += factor * feature * feature
      }
    }
    return BlockSelfInfluence(values: values, warnings: warnings)
  }
}

/// The eigenpairs of F within a subspace (Rayleigh–Ritz), largest first.
private struct RitzPairs {
  /// Ω, all positive but for rounding, which is cut off.
  let values: [Double]
  /// The eigenvectors in the subspace's coordinates, one per row.
  let vectors: Matrix<Double>

  /// - Parameters:
  ///   - features: G·Bᵀ, `n × k`: F is ΦᵀΦ/n there.
  ///   - rank: How many are kept.
  init(features: MatrixView<Double>, rank: Int?) throws(FactorizationError) {
    var sum = SymmetricAccumulator(order: features.columns)
    sum.add(gramOf: features.transposed)
    var fisher = sum.matrix()
    fisher.scale(by: 1 / Double(max(1, features.rows)))
    let decomposition = try SymmetricEigendecomposition(decomposing: fisher)
    let kept = decomposition.values.indices.suffix(rank ?? decomposition.order).reversed()
    values = kept.map { max(0, decomposition.values[$0]) }
    vectors = decomposition.vectors.selecting(rows: Array(kept))
  }
}

extension Matrix<Double> {
  /// W with W·A·Wᵀ = I for this symmetric matrix A, one row per eigenvalue that is not zero but for
  /// rounding.
  func whitening() throws(FactorizationError) -> Matrix<Double> {
    let decomposition = try SymmetricEigendecomposition(decomposing: self)
    let floor = (decomposition.values.last ?? 0) * Double(rows) * Double.ulpOfOne
    let kept = decomposition.values.indices.filter { decomposition.values[$0] > floor }
    var whitening = decomposition.vectors.selecting(rows: kept)
    whitening.scaleRows(by: kept.map { 1 / decomposition.values[$0].squareRoot() })
    return whitening
  }
}

extension Matrix<Double> {
  /// Orthonormal rows with the span of these rows, but for directions that are rounding beside the largest.
  ///
  /// The Gram matrix of rows shows the larger half of their digits. So directions are taken out in rounds, of which each shows
  /// what the last one left.
  ///
  /// - Parameter rounding: The relative error of the rows.
  func orthonormalRows(rounding: Double = .ulpOfOne) throws(FactorizationError) -> Matrix<Double> {
    let norms = view.squaredRowNorms()
    let floor = 8 * Double(columns).squareRoot() * rounding
    let smallest = floor * floor * (norms.max() ?? 0)
    var basis = Matrix.zeros(0, columns)
    var rest = self
    while rest.rows > 0 {
      rest.removeTwice(basis)
      let decomposition = try SymmetricEigendecomposition(
        decomposing: Matrix(product: rest.view, rest.transposed))
      let values = decomposition.values
      guard let largest = values.last, largest > smallest else { break }
      let shown = values.indices.filter { values[$0] > max(smallest, 1e-8 * largest) }
      var directions = decomposition.vectors.selecting(rows: shown)
      directions.scaleRows(by: shown.map { 1 / values[$0].squareRoot() })
      var fresh = Matrix(product: directions.view, rest.view)
      fresh.removeTwice(basis)
      let whitening = try Matrix(product: fresh.view, fresh.transposed).whitening()
      basis = Matrix(
        rows: basis.rows + whitening.rows, columns: columns,
        elements: basis.elements + Matrix(product: whitening.view, fresh.view).elements)
      let hidden = Array(values.indices.prefix { !shown.contains($0) })
      rest = Matrix(product: decomposition.vectors.selecting(rows: hidden).view, rest.view)
    }
    return basis
  }

  /// Takes out of rows what lies in the span of orthonormal rows; twice, since the first leaves rounding.
  private mutating func removeTwice(_ basis: Matrix) {
    guard basis.rows > 0 else { return }
    for _ in 0..<2 {
      let shares = Matrix(product: view, basis.transposed)
      add(product: shares.view, basis.view, scale: -1)
    }
  }
}

extension BlockShape {
  /// Bytes of a basis of k directions and as many eigenvectors, in double precision; at most 2⁶¹.
  func subspaceBytes(rank: Int) -> Int { Int(min(0x1p61, 16 * Double(rank) * Double(width))) }
}
