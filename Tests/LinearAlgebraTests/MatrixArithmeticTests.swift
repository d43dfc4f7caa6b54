import LinearAlgebra
import TestSupport
import Testing

@Suite("Elementwise arithmetic")
struct MatrixArithmeticTests {
  @Test("Sums, whole and in a range of columns, of the same and of another precision")
  func sums() {
    var generator = SeededGenerator(seed: 61)
    let a = Matrix<Double>.smallIntegers(3, 5, using: &generator)
    let b = Matrix<Float>.smallIntegers(3, 5, using: &generator)
    let narrow = Matrix<Float>.smallIntegers(3, 2, using: &generator)
    var sum = a
    sum.add(b)
    expectClose(sum, Naive.sum(a, b), bound: .exact)
    sum = a
    sum.add(a, scale: -3)
    expectClose(sum, Naive.sum(a, a, scale: -3), bound: .exact)
    sum = a
    sum.add(narrow, firstColumn: 3)
    var expected = a
    for row in 0..<3 {
      for column in 0..<2 { expected[row, column + 3] += Double(narrow[row, column]) }
    }
    #expect(sum == expected)
    var single = b
    single.add(b)
    single.add(narrow, firstColumn: 0)
    #expect(single[2, 1] == 2 * b[2, 1] + narrow[2, 1])
    #expect(single[2, 2] == 2 * b[2, 2])
  }

  @Test("Scales, whole, by row, by column, and sums on the diagonal", arguments: scalarTypes)
  func scales(type: any Scalar.Type) {
    func check<Element: Scalar>(_: Element.Type) {
      let a = Matrix<Element>(rows: 2, columns: 3, elements: [1, 2, 3, 4, 5, 6])
      var result = a
      result.scale(by: 2)
      #expect(result.elements == [2, 4, 6, 8, 10, 12])
      result = a
      result.scaleRows(by: [1, -1])
      #expect(result.elements == [1, 2, 3, -4, -5, -6])
      result = a
      result.scaleColumns(by: [1, 0, 2])
      #expect(result.elements == [1, 0, 6, 4, 0, 12])
      result = a
      result.addToDiagonal(10)
      #expect(result.elements == [11, 2, 3, 4, 15, 6])
    }
    check(type)
  }

  @Test("The mean row is summed in double precision")
  func mean() {
    // In Float, 2²⁴ + 1 is 2²⁴: a sum in single precision would stay there.
    let a = Matrix<Float>(rows: 4, columns: 2, elements: [0x1p24, 1, 1, 2, 1, 3, 2, 6])
    #expect(a.meanRow() == Matrix(rows: 1, columns: 2, elements: [(0x1p24 + 4) / 4, 3]))
  }

  @Test("Shapes that do not fit are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      var a = Matrix<Double>.zeros(2, 3)
      a.add(Matrix<Double>.zeros(3, 2))
    }
    await #expect(processExitsWith: .failure) {
      var a = Matrix<Double>.zeros(2, 3)
      a.add(Matrix<Float>.zeros(2, 2), firstColumn: 2)
    }
    await #expect(processExitsWith: .failure) {
      var a = Matrix<Double>.zeros(2, 3)
      a.scaleColumns(by: [1, 2])
    }
    await #expect(processExitsWith: .failure) {
      var a = Matrix<Double>.zeros(2, 3)
      a.scaleRows(by: [1, 2, 3])
    }
    await #expect(processExitsWith: .failure) { _ = Matrix<Double>.zeros(0, 3).meanRow() }
  }
}
