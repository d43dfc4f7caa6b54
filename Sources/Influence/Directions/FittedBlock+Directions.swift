import LinearAlgebra

extension FittedBlock {
  /// X = V·M of one estimator in this block, m × d, on either side.
  ///
  /// The score side gives x in the span of the query and the training gradients, x = Gᵀa + βv, which a pass in double
  /// precision sums.
  ///
  /// - Parameters:
  ///   - queries: V, m × d.
  ///   - index: The estimator.
  ///   - pass: Products with the block's training gradients.
  /// - Complexity: That of the queries' scores, and 2mnd on the score side.
  func directions<Element: Scalar>(
    of queries: MatrixView<Element>, estimator index: Int, pass: GradientPass<Element>
  ) throws -> (rows: Matrix<Double>, warnings: [String]) {
    let squares = queries.squaredRowNorms()
    try checkRange(of: Queries(rows: queries, squaredNorms: squares))
    let found: (rows: Matrix<Double>, warnings: [String])
    switch operators[index] {
    case .query(let fitted):
      let preconditioned = try fitted.precondition(queries, pass: pass)
      found = (Matrix<Double>(converting: preconditioned.rows), preconditioned.warnings)
    case .score(let fitted):
      let cross = CrossProducts(try pass.products(queries), squaredQueryNorms: squares)
      let solution = try fitted.solve(cross)
      var rows = Matrix<Double>(converting: queries)
      rows.scale(by: solution.beta)
      if let coefficients = solution.coefficients {
        try pass.inDouble.addPullBack(coefficients, to: &rows)
      }
      found = (rows, solution.warnings)
    }
    try checkFinite(found.rows.elements)
    return found
  }
}
