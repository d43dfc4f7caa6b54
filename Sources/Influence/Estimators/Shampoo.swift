public import Gradients
public import LinearAlgebra

/// Kronecker factors from the gradients alone: their second moments by rows and by columns.
///
///     shampoo     F ≈ L ⊗ R / tr L          L = mean g·gᵀ (q × q), R = mean gᵀ·g (p × p)
///     eshampoo    F ≈ Q·diag(Λ)·Qᵀ          Q the eigenbasis of L ⊗ R, Λ = mean (Q_L·g·Q_Rᵀ)²
///
/// For matrix-shaped blocks, g of q × p; a vector is q × 1. Gupta, Koren and Singer, "Shampoo" (2018),
/// with the power 1 of both factors and the trace of F, as in Morwani et al., "A New Perspective on
/// Shampoo's Preconditioner" (2024); its corrected form is what EK-FAC is to K-FAC (SOAP, Vyas et al. 2024).
/// Nothing but gradients is needed, so any store will do. tr F̂ = mean ‖g‖² in both, and no other diagonal
/// in that basis is nearer to F than Λ.
///
/// - Cost: 2npq(p + q) once, twice for eshampoo, and 9(p³ + q³); then 4pq(p + q) a query and 2mnd.
///   Damping: the same λ as the other methods', added in the eigenbasis.
public struct Shampoo: Estimator {
  /// Whether the eigenvalues are corrected.
  public let correctsEigenvalues: Bool

  /// Makes the estimator.
  ///
  /// - Parameter correctsEigenvalues: Whether Λ is measured in the eigenbasis, by another pass.
  public init(correctsEigenvalues: Bool = false) { self.correctsEigenvalues = correctsEigenvalues }

  /// `shampoo` or `eshampoo`.
  public var name: String { correctsEigenvalues ? "eshampoo" : "shampoo" }
  /// None.
  public var settings: [String: String] { [:] }
  /// If no eigenvalue is zero.
  public var allowsZeroDamping: Bool { true }
  /// The query side: the factors cannot be seen from K.
  public func works(on side: Side) -> Bool { side == .query }
  /// One or two passes.
  public func need(on side: Side) -> CurvatureNeed { .passes }
  /// Factors and bases are at most of the order of the block's longer side.
  public func fittedBytes(width: Int, exampleCount: Int) -> Int { 0 }

  /// Blocks that are matrices or vectors.
  public func check(_ training: GradientStore) throws {
    for block in training.layout.blocks { _ = try block.matrixShape(neededBy: name) }
  }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    preconditionFailure("\(name) works on the query side alone")
  }

  /// Sums both second moments and decomposes them.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let shape = try context.block.matrixShape(neededBy: name)
    let factors = try pass.matrixMoments(outputs: shape.outputs, inputs: shape.inputs)
    let (basis, values) = try factors.eigenbasis(block: context.name, method: name)
    if correctsEigenvalues {
      return try KroneckerOperator(
        basis: basis, eigenvalues: try basis.secondMoments(pass), context: context, method: name)
    }
    var eigenvalues = Matrix(product: values.outputs.view, values.activations.transposed)
    eigenvalues.scale(by: 1 / factors.outputGradients.diagonal.reduce(0, +))
    return try KroneckerOperator(
      basis: basis, eigenvalues: eigenvalues, context: context, method: name)
  }
}

extension GradientPass {
  /// L = (1/n) Σ g·gᵀ and R = (1/n) Σ gᵀ·g, each gradient a `q × p` matrix, summed in double precision.
  ///
  /// - Returns: R as the activations' moment, L as the output gradients'.
  /// - Complexity: npq(p + q) operations, one pass.
  fileprivate func matrixMoments(outputs q: Int, inputs p: Int) throws -> KroneckerFactors {
    var left = SymmetricAccumulator(order: q)
    var right = SymmetricAccumulator(order: p)
    try forEachChunk(
      of: max(16, min(1024, (8 << 20) / max(1, p * q))), rowOperations: Double(p * q * (p + q))
    ) { _, gradients in
      // All gradients one above the other, nq × p; and, turned, one beside the other, q × np.
      let stacked = Matrix(
        rows: gradients.rows * q, columns: p, elements: Matrix(gradients).elements)
      right.add(gramOf: stacked.transposed)
      left.add(gramOf: stacked.sideBySide(rowsEach: q).view)
    }
    let share = 1 / Double(store.count)
    var (rows, columns) = (left.matrix(), right.matrix())
    rows.scale(by: share)
    columns.scale(by: share)
    return KroneckerFactors(activations: columns, outputGradients: rows)
  }
}

extension Matrix {
  /// Pieces of `rowsEach` rows, one beside the other: `rowsEach × (pieces · columns)`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  fileprivate func sideBySide(rowsEach: Int) -> Matrix {
    let pieces = rows / rowsEach
    var result: [Element] = []
    result.reserveCapacity(elements.count)
    for row in 0..<rowsEach {
      for piece in 0..<pieces {
        let start = (piece * rowsEach + row) * columns
        result.append(contentsOf: elements[start..<start + columns])
      }
    }
    return Matrix(rows: rowsEach, columns: pieces * columns, elements: result)
  }
}
