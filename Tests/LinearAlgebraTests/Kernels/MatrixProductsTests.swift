import LinearAlgebra
import TestSupport
import Testing

/// The shape of a product: `rows × depth` times `depth × columns`.
struct ProductShape: Sendable, CustomTestStringConvertible {
  let rows: Int
  let depth: Int
  let columns: Int

  init(_ rows: Int, _ depth: Int, _ columns: Int) {
    self.rows = rows
    self.depth = depth
    self.columns = columns
  }

  var testDescription: String { "\(rows) × \(depth) · \(depth) × \(columns)" }

  /// At least one shape on each side of each border in `ProductPlan`.
  static let all: [ProductShape] = [
    // Nothing at all, or nothing to sum.
    .init(0, 3, 4), .init(3, 0, 4), .init(3, 4, 0), .init(0, 0, 0), .init(1, 0, 5), .init(20, 0, 1),
    // One row: tiles of 64 columns (right transposed), or of 4096 columns by a depth of 64.
    .init(1, 1, 1), .init(1, 5, 63), .init(1, 63, 64), .init(1, 64, 65), .init(1, 65, 129),
    .init(1, 129, 4095), .init(1, 1, 4096), .init(1, 66, 4097), .init(1, 1000, 8193),
    // One column: tiles of 64 rows.
    .init(2, 7, 1), .init(63, 1, 1), .init(64, 9, 1), .init(65, 130, 1), .init(129, 1000, 1),
    // A few rows: tiles of 1024 columns (64 if transposed), by the depth that 10⁶ multiply–adds
    // leave: 488 to 65 (7812 to 1041 if transposed).
    .init(2, 488, 1024), .init(2, 489, 1025), .init(2, 7813, 65), .init(3, 100, 1023),
    .init(7, 140, 2049), .init(8, 1954, 64), .init(15, 65, 63), .init(15, 131, 1025),
    .init(15, 1042, 129), .init(9, 1, 2), .init(5, 3, 66),
    // Many rows, few operations: tiles of 1024 across the shorter side only.
    .init(16, 5, 2), .init(16, 3, 1025), .init(17, 64, 16), .init(64, 65, 63), .init(1025, 5, 16),
    .init(1025, 3, 1025), .init(1025, 3, 1026), .init(1030, 2, 1027),
    // Many operations (over 4·10⁶): a quarter of the longer side, between 64 and 1024; the last
    // tile has a single row or column.
    .init(200, 131, 160), .init(160, 131, 200), .init(257, 300, 64), .init(64, 300, 257),
    .init(4097, 65, 16), .init(17, 61, 4097), .init(1025, 5, 1025),
  ]
}

@Suite("Products")
struct MatrixProductsTests {
  @Test(
    "A product of integers is exact, whole or strided, in all four transpositions",
    arguments: scalarTypes, ProductShape.all)
  func exact(type: any Scalar.Type, shape: ProductShape) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 1)
      let a = Matrix<Element>.smallIntegers(shape.rows, shape.depth, using: &generator)
      let b = Matrix<Element>.smallIntegers(shape.depth, shape.columns, using: &generator)
      let expected = Naive.product(a, b)
      for (isLeftTransposed, isRightTransposed) in [
        (false, false), (false, true), (true, false), (true, true),
      ] {
        let comment: Comment = "left transposed: \(isLeftTransposed), right: \(isRightTransposed)"
        expectClose(
          Matrix(
            product: isLeftTransposed ? Naive.transpose(a).transposed : a.view,
            isRightTransposed ? Naive.transpose(b).transposed : b.view),
          expected, bound: .exact, comment)
        expectClose(
          Matrix(
            product: a.embedded(transposed: isLeftTransposed),
            b.embedded(transposed: isRightTransposed)),
          expected, bound: .exact, comment)
      }
    }
    check(type)
  }

  @Test(
    "A product of reals errs by at most k roundings of |A|·|B|", arguments: scalarTypes,
    ProductShape.all)
  func rounding(type: any Scalar.Type, shape: ProductShape) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 2)
      let a = Matrix<Element>.normal(shape.rows, shape.depth, using: &generator)
      let b = Matrix<Element>.normal(shape.depth, shape.columns, using: &generator)
      let scale = Naive.largest(Naive.product(Naive.magnitudes(a), Naive.magnitudes(b)))
      expectClose(
        Matrix(product: a.view, b.view), Naive.product(a, b),
        bound: .backward(order: shape.depth, scale: scale))
    }
    check(type)
  }

  @Test(
    "set and add change their region only, and scale what they put there",
    arguments: scalarTypes,
    [
      ProductShape(0, 3, 2), .init(1, 4, 1), .init(1, 130, 70), .init(1, 3, 4099), .init(2, 3, 0),
      .init(3, 0, 2), .init(5, 70, 9), .init(15, 131, 1025), .init(16, 3, 17), .init(70, 2, 1),
      .init(200, 131, 160), .init(1025, 2, 20),
    ])
  func regions(type: any Scalar.Type, shape: ProductShape) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 3)
      let a = Matrix<Element>.smallIntegers(shape.rows, shape.depth, using: &generator)
      let b = Matrix<Element>.smallIntegers(shape.depth, shape.columns, using: &generator)
      let before = Matrix<Element>.smallIntegers(
        shape.rows + 3, shape.columns + 6, using: &generator)
      let product = Naive.product(a, b)
      for (isLeftTransposed, isRightTransposed) in [(false, false), (false, true), (true, false)] {
        let left = a.embedded(transposed: isLeftTransposed)
        let right = b.embedded(transposed: isRightTransposed)
        var added = before
        added.add(product: left, right, scale: -2, firstRow: 2, firstColumn: 5)
        var replaced = before
        replaced.set(product: left, right, scale: -2, firstRow: 2, firstColumn: 5)
        var expectedSum = Naive.double(before)
        var expectedValue = Naive.double(before)
        for row in 0..<shape.rows {
          for column in 0..<shape.columns {
            expectedSum[row + 2, column + 5] += -2 * product[row, column]
            expectedValue[row + 2, column + 5] = -2 * product[row, column]
          }
        }
        expectClose(added, expectedSum, bound: .exact, "add")
        expectClose(replaced, expectedValue, bound: .exact, "set")
      }
    }
    check(type)
  }

  @Test(
    "set overwrites NaN", arguments: scalarTypes,
    [
      ProductShape(1, 5, 7), .init(1, 200, 70), .init(9, 5, 1), .init(4, 300, 40), .init(20, 5, 30),
      .init(3, 0, 2),
    ])
  func overwritesNaN(type: any Scalar.Type, shape: ProductShape) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 4)
      let a = Matrix<Element>.smallIntegers(shape.rows, shape.depth, using: &generator)
      let b = Matrix<Element>.smallIntegers(shape.depth, shape.columns, using: &generator)
      for right in [b.view, Naive.transpose(b).transposed] {
        var result = Matrix<Element>(repeating: .nan, rows: shape.rows, columns: shape.columns)
        result.set(product: a.view, right)
        expectClose(result, Naive.product(a, b), bound: .exact)
      }
    }
    check(type)
  }

  @Test("A product does not depend on the number of threads, to the last bit")
  func threadInvariance() async {
    // In a process of its own, because the number of threads is shared by the whole process.
    await #expect(processExitsWith: .success) {
      try Self.requireThreadInvariance(Float.self)
      try Self.requireThreadInvariance(Double.self)
    }
  }

  private static func requireThreadInvariance<Element: Scalar>(_: Element.Type) throws {
    for shape in ProductShape.all {
      var generator = SeededGenerator(seed: 5)
      let a = Matrix<Element>.normal(shape.rows, shape.depth, using: &generator)
      let b = Matrix<Element>.normal(shape.depth, shape.columns, using: &generator)
      for right in [b.view, Naive.transpose(b).transposed] {
        Parallelism.threads = 1
        let expected = Matrix(product: a.view, right)
        for threads in 2...4 {
          Parallelism.threads = threads
          let isSame = Matrix(product: a.view, right) == expected
          try #require(isSame, "\(shape) with \(threads) threads")
        }
      }
    }
  }

  @Test("Factors that do not fit, or regions outside of the matrix, are refused")
  func shapeMismatch() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix(product: Matrix<Float>.zeros(2, 3).view, Matrix<Float>.zeros(4, 2).view)
    }
    await #expect(processExitsWith: .failure) {
      var result = Matrix<Double>.zeros(3, 3)
      result.set(
        product: Matrix<Double>.zeros(2, 2).view, Matrix<Double>.zeros(2, 2).view, firstRow: 2)
    }
    await #expect(processExitsWith: .failure) {
      var result = Matrix<Double>.zeros(3, 3)
      result.add(
        product: Matrix<Double>.zeros(2, 2).view, Matrix<Double>.zeros(2, 2).view, firstColumn: -1)
    }
  }
}
