import Gradients
public import LinearAlgebra

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
  public var name: String { "nystrom" }
  /// How many landmarks, and the seed.
  public var settings: [String: String] { ["landmarks": "\(landmarks)", "seed": "\(seed)"] }

  /// At least one landmark.
  public func validateSettings() throws(InfluenceError) {
    guard landmarks > 0 else {
      throw .invalidSetting(
        method: name, setting: "landmarks", reason: "\(landmarks) is not positive")
    }
  }

  /// K on the score side, passes on the query side.
  public func need(on side: Side) -> CurvatureNeed { side == .score ? .gram : .passes }
  /// The basis of the span.
  public func fittedBytes(width: Int, exampleCount: Int) -> Int {
    Int(min(0x1p61, 16 * Double(min(landmarks, exampleCount)) * Double(width)))
  }
  /// A projection cannot be kept yet.
  public var canBeKept: Bool { false }

  /// The rows that are landmarks, ascending.
  package func rows(of exampleCount: Int) -> [Int] {
    var generator = SeededGenerator(seed: seed, stream: 0x6e79)
    return generator.permutation(exampleCount).prefix(landmarks).sorted()
  }

  /// Projects K.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    let context = gram.context
    let rows = rows(of: context.exampleCount)
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
      throw InfluenceError.factorization(block: context.name, method: name, error)
    }
  }

  /// Finds an orthonormal basis of the span, and F in it.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let gradients = Matrix<Double>(
      converting: try pass.store.gathered(
        rows(of: context.exampleCount), of: pass.block, as: Element.self))
    let whitening: Matrix<Double>
    do throws(FactorizationError) {
      whitening = try Matrix(product: gradients.view, gradients.transposed).whitening()
    } catch {
      throw InfluenceError.factorization(block: context.name, method: name, error)
    }
    return try SubspaceOnQueries(
      basis: Matrix(product: whitening.view, gradients.view), context: context, pass: pass)
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
