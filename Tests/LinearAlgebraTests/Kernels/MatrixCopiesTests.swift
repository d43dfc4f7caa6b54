import LinearAlgebra
import TestSupport
import Testing

@Suite("Copies and conversions")
struct MatrixCopiesTests {
  @Test("A copy of a view holds the view's elements", arguments: scalarTypes, [false, true])
  func copies(type: any Scalar.Type, isTransposed: Bool) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 21)
      for (rows, columns) in [(0, 0), (0, 3), (3, 0), (1, 1), (4, 7), (7, 4)] {
        let a = Matrix<Element>.normal(rows, columns, using: &generator)
        #expect(Matrix(a.embedded(transposed: isTransposed)) == a)
      }
    }
    check(type)
  }

  @Test("A conversion to Double is exact, and one to Float rounds to nearest")
  func conversions() {
    var generator = SeededGenerator(seed: 22)
    let doubles = Matrix<Double>.normal(3, 5, using: &generator)
    let singles = Matrix<Float>(converting: doubles)
    #expect(singles.elements == doubles.elements.map { Float($0) })
    #expect(Matrix<Double>(converting: singles).elements == singles.elements.map { Double($0) })
    #expect(Matrix<Double>(converting: doubles) == doubles)
    #expect(Matrix<Float>(converting: doubles.embedded(transposed: true)) == singles)
  }
}
