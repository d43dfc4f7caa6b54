import Gradients
public import LinearAlgebra

/// Arnoldi: the leading eigenvectors of the Fisher matrix, found by Lanczos iteration.
///
///     M = U·(Ω + λI)⁻¹·Uᵀ [+ (1/λ)·(I − U·Uᵀ)]
///
/// Schioppa, Zablotskaia, Vilar and Sokolov, "Scaling Up Influence Functions" (2022), on the empirical
/// Fisher matrix, which is symmetric, so that Arnoldi's iteration is Lanczos's. Every new direction is
/// orthogonalised twice against all earlier ones: without that, eigenvalues appear again and again.
/// Eigenvalues are those of F within the Krylov space (Rayleigh–Ritz), so none is negative and no root of
/// one is taken. The paper drops what lies outside U; here it counts as flat unless `complement=false`.
///
/// - Cost: score side n²d for K, then 2Tn² + 2mnk; query side a pass of 4nd for each of T steps, then
///   4mkd and 2mnd. Damping: added to each eigenvalue.
public struct Arnoldi: Estimator {
  /// How many eigenvectors are kept.
  public var rank: Int
  /// The dimension of the Krylov space in which they are looked for; twice the rank unless given.
  public var steps: Int?
  /// Whether directions outside count as flat, M = 1/λ, or not at all.
  public var keepsComplement: Bool
  /// Decides the first direction.
  public var seed: UInt64

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - rank: How many eigenvectors are kept, from 1 up.
  ///   - steps: The dimension of the Krylov space, at least the rank.
  ///   - keepsComplement: Whether directions outside count as flat.
  ///   - seed: The same seed gives the same first direction.
  public init(rank: Int = 32, steps: Int? = nil, keepsComplement: Bool = true, seed: UInt64 = 0) {
    self.rank = rank
    self.steps = steps
    self.keepsComplement = keepsComplement
    self.seed = seed
  }

  /// `arnoldi`.
  public var name: String { "arnoldi" }
  /// Rank, steps, complement and seed.
  public var settings: [String: String] {
    [
      "rank": "\(rank)", "steps": "\(dimension)", "complement": "\(keepsComplement)",
      "seed": "\(seed)",
    ]
  }

  private var dimension: Int { steps ?? 2 * rank }

  /// At least one eigenvector, and as many steps.
  public func validateSettings() throws(InfluenceError) {
    guard rank > 0 else {
      throw .invalidSetting(method: name, setting: "rank", reason: "\(rank) is not positive")
    }
    guard dimension >= rank else {
      throw .invalidSetting(
        method: name, setting: "steps",
        reason: "\(dimension) steps cannot give \(rank) eigenvectors")
    }
  }

  /// K on the score side, passes on the query side.
  public func need(on side: Side) -> CurvatureNeed { side == .score ? .gram : .passes }
  /// The Krylov basis, and the eigenvectors.
  public func fittedBytes(width: Int, exampleCount: Int) -> Int {
    Int(min(0x1p61, 16 * Double(min(dimension, exampleCount)) * Double(width)))
  }
  /// Eigenvectors cannot be kept yet.
  public var canBeKept: Bool { false }

  /// The first direction is F·Gᵀ·b on both sides, b of n normal numbers: F takes out of b what no gradient
  /// shows.
  private func start(_ exampleCount: Int) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed, stream: 0x6172)
    return .normal(1, exampleCount, using: &generator)
  }

  /// Lanczos on K, whose Krylov space of b, pulled back by Gᵀ, is that of F and Gᵀ·b.
  ///
  /// Coefficients are kept orthonormal as they are; of the Gram matrix of what they combine, eigenvalues
  /// that are rounding are cut off.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    let context = gram.context
    let n = context.exampleCount
    var basis = KrylovBasis(width: n, rounding: Double.ulpOfOne)
    var images = Matrix<Double>.zeros(0, n)
    var next = Matrix(product: start(n).view, gram.view)
    while basis.count < min(dimension, n) {
      guard let direction = basis.append(next) else { break }
      next = Matrix(product: direction.view, gram.view)
      images = Matrix(
        rows: basis.count, columns: n, elements: images.elements + next.elements)
    }
    do throws(FactorizationError) {
      let whitening = try Matrix(product: images.view, basis.vectors.transposed).whitening()
      return try SubspaceOnScores(
        combinations: Matrix(product: whitening.view, basis.vectors.view),
        features: Matrix(product: whitening.view, images.view), rank: rank,
        keepsComplement: keepsComplement, context: context,
        warnings: warnings(found: whitening.rows, context))
    } catch {
      throw InfluenceError.factorization(block: context.name, method: name, error)
    }
  }

  /// Lanczos on F by passes.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let n = context.exampleCount
    let ones = [Double](repeating: 1, count: n)
    var basis = KrylovBasis(width: context.width, rounding: Double(Element.ulpOfOne))
    func image(of direction: Matrix<Double>) throws -> Matrix<Double> {
      var image = Matrix<Element>.zeros(1, context.width)
      _ = try pass.normalProducts(
        Matrix<Element>(converting: direction).view, weights: ones, scale: 1 / Double(n),
        addingTo: &image)
      return Matrix<Double>(converting: image)
    }
    var next = try image(of: try pass.combination(start(n)))
    while basis.count < min(dimension, n, context.width) {
      guard let direction = basis.append(next) else { break }
      next = try image(of: direction)
    }
    return try SubspaceOnQueries(
      basis: basis.vectors, rank: rank, keepsComplement: keepsComplement, context: context,
      pass: pass, warnings: warnings(found: basis.count, context))
  }

  private func warnings(found: Int, _ context: BlockContext) -> [String] {
    guard found < min(rank, context.exampleCount, context.width) else { return [] }
    return [
      "arnoldi, block \(context.name): the Krylov space ends after \(found) directions, so \(found) eigenvectors are used where \(rank) were asked for"
    ]
  }
}

/// Orthonormal directions, each made so twice.
private struct KrylovBasis {
  private var rows: [Double] = []
  private let width: Int
  /// What is less than this share of a candidate is the rounding of what was taken off it.
  private let floor: Double
  private(set) var count = 0

  init(width: Int, rounding: Double) {
    self.width = width
    floor = 8 * Double(width).squareRoot() * rounding
  }

  var vectors: Matrix<Double> { Matrix(rows: count, columns: width, elements: rows) }

  /// Adds a direction, orthogonalised twice against all earlier ones.
  ///
  /// - Parameter candidate: The direction, `1 × width`.
  /// - Returns: The direction that was added; nil where nothing but rounding is left.
  mutating func append(_ candidate: Matrix<Double>) -> Matrix<Double>? {
    func norm(_ a: Matrix<Double>) -> Double { a.view.squaredRowNorms()[0].squareRoot() }
    var direction = candidate
    let first = norm(direction)
    if count > 0 {
      let vectors = vectors
      for _ in 0..<2 {
        let shares = Matrix(product: direction.view, vectors.transposed)
        direction.add(product: shares.view, vectors.view, scale: -1)
      }
    }
    let length = norm(direction)
    guard length > floor * first else { return nil }
    direction.scale(by: 1 / length)
    rows += direction.elements
    count += 1
    return direction
  }
}

extension GradientPass {
  /// A·G for a row A of n numbers: a combination of the training gradients, `1 × d`.
  ///
  /// - Complexity: 2nd operations, one pass.
  fileprivate func combination(_ weights: Matrix<Double>) throws -> Matrix<Double> {
    let width = store.layout.blocks[block].width
    var sum = Matrix<Double>.zeros(1, width)
    try forEachChunk(of: 1024, rowOperations: Double(2 * width)) { rows, gradients in
      let part = Matrix<Element>(converting: weights.view[columns: rows])
      sum.add(Matrix<Double>(converting: Matrix(product: part.view, gradients)), scale: 1)
    }
    return sum
  }
}
