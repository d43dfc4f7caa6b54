public import Gradients
import LinearAlgebra
import TensorFiles

/// The eigenvalues of one block's Fisher matrix, and what they say of the damping.
public struct BlockSpectrum: Sendable {
  /// The block's name.
  public let block: String
  /// λ.
  public let damping: Double
  /// The eigenvalues of F that can differ from zero, descending: min(n, d) of them.
  public let eigenvalues: [Double]

  /// (s_max + λ)/λ, the condition number of F + λI where F has a null space or nearly so.
  public var conditionNumber: Double { ((eigenvalues.first ?? 0) + damping) / damping }
  /// tr(F)/s_max, from 1 (one direction) to min(n, d) (all alike).
  public var stableRank: Double {
    let largest = eigenvalues.first ?? 0
    return largest > 0 ? eigenvalues.reduce(0, +) / largest : 0
  }
  /// Σ s/(s + λ): how many directions the damping leaves alone.
  public var effectiveDimension: Double {
    eigenvalues.reduce(0) { $0 + $1 / ($1 + damping) }
  }

  /// The spectra of all blocks that are not dead.
  ///
  /// - Parameters:
  ///   - store: Gradients; the smaller of K and F is decomposed for each block.
  ///   - damping: The rule for λ.
  ///   - memoryBudget: The most bytes that matrices may take.
  ///   - meter: Where work is counted.
  ///   - progress: Called as blocks are done.
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)`` where one block's matrix
  ///   does not fit; or an error from reading the store.
  /// - Complexity: min(n, d)·nd + 9·min(n, d)³ operations per block.
  public static func all(
    of store: GradientStore, damping: Damping = .standard,
    memoryBudget: Int = CurvatureOptions().memoryBudget, meter: RunMeter? = nil,
    progress: ProgressHandler? = nil
  ) throws -> [BlockSpectrum] {
    let live = try BlockContext.all(of: store, damping: damping).filter { !$0.isDead }
    // The matrix, its copy that turns into eigenvectors, and LAPACK's workspace of twice that.
    let orders = live.map { min($0.exampleCount, $0.width) }
    let bytes = orders.map { Int(min(0x1p61, 32 * Double($0) * Double($0))) }
    for (place, bytes) in bytes.enumerated() where bytes > memoryBudget {
      throw InfluenceError.tooLarge(
        block: live[place].name, method: "spectrum", order: orders[place], bytes: bytes,
        budget: memoryBudget)
    }
    let walk = BlockWalk(
      stage: "decomposing", of: store, blocks: live.map(\.index),
      blocksAtATime: WorkingMemory.blocksAtATime(of: bytes, within: memoryBudget),
      options: CurvatureOptions(memoryBudget: memoryBudget, meter: meter), progress: progress)
    return try walk.map { place, monitor in
      let context = live[place]
      let side: Side = context.exampleCount <= context.width ? .score : .query
      // Double gradients are worth double products: what is asked for is small eigenvalues.
      let matrix =
        store.elementTypes[context.index] == .float64
        ? try gramMatrix(of: store, context.index, side, monitor, precision: Double.self)
        : try gramMatrix(of: store, context.index, side, monitor, precision: Float.self)
      let gram = try BlockGram(context: context, side: side, matrix: matrix)
      do throws(FactorizationError) {
        return BlockSpectrum(
          block: context.name, damping: context.lambda,
          eigenvalues: try gram.fisherEigenvalues().reversed())
      } catch {
        throw InfluenceError.factorization(block: context.name, method: "spectrum", error)
      }
    }
  }

  private static func gramMatrix<Element: Scalar>(
    of store: GradientStore, _ block: Int, _ side: Side, _ monitor: PassMonitor,
    precision: Element.Type
  ) throws -> Matrix<Double> {
    let pass = GradientPass<Element>(store: store, block: block, monitor: monitor)
    return try side == .score ? pass.kernel() : pass.fisher()
  }
}
