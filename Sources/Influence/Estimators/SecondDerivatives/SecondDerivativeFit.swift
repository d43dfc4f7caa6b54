import Gradients
import LinearAlgebra

/// The fit of a second derivative that the model gives: H + λI, factorised.
struct SecondDerivativeFit: QuerySideFit {
  let matrix: StoredCurvature.SecondDerivative
  /// The name of the method, for errors and warnings.
  let method: String
  /// The name of the method that is never indefinite.
  let definiteMethod: String

  var needs: Set<Need> { [.secondDerivative(matrix), .ownFit] }
  var worksByExamples: Bool { true }

  /// d³/3 operations; without damping also eigenvalues, which tell whether the matrix is singular.
  func fittingWork(_ block: BlockShape) -> Work {
    var work = Work()
    work.doubleOperations = OperationCount.cholesky(order: block.width)
    work.doubleNumbers = 2 * Double(block.width) * Double(block.width)
    return work
  }

  func scoringWork(queries: Int, _ block: BlockShape) -> Work {
    .solving(queries: queries, order: block.width)
  }

  /// H and its factor.
  func fittedBytes(_ block: BlockShape) -> Int {
    Int(min(0x1p61, 16 * Double(block.width) * Double(block.width)))
  }

  /// The curvature beside a store, which must hold the matrix.
  ///
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)``.
  func curvature(of training: GradientStore) throws(InfluenceError) -> StoredCurvature {
    guard let curvature = training.curvature else {
      throw .missingInput(
        method: method, source: training.name,
        reason:
          "there is no \(StoredCurvature.fileName) beside the gradients; store the Hessian or the Gauss–Newton matrix of the model there"
      )
    }
    guard curvature.holds(matrix) else {
      throw .missingInput(
        method: method, source: curvature.path,
        reason:
          "it does not hold '\(matrix.rawValue)'; store that matrix there")
    }
    return curvature
  }

  func fit<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    var damped = try curvature(of: pass.store).secondDerivative(
      matrix, columns: pass.store.sourceColumns(ofBlock: context.index),
      of: pass.store.layout.columnCount)
    damped.addToDiagonal(context.lambda)
    do throws(FactorizationError) {
      if context.lambda == 0 {
        try SymmetricEigendecomposition(decomposing: damped).requireFullRank()
      }
      do throws(FactorizationError) {
        return DefiniteOnQueries(factor: try Cholesky(factoring: damped))
      } catch .notPositiveDefinite {
        let factor = try LDLFactorization(factoring: damped)
        return IndefiniteOnQueries(
          factor: factor, context: context, method: method,
          warning:
            "\(method), block \(context.name): the damped matrix is indefinite, \(factor.negativeEigenvalues) of \(context.width) eigenvalues are negative; solved by LDLᵀ: scores are those of a saddle point, raise the damping or use \(definiteMethod)"
        )
      }
    } catch {
      throw InfluenceError.factorization(block: context.name, method: method, error)
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
