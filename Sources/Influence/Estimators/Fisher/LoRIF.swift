import Gradients
import LinearAlgebra

/// LoRIF: the leading eigenvectors of the Fisher matrix, found by a randomised singular value decomposition.
///
///     M = (1/λ)·(I − V·diag(σ²/(σ² + λ))·Vᵀ),   σ² and V the r leading eigenpairs of F
///
/// Li, Le, Xu and Salzmann, "LoRIF: Low-Rank Influence Functions for Scalable Training Data Attribution" (2026, arXiv
/// 2601.21929), who take M between gradients that are projected from both sides and kept
/// as products of two thin factors; here it is taken between the gradients of any store, whose blocks may be projected, or
/// such products. The decomposition is that of Halko, Martinsson and Tropp (2011): Ω·(G·Gᵀ)^q·G with a random Ω of k = r + oversampling
/// rows by n, whose rows are made orthonormal before every product, and F's eigenpairs within their span. With all
/// min(n, d) directions, or as many as F has eigenvalues above zero, it is exact; with none it is `block-normalized`. Of
/// the exact M it misses 1/λ − 1/(σ² + λ) at most, σ² the first eigenvalue that is left out, where the r leading
/// eigenpairs are found as they are.
///
/// - Cost: score side n²d for K, then (q + 1)·2kn² and 2mnr; query side q + 2 passes, of which q are of 4nkd and two of 2nkd, then 4mrd
///   and 2mnd. Damping: as exact.
public struct LoRIF: Estimator {
  /// r, how many eigenvectors are kept; all where there are fewer.
  public var rank: Int
  /// How many further directions are looked for.
  public var oversampling: Int
  /// q, how often the directions are multiplied with F.
  public var power: Int
  /// Decides Ω.
  public var seed: UInt64

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - rank: How many eigenvectors are kept, from 0 up.
  ///   - oversampling: How many further directions are looked for, from 0 up; ten in the published code.
  ///   - power: How often the directions are multiplied with F, from 0 up; three times in the published code.
  ///   - seed: The same seed starts from the same directions.
  public init(rank: Int = 256, oversampling: Int = 10, power: Int = 3, seed: UInt64 = 0) {
    self.rank = rank
    self.oversampling = oversampling
    self.power = power
    self.seed = seed
  }

  /// `lorif`.
  public static let name = "lorif"
  /// What the method is, in one line.
  public static let summary = "leading eigenvectors, by random directions"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (1/λ)·(I − V·diag(σ²/(σ² + λ))·Vᵀ), σ² and V the leading eigenpairs of F",
    source:
      "Li, Le, Xu and Salzmann (2026, arXiv 2601.21929), by Halko, Martinsson and Tropp (2011)",
    cost:
      "score side n²d, then 2(q + 1)kn² + 2mnr; query side q passes of 4nkd and two of 2nkd, then 4mrd + 2mnd",
    remark:
      "With all directions it is exact, with rank=0 block-normalized. The published code factorises projected gradients too."
  )
  /// Rank, oversampling, power and seed.
  public static let declaredSettings: [MethodSetting<LoRIF>] = [
    .integer("rank", \.rank, .fromZero, usage: "rank=R"),
    .integer("oversampling", \.oversampling, .fromZero, usage: "oversampling=P"),
    .integer("power", \.power, .fromZero, usage: "power=Q"),
    .seed("seed", \.seed, usage: "seed=N"),
  ]

  /// Makes the estimator with 256 eigenvectors, 10 further directions, 3 products and seed 0.
  public init() { self.init(rank: 256) }

  /// Random combinations of examples, multiplied with K.
  public var scoreSide: (any ScoreSideFit)? {
    rank == 0 ? ScaledIdentityOnScores { 1 / $0.lambda } : ScoreSide(estimator: self)
  }
  /// Random combinations of gradients, multiplied with F by passes.
  public var querySide: (any QuerySideFit)? {
    rank == 0 ? ScaledIdentityOnQueries { 1 / $0.lambda } : QuerySide(estimator: self)
  }

  /// k and how often F is multiplied with, of a block; where the span is everything, not at all.
  private func sizes(_ block: BlockShape) -> (directions: Int, kept: Int, power: Int) {
    let all = min(block.exampleCount, block.width)
    let directions = min(rank + oversampling, all)
    return (directions, min(rank, all), directions < all ? power : 0)
  }

  /// Ω, `k × n`.
  private func start(_ block: BlockShape) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed, stream: 0x6c6f)
    return .normal(sizes(block).directions, block.exampleCount, using: &generator)
  }

  private struct ScoreSide: ScoreSideFit {
    let estimator: LoRIF
    var needs: Set<Need> { [.gramMatrix, .ownFit] }

    /// A product with K for each power and one for the features, with orthonormal rows before each.
    func fittingWork(_ block: BlockShape) -> Work {
      let n = block.exampleCount
      let (directions, _, power) = estimator.sizes(block)
      var work = Work()
      work.doubleOperations =
        Double(power + 1)
        * (OperationCount.products(m: directions, n: n, d: n)
          + 4 * OperationCount.products(m: directions, n: n, d: directions)
          + 2 * OperationCount.eigendecomposition(order: directions))
      work.add(.projecting(rows: n, rank: directions))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solvingInSubspace(
        queries: queries, order: block.exampleCount, rank: estimator.sizes(block).kept)
    }

    /// Combinations of examples W instead of directions W·G: a product with F is one with K.
    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      let context = gram.context
      let shape = BlockShape(context.block, exampleCount: context.exampleCount)
      do throws(FactorizationError) {
        var combinations = try estimator.start(shape).orthonormalRows()
        var images = Matrix(product: combinations.view, gram.view)
        for _ in 0..<estimator.sizes(shape).power {
          combinations = try images.orthonormalRows()
          images = Matrix(product: combinations.view, gram.view)
        }
        let whitening = try Matrix(product: images.view, combinations.transposed).whitening()
        return try SubspaceOnScores(
          combinations: Matrix(product: whitening.view, combinations.view),
          features: Matrix(product: whitening.view, images.view), rank: estimator.rank,
          context: context)
      } catch {
        throw InfluenceError.factorization(block: context.name, method: LoRIF.name, error)
      }
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: LoRIF
    var needs: Set<Need> { [.ownFit] }

    /// A pass for Ω·G, one for each power, and one for the features.
    func fittingWork(_ block: BlockShape) -> Work {
      let (directions, _, power) = estimator.sizes(block)
      var work = Work()
      work.addPass(block, products: 1, rows: directions)
      var image = Work()
      image.addPass(block, products: 2, rows: directions)
      work.add(image, times: power)
      work.addPass(block, products: 1, rows: directions)
      work.doubleOperations =
        Double(power + 1)
        * (4 * OperationCount.products(m: directions, n: block.width, d: directions)
          + 2 * OperationCount.eigendecomposition(order: directions))
      work.add(.projecting(rows: block.exampleCount, rank: directions))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .preconditioningInSubspace(
        queries: queries, width: block.width, rank: estimator.sizes(block).kept)
    }

    /// The directions before and after a product.
    func fittedBytes(_ block: BlockShape) -> Int {
      block.subspaceBytes(rank: estimator.sizes(block).directions)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let shape = BlockShape(context.block, exampleCount: context.exampleCount)
      let (directions, _, power) = estimator.sizes(shape)
      func orthonormal(_ rows: Matrix<Element>) throws -> Matrix<Double> {
        do throws(FactorizationError) {
          return try Matrix<Double>(converting: rows)
            .orthonormalRows(rounding: Double(Element.ulpOfOne))
        } catch {
          throw InfluenceError.factorization(block: context.name, method: LoRIF.name, error)
        }
      }
      var rows = Matrix<Element>.zeros(directions, context.width)
      try pass.addPullBack(Matrix<Element>(converting: estimator.start(shape)), to: &rows)
      var basis = try orthonormal(rows)
      for _ in 0..<power {
        rows = .zeros(basis.rows, context.width)
        try pass.addNormalProducts(
          Matrix<Element>(converting: basis).view,
          weights: { [Double](repeating: 1, count: $0.count) },
          scale: 1 / Double(context.exampleCount), to: &rows)
        basis = try orthonormal(rows)
      }
      return try SubspaceOnQueries(
        basis: basis, rank: estimator.rank, context: context, pass: pass)
    }
  }
}
