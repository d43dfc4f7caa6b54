import Foundation
import Gradients
import LinearAlgebra
import TestSupport
import Testing

/// The best approximation of rank c, against what Eckart and Young say of it.
@Suite("Factors of low rank")
struct LowRankFactorsTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let columns: Int
    var testDescription: String { "\(rows) × \(columns)" }
  }

  /// Both ways of finding them, wide, tall and square.
  static let shapes = [
    Shape(rows: 8, columns: 50), Shape(rows: 50, columns: 8), Shape(rows: 1, columns: 9),
    Shape(rows: 12, columns: 12), Shape(rows: 66, columns: 70), Shape(rows: 70, columns: 66),
  ]

  /// A matrix with given singular values, and its best approximations.
  private static func matrix(_ shape: Shape, seed: UInt64) -> (
    values: [Double], product: (Int) -> Matrix<Double>
  ) {
    let short = min(shape.rows, shape.columns)
    var generator = SeededGenerator(seed: seed)
    func basis(_ width: Int) -> Matrix<Double> {
      let random = Matrix<Double>.normal(width, width, using: &generator)
      return Naive.eigendecomposition(Naive.product(random, Naive.transpose(random))).vectors
    }
    let (left, right) = (basis(shape.rows), basis(shape.columns))
    let values = (0..<short).map { 3 * pow(0.6, Double($0)) }
    return (
      values,
      { rank in
        var scaled = left.selecting(rows: Array(0..<rank))
        scaled.scaleRows(by: Array(values[..<rank]))
        return Naive.product(Naive.transpose(scaled), right.selecting(rows: Array(0..<rank)))
      }
    )
  }

  private static func product(_ factors: LowRankFactors) -> Matrix<Double> {
    Naive.product(Naive.transpose(factors.left), factors.right)
  }

  /// What iteration leaves is below 10⁻⁷ of ‖B‖²; a Gram matrix has rounding of n·2⁻⁵³ of the largest value.
  @Test("They are the truncated singular value decomposition", arguments: shapes, [1, 2, 4])
  func best(shape: Shape, rank: Int) throws {
    let rank = min(rank, shape.rows, shape.columns)
    let (values, exact) = Self.matrix(shape, seed: UInt64(shape.rows * 31 + shape.columns))
    let whole = exact(values.count)
    let factors = try LowRankFactors(of: whole.view, rank: rank)
    #expect(factors.left.rows == rank && factors.left.columns == shape.rows)
    #expect(factors.right.rows == rank && factors.right.columns == shape.columns)
    var rest = whole
    rest.add(Self.product(factors), scale: -1)
    let lost = rest.elements.reduce(0) { $0 + $1 * $1 }
    let least = values.dropFirst(rank).reduce(0) { $0 + $1 * $1 }
    let size = values.reduce(0) { $0 + $1 * $1 }
    #expect(abs(lost - least) <= (min(shape.rows, shape.columns) > 64 ? 1e-6 : 1e-12) * size)
    expectClose(
      Self.product(factors).elements, exact(rank).elements,
      bound: .absolute(min(shape.rows, shape.columns) > 64 ? 5e-3 : 1e-10))
    for row in 0..<rank {
      let peaks = [factors.left, factors.right].map { matrix in
        matrix[row: row].map(\.magnitude).max() ?? 0
      }
      expectClose(peaks[0], peaks[1], bound: .relative(1e-12))
    }
  }

  @Test("All directions keep everything; zeros stay zeros; size does not matter")
  func identities() throws {
    let (_, exact) = Self.matrix(Shape(rows: 6, columns: 40), seed: 4)
    let whole = exact(6)
    for scale in [1, 0x1p-500, 0x1p400] {
      var scaled = whole
      scaled.scale(by: scale)
      var found = Self.product(try LowRankFactors(of: scaled.view, rank: 6))
      found.scale(by: 1 / scale)
      expectClose(found.elements, whole.elements, bound: .absolute(1e-12))
    }
    let zeros = try LowRankFactors(of: Matrix<Double>.zeros(5, 7).view, rank: 2)
    #expect(zeros.left == .zeros(2, 5) && zeros.right == .zeros(2, 7))
    // One direction alone: the second is nothing, and no number is NaN.
    let one = Naive.product(
      Matrix<Double>(rows: 5, columns: 1, elements: [1, 2, 3, 4, 5]),
      Matrix<Double>(rows: 1, columns: 3, elements: [1, -1, 2]))
    let factors = try LowRankFactors(of: one.view, rank: 2)
    expectClose(Self.product(factors).elements, one.elements, bound: .absolute(1e-12))
    let isFinite = (factors.left.elements + factors.right.elements).allSatisfy(\.isFinite)
    #expect(isFinite)
  }
}
