import Gradients
import LinearAlgebra

extension GradientPass {
  /// L = (1/n) Σ g·gᵀ and R = (1/n) Σ gᵀ·g, each gradient a `q × p` matrix, summed in double precision.
  ///
  /// - Parameters:
  ///   - block: The block, for its shape.
  ///   - method: Who asks, for the error.
  /// - Returns: R as the activations' moment, L as the output gradients'.
  /// - Throws: `GradientStoreError` of a block that is no matrix and no vector.
  /// - Complexity: npq(p + q) operations, one pass.
  func matrixMoments(of block: Block, neededBy method: String) throws -> KroneckerFactors {
    let (q, p) = try block.matrixShape(neededBy: method)
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
    try reduction.sum(&rows)
    try reduction.sum(&columns)
    rows.scale(by: share)
    columns.scale(by: share)
    return KroneckerFactors(activations: columns, outputGradients: rows)
  }
}
