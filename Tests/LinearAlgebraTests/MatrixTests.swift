import LinearAlgebra
import TestSupport
import Testing

@Suite("Matrix")
struct MatrixTests {
  @Test("Elements lie row by row")
  func layout() {
    var matrix = Matrix<Float>(rows: 2, columns: 3, elements: [1, 2, 3, 4, 5, 6])
    #expect(matrix[1, 0] == 4)
    #expect(Array(matrix[row: 1]) == [4, 5, 6])
    matrix[0, 2] = 30
    matrix[row: 1] = [7, 8, 9]
    #expect(matrix.elements == [1, 2, 30, 7, 8, 9])
    #expect(matrix.diagonal == [1, 8])
    #expect(!matrix.isSquare)
  }

  @Test("Zeros, identity, and one value throughout")
  func makers() {
    #expect(Matrix<Double>.zeros(2, 3).elements == [0, 0, 0, 0, 0, 0])
    #expect(Matrix<Double>.identity(2).elements == [1, 0, 0, 1])
    #expect(Matrix<Double>.identity(0).isSquare)
    #expect(Matrix<Double>(repeating: 7, rows: 1, columns: 2).elements == [7, 7])
    #expect(Matrix<Double>.zeros(3, 0) != Matrix<Double>.zeros(0, 3))
  }

  @Test("Rows and elements that do not exist are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>(rows: 2, columns: 2, elements: [1, 2, 3])
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Double>(rows: -1, columns: -2, elements: [1, 2])
    }
    // The element is in the array, but not in the row.
    await #expect(processExitsWith: .failure) { _ = Matrix<Double>.zeros(2, 2)[0, 2] }
    await #expect(processExitsWith: .failure) { _ = Matrix<Double>.zeros(2, 2)[row: 2] }
    await #expect(processExitsWith: .failure) {
      var matrix = Matrix<Double>.zeros(2, 2)
      matrix[row: 0] = [1, 2, 3]
    }
  }
}
