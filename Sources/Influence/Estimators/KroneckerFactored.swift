public import Gradients
public import LinearAlgebra

/// K-FAC: the Fisher matrix of a linear map's weight as a Kronecker product of two small matrices.
///
///     F ≈ S ⊗ A,   M = (S ⊗ A + λI)⁻¹        W is q × p, A = mean a·aᵀ, S = mean s·sᵀ
///
/// Martens and Grosse (2015). The factors come from the model and lie beside the training gradients
/// (``StoredCurvature``); whether labels were the data's or sampled from the model, the file says. A bias
/// is a map of one input that is always 1, so A = [1]. Exact where activations and output gradients are
/// independent; tr = tr A · tr S, which is mean ‖g‖² only then.
///
/// - Cost: 9(p³ + q³) once, then 4pq(p + q) a query and 2mnd. Damping: the same λ as the other methods',
///   a share of the mean eigenvalue of F, added in the eigenbasis.
public struct KFAC: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `kfac`.
  public var name: String { "kfac" }
  /// None.
  public var settings: [String: String] { [:] }
  /// If no eigenvalue of S ⊗ A is zero.
  public var allowsZeroDamping: Bool { true }
  /// The query side: there is no kernel of factors.
  public func works(on side: Side) -> Bool { side == .query }
  /// The factors, which are reached through the store.
  public func need(on side: Side) -> CurvatureNeed { .passes }

  /// Factors of every block, of the block's shape.
  public func check(_ training: GradientStore) throws {
    try training.checkKroneckerFactors(for: name)
  }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { preconditionFailure("kfac works on the query side alone") }

  /// Decomposes A and S.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let factors = try pass.store.kroneckerFactors(of: context.block, for: name)
    let (basis, values) = try factors.eigenbasis(block: context.name, method: name)
    return try KroneckerOperator(
      basis: basis,
      eigenvalues: Matrix(product: values.outputs.view, values.activations.transposed),
      context: context, method: name)
  }
}

/// EK-FAC: K-FAC's eigenbasis with the second moments of the gradients in it.
///
///     F ≈ Q·diag(Λ)·Qᵀ,   Q = Q_s ⊗ Q_a,   Λ = mean (Q_s·g·Q_aᵀ)²
///
/// George et al. (2018); for influence: Grosse et al. (arXiv 2308.03296). Of all diagonals in this basis Λ
/// is the nearest to F in the Frobenius norm, and its sum is mean ‖g‖². Λ is taken from the file beside
/// the training gradients, or, where that holds none, from the gradients themselves by one pass: the
/// empirical Fisher's.
///
/// - Cost: 9(p³ + q³) and 2npq(p + q) once, unless stored; then 4pq(p + q) a query and 2mnd. Damping: as
///   ``KFAC``.
public struct EKFAC: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `ekfac`.
  public var name: String { "ekfac" }
  /// None.
  public var settings: [String: String] { [:] }
  /// If no second moment is zero.
  public var allowsZeroDamping: Bool { true }
  /// The query side: there is no kernel of factors.
  public func works(on side: Side) -> Bool { side == .query }
  /// The factors, and a pass where Λ is not stored.
  public func need(on side: Side) -> CurvatureNeed { .passes }

  /// Factors of every block, of the block's shape.
  public func check(_ training: GradientStore) throws {
    try training.checkKroneckerFactors(for: name)
  }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { preconditionFailure("ekfac works on the query side alone") }

  /// Takes the basis and Λ from the file, or computes them.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let factors = try pass.store.kroneckerFactors(of: context.block, for: name)
    if let activations = factors.activationBasis, let outputs = factors.outputBasis,
      let eigenvalues = factors.eigenvalues
    {
      return try KroneckerOperator(
        basis: KroneckerBasis(activations: activations, outputs: outputs),
        eigenvalues: eigenvalues, context: context, method: name)
    }
    let (basis, _) = try factors.eigenbasis(block: context.name, method: name)
    return try KroneckerOperator(
      basis: basis, eigenvalues: try basis.secondMoments(pass), context: context, method: name)
  }
}

extension GradientStore {
  /// Checks that there are Kronecker factors of every block.
  fileprivate func checkKroneckerFactors(for method: String) throws {
    for block in layout.blocks { _ = try kroneckerFactors(of: block, for: method) }
  }

  fileprivate func kroneckerFactors(of block: Block, for method: String) throws -> KroneckerFactors
  {
    guard let curvature else {
      throw InfluenceError.missingInput(
        method: method, source: name,
        reason:
          "there is no \(StoredCurvature.fileName) beside the gradients; write one with `influence gradients --factors`, or choose shampoo or eshampoo, which take the gradients alone"
      )
    }
    return try curvature.kroneckerFactors(of: block)
  }
}

extension KroneckerFactors {
  /// The eigenvectors of both factors, and their eigenvalues as columns; rounding below zero is cut off.
  func eigenbasis(
    block: String, method: String
  ) throws(InfluenceError) -> (
    basis: KroneckerBasis, values: (outputs: Matrix<Double>, activations: Matrix<Double>)
  ) {
    func column(_ values: [Double]) -> Matrix<Double> {
      Matrix(rows: values.count, columns: 1, elements: values.map { max(0, $0) })
    }
    do throws(FactorizationError) {
      let inputs = try SymmetricEigendecomposition(decomposing: activations)
      let outputs = try SymmetricEigendecomposition(decomposing: outputGradients)
      return (
        KroneckerBasis(activations: inputs.vectors, outputs: outputs.vectors),
        (column(outputs.values), column(inputs.values))
      )
    } catch {
      throw .factorization(block: block, method: method, error)
    }
  }
}
