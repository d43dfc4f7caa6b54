import LinearAlgebra
import TestSupport
import Testing

@Suite("Norms and inner products of rows")
struct MatrixNormsTests {
  /// Around the 16 elements of one step of the kernel, and around 2¹⁶ elements, a piece of work.
  static let widths = [0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 65_535, 65_537]

  @Test("Squared norms of integers are exact", arguments: scalarTypes, widths)
  func exact(type: any Scalar.Type, width: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 11)
      let a = Matrix<Element>.smallIntegers(5, width, using: &generator)
      let expected = (0..<5).map { row in a[row: row].reduce(0.0) { $0 + Double($1) * Double($1) } }
      #expect(a.view.squaredRowNorms() == expected)
      #expect(a.embedded().squaredRowNorms() == expected)
    }
    check(type)
  }

  @Test(
    "Squared norms agree with two-pass norms in double precision", arguments: scalarTypes,
    widths)
  func reference(type: any Scalar.Type, width: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 12)
      let a = Matrix<Element>.normal(
        max(2, min(70, 100_000 / max(width, 1))), width, using: &generator)
      expectClose(
        a.view.squaredRowNorms(), Naive.rowNorms(a).map { $0 * $0 },
        bound: .backward(order: width + 4))
    }
    check(type)
  }

  @Test("Many short rows make several pieces of work")
  func manyRows() {
    var generator = SeededGenerator(seed: 13)
    let a = Matrix<Float>.smallIntegers(70_001, 2, using: &generator)
    let expected = (0..<a.rows).map { Double(a[$0, 0] * a[$0, 0] + a[$0, 1] * a[$0, 1]) }
    #expect(a.view.squaredRowNorms() == expected)
  }

  @Test("Squares that overflow Float are finite")
  func noOverflow() {
    let value: Float = 1e25
    #expect(!(value * value).isFinite)
    let a = Matrix<Float>(repeating: value, rows: 2, columns: 35)
    expectClose(
      a.view.squaredRowNorms(), Array(repeating: 35 * Double(value) * Double(value), count: 2),
      bound: .backward(order: 35))
    let tiny = Matrix<Float>(repeating: 1e-25, rows: 1, columns: 35)
    #expect(tiny.view.squaredRowNorms()[0] > 0)
  }

  @Test("Paired rows, and any row with any other", arguments: scalarTypes, [1, 16, 37])
  func innerProducts(type: any Scalar.Type, width: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 14)
      let a = Matrix<Element>.smallIntegers(4, width, using: &generator)
      let b = Matrix<Element>.smallIntegers(4, width, using: &generator)
      let expected = Naive.product(a, Naive.transpose(b))
      #expect(a.view.rowDots(with: b.embedded()) == expected.diagonal)
      for (row, other) in [(0, 3), (3, 0), (2, 1)] {
        #expect(a.embedded().dotOfRow(row, with: b.view, row: other) == expected[row, other])
      }
    }
    check(type)
  }

  @Test("Transposed views, and rows that do not fit, are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>.zeros(2, 3).transposed.squaredRowNorms()
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>.zeros(2, 3).view.rowDots(with: Matrix<Float>.zeros(2, 4).view)
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>.zeros(2, 3).view.dotOfRow(2, with: Matrix<Float>.zeros(2, 3).view, row: 0)
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>.zeros(2, 3).view.rowDots(with: Matrix<Float>.zeros(3, 3).view)
    }
  }
}
