import Gradients
import LinearAlgebra

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
  public static let name = "arnoldi"
  /// What the method is, in one line.
  public static let summary = "leading eigenvectors"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = U·(Ω + λI)⁻¹·Uᵀ + (1/λ)·(I − UUᵀ), U the leading eigenvectors of F",
    source:
      "Schioppa, Zablotskaia, Vilar and Sokolov (2022), who drop the second term (complement=false)",
    cost: "score side n²d, then 2Tn² + 2mnk; query side T passes of 4nd, then 4mkd + 2mnd")
  /// Rank, steps, complement and seed.
  public static let declaredSettings: [MethodSetting<Arnoldi>] = [
    .integer("rank", \.rank, .positive, usage: "rank=K"), .steps,
    .flag("complement", \.keepsComplement, usage: "complement=true|false"),
    .seed("seed", \.seed, usage: "seed=N"),
  ]

  /// Makes the estimator with 32 eigenvectors out of 64 steps and seed 0.
  public init() { self.init(rank: 32) }

  fileprivate var dimension: Int { steps ?? 2 * rank }

  /// The Krylov space must hold the eigenvectors.
  public func validateTogether() throws(InfluenceError) {
    guard dimension >= rank else {
      throw .invalidSetting(
        method: name, setting: "steps",
        reason: "\(dimension) steps cannot give \(rank) eigenvectors")
    }
  }

  /// Lanczos on K.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(estimator: self) }
  /// Lanczos on F, by passes.
  public var querySide: (any QuerySideFit)? { QuerySide(estimator: self) }

  /// The first direction is F·Gᵀ·b on both sides, b of n normal numbers: F takes out of b what no gradient
  /// shows.
  private func start(_ exampleCount: Int) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed, stream: 0x6172)
    return .normal(1, exampleCount, using: &generator)
  }

  private func warnings(found: Int, _ context: BlockContext) -> [String] {
    guard found < min(rank, context.exampleCount, context.width) else { return [] }
    return [
      "arnoldi, block \(context.name): the Krylov space ends after \(found) directions, so \(found) eigenvectors are used where \(rank) were asked for"
    ]
  }

  private struct ScoreSide: ScoreSideFit {
    let estimator: Arnoldi
    var needs: Set<Need> { [.gramMatrix, .ownFit] }

    /// A product with K per step, whose result is made orthogonal to all before it twice.
    func fittingWork(_ block: BlockShape) -> Work {
      let n = block.exampleCount
      let steps = min(estimator.dimension, n)
      var work = Work()
      work.doubleOperations =
        OperationCount.products(m: steps, n: n, d: n)
        + 2 * OperationCount.products(m: steps, n: n, d: steps)
        + OperationCount.eigendecomposition(order: steps)
      work.add(.projecting(rows: n, rank: steps))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solvingInSubspace(
        queries: queries, order: block.exampleCount,
        rank: min(estimator.rank, block.exampleCount))
    }

    /// Lanczos on K, whose Krylov space of b, pulled back by Gᵀ, is that of F and Gᵀ·b.
    ///
    /// Coefficients are kept orthonormal as they are; of the Gram matrix of what they combine,
    /// eigenvalues that are rounding are cut off.
    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      let context = gram.context
      let n = context.exampleCount
      var basis = KrylovBasis(width: n, rounding: Double.ulpOfOne)
      var images = Matrix<Double>.zeros(0, n)
      var next = Matrix(product: estimator.start(n).view, gram.view)
      while basis.count < min(estimator.dimension, n) {
        guard let direction = basis.append(next) else { break }
        next = Matrix(product: direction.view, gram.view)
        images = Matrix(
          rows: basis.count, columns: n, elements: images.elements + next.elements)
      }
      do throws(FactorizationError) {
        let whitening = try Matrix(product: images.view, basis.vectors.transposed).whitening()
        return try SubspaceOnScores(
          combinations: Matrix(product: whitening.view, basis.vectors.view),
          features: Matrix(product: whitening.view, images.view), rank: estimator.rank,
          keepsComplement: estimator.keepsComplement, context: context,
          warnings: estimator.warnings(found: whitening.rows, context))
      } catch {
        throw InfluenceError.factorization(block: context.name, method: Arnoldi.name, error)
      }
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: Arnoldi
    var needs: Set<Need> { [.ownFit] }

    private func steps(_ block: BlockShape) -> Int {
      min(estimator.dimension, block.exampleCount, block.width)
    }

    /// A pass for Gᵀ·b, one for each direction but the last, and one for the features.
    func fittingWork(_ block: BlockShape) -> Work {
      var work = Work()
      work.addPass(block, products: 1, rows: 1)
      var image = Work()
      image.addPass(block, products: 2, rows: 1)
      let steps = steps(block)
      work.add(image, times: steps)
      work.addPass(block, products: 1, rows: steps)
      work.doubleOperations = 2 * OperationCount.products(m: steps, n: block.width, d: steps)
      work.add(.projecting(rows: block.exampleCount, rank: steps))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .preconditioningInSubspace(
        queries: queries, width: block.width, rank: min(estimator.rank, steps(block)))
    }

    /// The Krylov basis, and the eigenvectors.
    func fittedBytes(_ block: BlockShape) -> Int {
      block.subspaceBytes(
        rank: min(estimator.dimension, block.exampleCount))
    }

    /// Lanczos on F by passes.
    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let n = context.exampleCount
      let ones = [Double](repeating: 1, count: n)
      let steps = min(estimator.dimension, n, context.width)
      var basis = KrylovBasis(width: context.width, rounding: Double(Element.ulpOfOne))
      func image(of direction: Matrix<Double>) throws -> Matrix<Double> {
        var image = Matrix<Element>.zeros(1, context.width)
        _ = try pass.normalProducts(
          Matrix<Element>(converting: direction).view, weights: ones, scale: 1 / Double(n),
          addingTo: &image)
        return Matrix<Double>(converting: image)
      }
      var next = try image(of: try pass.combination(estimator.start(n)))
      while let direction = basis.append(next), basis.count < steps {
        next = try image(of: direction)
      }
      return try SubspaceOnQueries(
        basis: basis.vectors, rank: estimator.rank, keepsComplement: estimator.keepsComplement,
        context: context, pass: pass, warnings: estimator.warnings(found: basis.count, context))
    }
  }
}

extension MethodSetting<Arnoldi> {
  /// The dimension of the Krylov space, which is recorded also where it follows from the rank.
  fileprivate static let steps = MethodSetting(
    name: "steps", usage: "steps=T", isMethod: false,
    read: { text, arnoldi, _ in arnoldi.steps = try parsed(text) { Int($0) } },
    text: { "\($0.dimension)" },
    problem: { arnoldi in
      guard let steps = arnoldi.steps else { return nil }
      let range = SettingRange<Int>.positive
      return range.contains(steps) ? nil : "\(steps)\(range.complaint)"
    })
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
    try reduction.sum(&sum)
    return sum
  }
}
