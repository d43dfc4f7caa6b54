import LinearAlgebra

/// DataInf at many dampings: C and K are kept, and W is made anew for each.
///
///     S(λ) = (1/λ)·(C − (1/n)·C·W·K),   W = diag(1/(λ + ν))
struct DataInfSweep: SweepFit {
  var sides: Set<Side> { [.score] }

  func sweep<Element: Scalar>(
    _ gram: BlockGram, queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> any SweptScores {
    DataInfSwept<Element>(
      gram: gram,
      cross: CrossProducts(
        try pass.products(queries), squaredQueryNorms: queries.squaredRowNorms()))
  }
}

/// One block of DataInf's sweep.
private struct DataInfSwept<Element: Scalar>: SweptScores {
  let gram: BlockGram
  let cross: CrossProducts

  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) throws {
    for (index, lambda) in lambdas.enumerated() {
      let scores = try solution(at: lambda).scores
      for row in 0..<scores.rows {
        let target = index * cross.queryCount + row
        total[row: target] = zip(total[row: target], scores[row: row]).map { $0 + $1 }[...]
      }
    }
  }

  func squaredResiduals(at lambda: Double) throws -> [Double] {
    Certificate.residualNorms(
      of: try solution(at: lambda), cross: cross, kernel: gram.view, context: gram.context
    ).map { $0 * $0 }
  }

  private func solution(at lambda: Double) throws -> SpanSolution {
    guard let fit = DataInf().scoreSide else { preconditionFailure("DataInf has a score side") }
    let damped = try BlockGram(
      context: gram.context.damped(by: lambda), side: .score, matrix: gram.matrix)
    return try fit.fit(damped, precision: Element.self).solve(cross)
  }
}
