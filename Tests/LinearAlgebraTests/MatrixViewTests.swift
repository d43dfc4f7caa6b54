import LinearAlgebra
import TestSupport
import Testing

@Suite("Views")
struct MatrixViewTests {
  @Test("A view of rows and columns, then of those, then transposed, sees the right elements")
  func nesting() {
    var generator = SeededGenerator(seed: 71)
    let a = Matrix<Double>.normal(9, 11, using: &generator)
    let view = a.view[rows: 2..<8, columns: 1..<10][columns: 2..<7].transposed[rows: 1..<4]
    #expect(view.rows == 3 && view.columns == 6 && view.isTransposed && view.rowStride == 11)
    for row in 0..<3 {
      for column in 0..<6 { #expect(view[row, column] == a[2 + column, 1 + 2 + 1 + row]) }
    }
    #expect(Matrix(view.transposed.transposed) == Matrix(view))
    #expect(Matrix(a.transposed[columns: 3..<5]) == Naive.transpose(Matrix(a.view[rows: 3..<5])))
  }

  @Test("Empty views may lie anywhere in the matrix, its ends included")
  func empty() {
    let a = Matrix<Float>.identity(3)
    #expect(Matrix(a.view[rows: 3..<3]) == .zeros(0, 3))
    #expect(Matrix(a.view[columns: 3..<3]) == .zeros(3, 0))
    #expect(Matrix(a.view[rows: 3..<3, columns: 3..<3]) == .zeros(0, 0))
    #expect(Matrix(Matrix<Float>.zeros(0, 4).transposed) == .zeros(4, 0))
    #expect(Matrix(product: a.view[columns: 3..<3], a.view[rows: 1..<1]) == .zeros(3, 3))
  }

  @Test("A view keeps its value when the matrix changes")
  func value() {
    var a = Matrix<Double>.identity(3)
    let view = a.view[rows: 1..<3]
    a[1, 1] = 100
    a.scale(by: -1)
    #expect(Matrix(view).elements == [0, 1, 0, 0, 0, 1])
    // A product into the matrix that its factors look at.
    let before = Matrix<Double>(rows: 2, columns: 2, elements: [1, 2, 3, 4])
    var square = before
    square.set(product: square.view, square.transposed)
    expectClose(square, Naive.product(before, Naive.transpose(before)), bound: .exact)
  }

  @Test("Elements, rows and columns outside of the view are refused")
  func refusals() async {
    // All of these are inside the matrix's memory.
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>.zeros(4, 4).view[rows: 0..<2, columns: 0..<2][0, 2]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>.zeros(4, 4).view[rows: 0..<2, columns: 0..<2][2, 0]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>.zeros(4, 4).view[columns: 0..<2][columns: 1..<3]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>.zeros(2, 4).transposed[rows: 0..<5]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>.zeros(4, 4).view[rows: -1..<2]
    }
  }
}
