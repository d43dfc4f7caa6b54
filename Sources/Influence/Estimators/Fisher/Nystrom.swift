import Gradients
import LinearAlgebra

/// Nyström: the Fisher matrix within the span of a few training gradients.
///
///     F̂ = P·F·P,   M = P·(P·F·P + λI)⁻¹·P + (1/λ)·(I − P)        P onto the span of k landmarks
///
/// On the score side K̂ = K·[:,L]·K_LL⁺·K[L,:] takes the place of K in the kernel form of exact influence.
/// Williams and Seeger, "Using the Nyström Method to Speed Up Kernel Machines" (2001); landmarks are drawn
/// without replacement. Directions that no landmark shows are treated as flat, so with all examples as
/// landmarks it is exact. Eigenvalues of K_LL below n·ε of the largest are cut off.
///
/// - Cost: score side n²d for K, then 2mnk + nk²; query side two passes of 2nkd, then 4mkd a query and
///   2mnd. Damping: as exact.
public struct Nystrom: Estimator {
  /// How many training examples span the space; all of them where there are fewer.
  public var landmarks: Int
  /// Which are drawn.
  public var seed: UInt64

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - landmarks: How many training examples span the space, from 1 up.
  ///   - seed: The same seed draws the same ones.
  public init(landmarks: Int = 128, seed: UInt64 = 0) {
    self.landmarks = landmarks
    self.seed = seed
  }

  /// `nystrom`.
  public static let name = "nystrom"
  /// What the method is, in one line.
  public static let summary = "span of some gradients"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = P·(PFP + λI)⁻¹·P + (1/λ)·(I − P), P onto the span of some training gradients",
    source: "Williams and Seeger (2001)",
    cost: "score side n²d, then 2mnk + nk²; query side two passes of 2nkd, then 4mkd + 2mnd",
    remark: "With all examples as landmarks it is exact.")
  /// How many landmarks, and the seed.
  public static let declaredSettings: [MethodSetting<Nystrom>] = [
    .integer("landmarks", \.landmarks, .positive, usage: "landmarks=K"),
    .seed("seed", \.seed, usage: "seed=N"),
  ]

  /// Makes the estimator with 128 landmarks and seed 0.
  public init() { self.init(landmarks: 128) }

  /// A projection of K.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(estimator: self) }
  /// An orthonormal basis of the span, and F in it.
  public var querySide: (any QuerySideFit)? { QuerySide(estimator: self) }

  /// The rows that are landmarks, ascending.
  package func rows(of exampleCount: Int) -> [Int] {
    var generator = SeededGenerator(seed: seed, stream: 0x6e79)
    return generator.permutation(exampleCount).prefix(landmarks).sorted()
  }

  /// k, and how many directions the landmarks span at most.
  private func sizes(_ block: BlockShape) -> (landmarks: Int, rank: Int) {
    let landmarks = min(landmarks, block.exampleCount)
    return (landmarks, min(landmarks, block.width))
  }

  private struct ScoreSide: ScoreSideFit {
    let estimator: Nystrom
    var needs: Set<Need> { [.gramMatrix, .ownFit] }

    func fittingWork(_ block: BlockShape) -> Work {
      let (landmarks, rank) = estimator.sizes(block)
      var work = Work()
      work.doubleOperations =
        OperationCount.eigendecomposition(order: landmarks)
        + OperationCount.products(m: rank, n: block.exampleCount, d: landmarks)
      work.add(.projecting(rows: block.exampleCount, rank: rank))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solvingInSubspace(
        queries: queries, order: block.exampleCount, rank: estimator.sizes(block).rank)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      let context = gram.context
      let rows = estimator.rows(of: context.exampleCount)
      do throws(FactorizationError) {
        let part = Matrix(gram.view).selecting(rows: rows)
        let kernel = Matrix(part.transposed).selecting(rows: rows)
        let whitening = try kernel.whitening()
        // B = W·G_L, so that G·Bᵀ = K[:,L]·Wᵀ.
        var combinations = Matrix<Double>.zeros(whitening.rows, context.exampleCount)
        for component in 0..<whitening.rows {
          for (place, row) in rows.enumerated() {
            combinations[component, row] = whitening[component, place]
          }
        }
        return try SubspaceOnScores(
          combinations: combinations, features: Matrix(product: whitening.view, part.view),
          context: context)
      } catch {
        throw InfluenceError.factorization(block: context.name, method: Nystrom.name, error)
      }
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: Nystrom
    var needs: Set<Need> { [.ownFit] }

    /// One pass for the features; the landmarks themselves are few rows.
    func fittingWork(_ block: BlockShape) -> Work {
      let (landmarks, rank) = estimator.sizes(block)
      var work = Work()
      work.addPass(block, products: 1, rows: rank)
      work.doubleOperations =
        OperationCount.eigendecomposition(order: landmarks)
        + 2 * OperationCount.products(m: landmarks, n: landmarks, d: block.width)
      work.add(.projecting(rows: block.exampleCount, rank: rank))
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .preconditioningInSubspace(
        queries: queries, width: block.width, rank: estimator.sizes(block).rank)
    }

    /// The basis of the span.
    func fittedBytes(_ block: BlockShape) -> Int {
      block.subspaceBytes(rank: estimator.sizes(block).landmarks)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let gradients = Matrix<Double>(
        converting: try pass.store.gathered(
          estimator.rows(of: context.exampleCount), of: pass.block, as: Element.self))
      let whitening: Matrix<Double>
      do throws(FactorizationError) {
        whitening = try Matrix(product: gradients.view, gradients.transposed).whitening()
      } catch {
        throw InfluenceError.factorization(block: context.name, method: Nystrom.name, error)
      }
      return try SubspaceOnQueries(
        basis: Matrix(product: whitening.view, gradients.view), context: context, pass: pass)
    }
  }
}

extension GradientStore {
  /// Single rows of a block, one below the other.
  fileprivate func gathered<Element: Scalar>(
    _ rows: [Int], of block: Int, as type: Element.Type
  ) throws -> Matrix<Element> {
    var elements: [Element] = []
    elements.reserveCapacity(rows.count * layout.blocks[block].width)
    for row in rows {
      elements += Matrix(try self.rows(row..<row + 1, of: block, as: Element.self)).elements
    }
    return Matrix(rows: rows.count, columns: layout.blocks[block].width, elements: elements)
  }
}
