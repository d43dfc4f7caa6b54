import LinearAlgebra
import TestSupport
import Testing

@Suite("LDLᵀ of indefinite matrices")
struct LDLFactorizationTests {
  /// Around the block size of LAPACK's blocked variant.
  static let orders = [1, 2, 3, 10, 63, 64, 65, 130]

  /// Eigenvalues between 0.5 and 2 in magnitude, the first `negative` of them negative: κ ≤ 4.
  private static func indefinite<Element: Scalar>(
    _ order: Int, negative: Int
  ) -> Matrix<Element> {
    var generator = SeededGenerator(seed: UInt64(51 + negative))
    let values = (0..<order).map { index in
      let magnitude = 0.5 + 0.25 * Double(index % 7)
      return index < negative ? -magnitude : magnitude
    }
    return .withSpectrum(values, using: &generator)
  }

  /// A symmetric matrix of pairs ((0, b), (b, 0)), which has no pivot of order 1 anywhere; each pair
  /// has the eigenvalues ±b.
  private static func pairs<Element: Scalar>(_ count: Int) -> Matrix<Element> {
    var matrix = Matrix<Element>.zeros(2 * count, 2 * count)
    for pair in 0..<count {
      let value = Element(1 + pair % 3)
      matrix[2 * pair, 2 * pair + 1] = value
      matrix[2 * pair + 1, 2 * pair] = value
    }
    return matrix
  }

  @Test("The number of negative eigenvalues is the chosen one", arguments: scalarTypes, orders)
  func inertia(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      for negative in Set([0, 1, order / 2, order - 1, order]) {
        let a: Matrix<Element> = Self.indefinite(order, negative: negative)
        let factorization = try LDLFactorization(factoring: a)
        #expect(factorization.negativeEigenvalues == negative)
        #expect(factorization.order == order)
      }
    }
    try check(type)
  }

  @Test("Solutions agree with Gaussian elimination", arguments: scalarTypes, orders)
  func solves(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.indefinite(order, negative: order / 2)
      var generator = SeededGenerator(seed: 52)
      for count in [0, 1, 7] {
        let rows = Matrix<Element>.normal(count, order, using: &generator)
        var solution = rows
        try LDLFactorization(factoring: a).solve(rows: &solution)
        let expected = try #require(Naive.solve(a, Naive.transpose(rows)))
        expectClose(
          solution, Naive.transpose(expected), bound: .backward(order: order, condition: 4))
      }
    }
    try check(type)
  }

  @Test("Pivots of order 2", arguments: scalarTypes, [1, 2, 31, 33, 65])
  func pairPivots(type: any Scalar.Type, count: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.pairs(count)
      let factorization = try LDLFactorization(factoring: a)
      #expect(factorization.negativeEigenvalues == count)
      var generator = SeededGenerator(seed: 53)
      let rows = Matrix<Element>.smallIntegers(3, 2 * count, using: &generator)
      var solution = rows
      try factorization.solve(rows: &solution)
      expectClose(
        Naive.product(solution, a), rows, bound: .backward(order: 2, in: Element.self))
    }
    try check(type)
  }

  @Test(
    "Pivots of orders 1 and 2 together: a saddle-point matrix", arguments: scalarTypes,
    [1, 5, 40])
  func saddlePoint(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      // ((I, B), (Bᵀ, 0)) with B orthogonal has n positive and n negative eigenvalues, those of
      // ((1, 1), (1, 0)): (1 ± √5) / 2, so κ = 2.6.
      var generator = SeededGenerator(seed: 54)
      let b = Matrix<Element>.randomOrthogonal(order, using: &generator)
      // Zeros first, so that the factorization starts from either end with no pivot.
      for isZeroFirst in [false, true] {
        var a = Matrix<Element>.zeros(2 * order, 2 * order)
        let (one, zero) = isZeroFirst ? (order, 0) : (0, order)
        for row in 0..<order {
          a[one + row, one + row] = 1
          for column in 0..<order {
            a[one + row, zero + column] = b[row, column]
            a[zero + column, one + row] = b[row, column]
          }
        }
        let factorization = try LDLFactorization(factoring: a)
        #expect(factorization.negativeEigenvalues == order)
        let rows = Matrix<Element>.normal(2, 2 * order, using: &generator)
        var solution = rows
        try factorization.solve(rows: &solution)
        let expected = try #require(Naive.solve(a, Naive.transpose(rows)))
        expectClose(
          solution, Naive.transpose(expected), bound: .backward(order: 2 * order, condition: 3))
      }
    }
    try check(type)
  }

  @Test("Only the lower triangle is read", arguments: scalarTypes)
  func lowerOnly(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let a: Matrix<Element> = Self.indefinite(70, negative: 30)
      var half = a
      for row in 0..<70 { for column in row + 1..<70 { half[row, column] = .nan } }
      var generator = SeededGenerator(seed: 55)
      var expected = Matrix<Element>.normal(2, 70, using: &generator)
      var found = expected
      try LDLFactorization(factoring: a).solve(rows: &expected)
      try LDLFactorization(factoring: half).solve(rows: &found)
      expectClose(found, expected, bound: .backward(order: 70, condition: 4))
    }
    try check(type)
  }

  @Test("A singular matrix is named with its pivot", arguments: scalarTypes)
  func singular(type: any Scalar.Type) {
    func check<Element: Scalar>(_: Element.Type) {
      #expect {
        try LDLFactorization(factoring: Matrix<Element>.zeros(3, 3))
      } throws: { error in
        guard case FactorizationError.singular(_, order: 3) = error else { return false }
        return true
      }
      var a = Matrix<Element>.identity(5)
      a[3, 3] = 0
      #expect(throws: FactorizationError.singular(pivot: 4, order: 5)) {
        try LDLFactorization(factoring: a)
      }
    }
    check(type)
  }

  @Test(
    "NaN and infinity are refused, in the matrix and in right-hand sides",
    arguments: scalarTypes)
  func notFinite(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      for value in [Element.nan, .infinity] {
        var a = Matrix<Element>.identity(4)
        a[3, 1] = value
        #expect(throws: FactorizationError.notFinite(order: 4)) {
          try LDLFactorization(factoring: a)
        }
      }
      var rows = Matrix<Element>(repeating: .nan, rows: 1, columns: 4)
      let factorization = try LDLFactorization(factoring: Matrix<Element>.identity(4))
      #expect(throws: FactorizationError.notFinite(order: 4)) {
        try factorization.solve(rows: &rows)
      }
    }
    try check(type)
  }

  @Test("Order 0 has an empty answer", arguments: scalarTypes)
  func orderZero(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let factorization = try LDLFactorization(factoring: Matrix<Element>.zeros(0, 0))
      #expect(factorization.negativeEigenvalues == 0)
      var rows = Matrix<Element>.zeros(2, 0)
      try factorization.solve(rows: &rows)
    }
    try check(type)
  }

  @Test("Matrices that are not square, and right-hand sides that do not fit, are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      _ = try LDLFactorization(factoring: Matrix<Double>.zeros(2, 3))
    }
    await #expect(processExitsWith: .failure) {
      var rows = Matrix<Double>.zeros(2, 3)
      try LDLFactorization(factoring: Matrix<Double>.identity(2)).solve(rows: &rows)
    }
  }
}
