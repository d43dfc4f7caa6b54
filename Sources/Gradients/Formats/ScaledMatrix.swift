import LinearAlgebra
import TensorFiles

/// One block of rows of 8-bit integers, with a scale for each row: g = s · q, rounded to a `Float`.
struct ScaledMatrix: Sendable {
  /// q, `n × d`.
  let integers: MappedMatrix
  /// s, `n × 1`.
  let scales: MappedMatrix
  /// The block's name, for errors.
  let block: String
  /// Where the rows start in their shard, for errors.
  var firstRow = 0

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> ScaledMatrix {
    ScaledMatrix(
      integers: integers[rows: rows], scales: scales[rows: rows], block: block,
      firstRow: firstRow + rows.lowerBound)
  }

  /// Copies a rectangle into rows of a matrix of as many columns.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    integers[rows: rows][columns: columns].read(
      into: &matrix, firstRow: firstRow, scales: try scales(of: rows))
  }

  /// The scales of some rows, after a look at each.
  func scales(of rows: Range<Int>) throws -> [Float] {
    let factors = scales[rows: rows].matrix(as: Float.self).elements
    if let bad = factors.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw GradientStoreError.invalidScale(
        path: scales.map.path, row: firstRow + rows.lowerBound + bad, block: block,
        found: "\(factors[bad])")
    }
    return factors
  }
}
