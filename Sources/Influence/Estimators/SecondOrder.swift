public import Gradients
public import LinearAlgebra

/// The second derivative of the training loss itself: M = (H + λI)⁻¹.
///
///     exact-hessian   H = ∇² of the mean training loss (Koh and Liang, 2017)
///     exact-ggn       H = mean Jᵀ·(∇² of the loss by the outputs)·J, never indefinite
///
/// The matrix comes from the model and lies beside the training gradients (``StoredCurvature``). Each
/// block takes its own part of it, so that one block of all parameters is the whole Hessian and a block a
/// tensor is its diagonal. H + λI that is indefinite, as in networks that have not converged, is solved
/// by LDLᵀ, with a warning: the scores are then those of a saddle point.
///
/// - Cost: d³/3 a block once, then 2md² + 2mnd. Damping: the same λ as the other methods'; use
///   `absolute:0` where the Hessian holds the regulariser.
public struct SecondOrder: Estimator {
  /// Which matrix.
  public let matrix: StoredCurvature.SecondDerivative

  /// Makes the estimator.
  public init(_ matrix: StoredCurvature.SecondDerivative) { self.matrix = matrix }

  /// `exact-hessian` or `exact-ggn`.
  public var name: String { "exact-" + matrix.rawValue }
  /// None.
  public var settings: [String: String] { [:] }
  /// If H has an inverse.
  public var allowsZeroDamping: Bool { true }
  /// The query side.
  public func works(on side: Side) -> Bool { side == .query }
  /// The matrix, which is reached through the store.
  public func need(on side: Side) -> CurvatureNeed { .passes }

  /// H and its factor.
  public func fittedBytes(width: Int, exampleCount: Int) -> Int {
    Int(min(0x1p61, 16 * Double(width) * Double(width)))
  }

  /// The matrix beside the gradients, of their width.
  public func check(_ training: GradientStore) throws {
    guard let curvature = training.curvature else {
      throw InfluenceError.missingInput(
        method: name, source: training.name,
        reason:
          "there is no \(StoredCurvature.fileName) beside the gradients; write one with `influence gradients --hessian`"
      )
    }
    guard curvature.holds(matrix) else {
      throw InfluenceError.missingInput(
        method: name, source: curvature.path,
        reason:
          "it does not hold '\(matrix.rawValue)'; write it with `influence gradients --hessian`")
    }
  }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { preconditionFailure("\(name) works on the query side alone") }

  /// Factorises H + λI.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    try check(pass.store)
    guard let curvature = pass.store.curvature else {
      preconditionFailure("the store was checked to have a curvature")
    }
    var damped = try curvature.secondDerivative(
      matrix, columns: pass.store.sourceColumns(ofBlock: context.index),
      of: pass.store.layout.columnCount)
    damped.addToDiagonal(context.lambda)
    do throws(FactorizationError) {
      do throws(FactorizationError) {
        return DefiniteOnQueries(factor: try Cholesky(factoring: damped))
      } catch .notPositiveDefinite {
        let factor = try LDLFactorization(factoring: damped)
        return IndefiniteOnQueries(
          factor: factor, context: context, method: name,
          warning:
            "\(name), block \(context.name): the damped matrix is indefinite, \(factor.negativeEigenvalues) of \(context.width) eigenvalues are negative; solved by LDLᵀ: scores are those of a saddle point, raise the damping or use exact-ggn"
        )
      }
    } catch {
      throw InfluenceError.factorization(block: context.name, method: name, error)
    }
  }
}

/// X = V·(H + λI)⁻¹ by Cholesky.
private struct DefiniteOnQueries: QuerySideOperator {
  let factor: Cholesky<Double>

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    var rows = Matrix<Double>(converting: queries)
    factor.solve(rows: &rows)
    return Preconditioned(rows: Matrix<Element>(converting: rows))
  }
}

/// X = V·(H + λI)⁻¹ by LDLᵀ, with a warning.
private struct IndefiniteOnQueries: QuerySideOperator {
  let factor: LDLFactorization<Double>
  let context: BlockContext
  let method: String
  let warning: String

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    var rows = Matrix<Double>(converting: queries)
    do throws(FactorizationError) {
      try factor.solve(rows: &rows)
    } catch {
      throw InfluenceError.factorization(block: context.name, method: method, error)
    }
    return Preconditioned(rows: Matrix<Element>(converting: rows), warnings: [warning])
  }
}
