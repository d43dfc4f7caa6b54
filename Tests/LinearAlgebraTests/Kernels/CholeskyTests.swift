import LinearAlgebra
import TestSupport
import Testing

@Suite("Cholesky")
struct CholeskyTests {
  /// Around the block sizes of LAPACK's recursive and blocked variants.
  static let orders = [1, 2, 3, 16, 31, 64, 65, 130]
  static let condition = 100.0

  /// A positive definite matrix with eigenvalues from 1 down to 1 / κ.
  private static func positiveDefinite<Element: Scalar>(
    _ order: Int, seed: UInt64 = 31
  ) -> Matrix<Element> {
    var generator = SeededGenerator(seed: seed)
    let values = (0..<order).map {
      1 / (1 + (condition - 1) * Double($0) / Double(max(order - 1, 1)))
    }
    return .withSpectrum(values, using: &generator)
  }

  /// L, without what stands above the diagonal.
  private static func lowerTriangle<Element>(_ matrix: Matrix<Element>) -> Matrix<Element> {
    var lower = matrix
    for row in 0..<matrix.rows {
      for column in row + 1..<max(matrix.columns, row + 1) { lower[row, column] = 0 }
    }
    return lower
  }

  @Test("L·Lᵀ reproduces A", arguments: scalarTypes, orders)
  func reproduces(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.positiveDefinite(order)
      let cholesky = try Cholesky(factoring: a)
      let l = Self.lowerTriangle(cholesky.factor)
      #expect(cholesky.order == order)
      // |A − L·Lᵀ| ≤ (n + 1)·u·max aᵢᵢ (Higham, theorem 10.3).
      expectClose(
        Naive.product(l, Naive.transpose(l)), a,
        bound: .backward(order: order + 1, in: Element.self))
      expectClose(
        l, try #require(Naive.cholesky(a)),
        bound: .backward(order: order, condition: Self.condition))
    }
    try check(type)
  }

  /// B·Bᵀ + order · 1, of normal numbers.
  private static func shifted<Element: Scalar>(_ order: Int) -> Matrix<Element> {
    var generator = SeededGenerator(seed: 36)
    let b = Matrix<Element>.normal(order, 40, using: &generator)
    var a = Matrix(product: b.view, b.view.transposed)
    a.addToDiagonal(Element(order))
    return a
  }

  @Test(
    "L·Lᵀ reproduces A where there are several panels and pieces of them",
    arguments: scalarTypes, [255, 256, 257, 512, 640, 641, 1100])
  func panels(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.shifted(order)
      let l = Self.lowerTriangle(try Cholesky(factoring: a).factor)
      let exact = Matrix<Double>(converting: l)
      expectClose(
        Matrix<Element>(
          converting: Matrix(product: exact.view, exact.view.transposed)), a,
        bound: .backward(order: order + 2, scale: Naive.largest(a), in: Element.self))
    }
    try check(type)
  }

  @Test("A factor does not depend on the number of threads, to the last bit")
  func threadInvariance() async {
    await #expect(processExitsWith: .success) {
      let a: Matrix<Float> = CholeskyTests.shifted(900)
      func factor(threads: Int) throws -> [Float] {
        Parallelism.threads = threads
        return try Cholesky(factoring: a).factor.elements
      }
      let one = try factor(threads: 1)
      try #require(try factor(threads: 2) == one)
      try #require(try factor(threads: 5) == one)
    }
  }

  @Test(
    "The leading minor that is not positive is counted from the first row, in any panel",
    arguments: scalarTypes, [0, 255, 256, 300, 699])
  func leadingMinor(type: any Scalar.Type, row: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var a: Matrix<Element> = Self.shifted(700)
      a[row, row] = -1
      #expect(throws: FactorizationError.notPositiveDefinite(leadingMinor: row + 1, order: 700)) {
        try Cholesky(factoring: a)
      }
    }
    check(type)
  }

  @Test("Only the lower triangle is read", arguments: scalarTypes)
  func lowerOnly(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.positiveDefinite(70)
      var half = a
      for row in 0..<70 { for column in row + 1..<70 { half[row, column] = .nan } }
      expectClose(
        Self.lowerTriangle(try Cholesky(factoring: half).factor),
        Self.lowerTriangle(try Cholesky(factoring: a).factor),
        bound: .backward(order: 70, condition: Self.condition))
    }
    try check(type)
  }

  @Test(
    "Solutions leave a residual of rounding size, for one row and for many",
    arguments: scalarTypes, orders)
  func solves(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.positiveDefinite(order)
      var generator = SeededGenerator(seed: 32)
      // Around the least number of rows that is shared among threads, and the largest piece.
      for count in [1, 2, 3, 4, 5, 17, 513] {
        let rows = Matrix<Element>.normal(count, order, using: &generator)
        let solution = try Cholesky(factoring: a).solution(rows: rows)
        // |x − y·A| ≤ (3n + 1)·u·|y|·|L|·|Lᵀ| (Higham, theorem 10.4).
        expectClose(
          Naive.product(solution, a), rows,
          bound: .backward(
            order: 3 * order + 1, scale: Double(order) * Naive.largest(solution) * Naive.largest(a),
            in: Element.self))
      }
    }
    try check(type)
  }

  @Test("A row's solution does not depend on the rows beside it", arguments: scalarTypes, orders)
  func rowByRow(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let cholesky = try Cholesky<Element>(factoring: Self.positiveDefinite(order))
      var generator = SeededGenerator(seed: 33)
      let rows = Matrix<Element>.normal(9, order, using: &generator)
      let together = cholesky.solution(rows: rows)
      for row in 0..<9 {
        let alone = cholesky.solution(
          rows: Matrix(rows: 1, columns: order, elements: Array(rows[row: row])))
        expectClose(
          alone.elements, Array(together[row: row]),
          bound: .backward(order: order, condition: Self.condition))
      }
    }
    try check(type)
  }

  @Test("A whitened row's squared norm is x·A⁻¹·xᵀ", arguments: scalarTypes, orders)
  func whitens(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.positiveDefinite(order)
      var generator = SeededGenerator(seed: 34)
      for count in [1, 6] {
        let rows = Matrix<Element>.normal(count, order, using: &generator)
        var whitened = rows
        try Cholesky(factoring: a).whiten(rows: &whitened)
        let inverse = try #require(Naive.inverse(a))
        let expected = Naive.product(Naive.product(rows, inverse), Naive.transpose(rows)).diagonal
        expectClose(
          Naive.rowNorms(whitened).map { $0 * $0 }, expected,
          bound: .backward(order: order, condition: Self.condition, in: Element.self))
      }
    }
    try check(type)
  }

  @Test("The diagonal of the inverse", arguments: scalarTypes, orders)
  func inverseDiagonal(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.positiveDefinite(order)
      expectClose(
        try Cholesky(factoring: a).inverseDiagonal(), try #require(Naive.inverse(a)).diagonal,
        bound: .backward(order: order, condition: Self.condition))
    }
    try check(type)
  }

  @Test(
    "The first leading minor that is not positive is named", arguments: scalarTypes,
    [0, 1, 40, 63, 64, 129])
  func notPositiveDefinite(type: any Scalar.Type, index: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var a: Matrix<Element> = Self.positiveDefinite(130)
      a[index, index] = -a[index, index]
      #expect(throws: FactorizationError.notPositiveDefinite(leadingMinor: index + 1, order: 130)) {
        try Cholesky(factoring: a)
      }
    }
    check(type)
  }

  @Test("Zero is not positive", arguments: scalarTypes)
  func zero(type: any Scalar.Type) {
    func check<Element: Scalar>(_: Element.Type) {
      #expect(throws: FactorizationError.notPositiveDefinite(leadingMinor: 1, order: 3)) {
        try Cholesky(factoring: Matrix<Element>.zeros(3, 3))
      }
    }
    check(type)
  }

  @Test(
    "NaN and infinity are found wherever they are in the lower triangle",
    arguments: scalarTypes, [(0, 0), (2, 0), (2, 1), (2, 2), (69, 3), (69, 69)])
  func notFinite(type: any Scalar.Type, place: (Int, Int)) {
    func check<Element: Scalar>(_: Element.Type) {
      for order in [3, 70] where place.0 < order {
        for value in [Element.nan, .infinity, -.infinity] {
          var a = Matrix<Element>.identity(order)
          a[place.0, place.1] = value
          a[place.1, place.0] = value
          #expect(throws: FactorizationError.notFinite(order: order), "\(value)") {
            try Cholesky(factoring: a)
          }
        }
      }
    }
    check(type)
  }

  @Test("A matrix whose factor overflows is not positive definite")
  func overflow() {
    // L₃₁ = 10³⁰ / 10⁻¹⁵ overflows, and L₃₂ and the last pivot become NaN.
    let a = Matrix<Float>(rows: 3, columns: 3, elements: [1e-30, 0, 1e30, 0, 1, 0, 1e30, 0, 1])
    #expect(throws: FactorizationError.notPositiveDefinite(leadingMinor: 3, order: 3)) {
      try Cholesky(factoring: a)
    }
  }

  @Test("Order 0 has an empty answer to everything", arguments: scalarTypes)
  func orderZero(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let cholesky = try Cholesky(factoring: Matrix<Element>.zeros(0, 0))
      #expect(cholesky.order == 0)
      #expect(cholesky.solution(rows: .zeros(3, 0)) == .zeros(3, 0))
      #expect(try cholesky.inverseDiagonal().isEmpty)
      let one = try Cholesky(factoring: Matrix<Element>.identity(1))
      #expect(one.solution(rows: .zeros(0, 1)) == .zeros(0, 1))
    }
    try check(type)
  }

  @Test("Order 1 divides", arguments: scalarTypes)
  func orderOne(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let cholesky = try Cholesky(factoring: Matrix<Element>(repeating: 4, rows: 1, columns: 1))
      #expect(cholesky.factor.elements == [2])
      let rows = Matrix<Element>(rows: 2, columns: 1, elements: [8, -2])
      #expect(cholesky.solution(rows: rows).elements == [2, -0.5])
      #expect(try cholesky.inverseDiagonal() == [0.25])
    }
    try check(type)
  }

  @Test("Matrices that are not square, and right-hand sides that do not fit, are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      _ = try Cholesky(factoring: Matrix<Double>.zeros(2, 3))
    }
    await #expect(processExitsWith: .failure) {
      _ = try Cholesky(factoring: Matrix<Double>.identity(2)).solution(rows: .zeros(2, 3))
    }
  }
}
