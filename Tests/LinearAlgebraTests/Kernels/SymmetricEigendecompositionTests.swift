import LinearAlgebra
import TestSupport
import Testing

@Suite("Symmetric eigendecomposition")
struct SymmetricEigendecompositionTests {
  /// Around 25, where LAPACK's divide and conquer takes over, and around its block sizes.
  static let orders = [1, 2, 3, 24, 25, 26, 64, 65, 130]

  /// Positive, negative, repeated and zero eigenvalues, ascending.
  private static func spectrum(_ order: Int) -> [Double] {
    (0..<order).map { index in
      switch index % 4 {
      case 0: -2
      case 1: 0
      case 2: 1 + Double(index) / Double(order)
      default: 1 / Double(index)
      }
    }.sorted()
  }

  @Test(
    "Σ λⱼ·uⱼ·uⱼᵀ reproduces A, with orthonormal uⱼ and the chosen λⱼ, ascending",
    arguments: scalarTypes, orders)
  func reproduces(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      var generator = SeededGenerator(seed: 41)
      let expected = Self.spectrum(order)
      let a = Matrix<Element>.withSpectrum(expected, using: &generator)
      let eigen = try SymmetricEigendecomposition(decomposing: a)
      #expect(eigen.order == order)
      #expect(eigen.values == eigen.values.sorted())
      let bound = Bound.backward(order: order, scale: 2, in: Element.self)
      expectClose(eigen.values, expected, bound: bound)
      var scaled = eigen.vectors
      scaled.scaleRows(by: eigen.values)
      let columns = Naive.transpose(eigen.vectors)
      expectClose(Naive.product(columns, scaled), a, bound: bound, "reconstruction")
      expectClose(
        Naive.product(eigen.vectors, columns), Matrix<Double>.identity(order),
        bound: .backward(order: order, in: Element.self), "orthonormality")
    }
    try check(type)
  }

  @Test(
    "Eigenvalues and the projector on a group of them agree with Jacobi's", arguments: scalarTypes,
    [1, 2, 3, 12, 30])
  func reference(type: any Scalar.Type, order: Int) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      var generator = SeededGenerator(seed: 42)
      let a = Matrix<Element>.withSpectrum(Self.spectrum(order), using: &generator)
      let eigen = try SymmetricEigendecomposition(decomposing: a)
      let (values, _) = Naive.eigendecomposition(a)
      expectClose(eigen.values, values, bound: .backward(order: order, scale: 2))
      // Single eigenvectors of a repeated eigenvalue mean nothing; their span does. The gap between
      // −2 and the rest is 2, as large as the matrix, so that the projector's condition is 1.
      let count = values.count { $0 < -1 }
      let group = Matrix(eigen.vectors.view[rows: 0..<count])
      let expected = Naive.function(of: a) { $0 < -1 ? 1 : 0 }
      expectClose(
        Naive.product(Naive.transpose(group), group), expected,
        bound: .backward(order: order, in: Element.self))
    }
    try check(type)
  }

  @Test("Only the lower triangle is read", arguments: scalarTypes)
  func lowerOnly(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      var generator = SeededGenerator(seed: 43)
      let a = Matrix<Element>.withSpectrum(Self.spectrum(40), using: &generator)
      var half = a
      for row in 0..<40 { for column in row + 1..<40 { half[row, column] = .nan } }
      let eigen = try SymmetricEigendecomposition(decomposing: half)
      var scaled = eigen.vectors
      scaled.scaleRows(by: eigen.values)
      expectClose(
        Naive.product(Naive.transpose(eigen.vectors), scaled), a,
        bound: .backward(order: 40, scale: 2, in: Element.self))
    }
    try check(type)
  }

  @Test("Orders 0 and 1", arguments: scalarTypes)
  func smallest(type: any Scalar.Type) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let none = try SymmetricEigendecomposition(decomposing: Matrix<Element>.zeros(0, 0))
      #expect(none.values.isEmpty)
      let one = try SymmetricEigendecomposition(
        decomposing: Matrix<Element>(repeating: -3, rows: 1, columns: 1))
      #expect(one.values == [-3])
      #expect(one.vectors.elements.map(\.magnitude) == [1])
    }
    try check(type)
  }

  @Test("NaN and infinity are refused", arguments: scalarTypes)
  func notFinite(type: any Scalar.Type) {
    func check<Element: Scalar>(_: Element.Type) {
      for value in [Element.nan, .infinity] {
        var a = Matrix<Element>.identity(4)
        a[3, 1] = value
        #expect(throws: FactorizationError.notFinite(order: 4)) {
          try SymmetricEigendecomposition(decomposing: a)
        }
      }
    }
    check(type)
  }

  // The guard itself would take a matrix of 4 GB to reach; the limit is arithmetic.
  @Test("The largest order is the last whose workspace of 2n² + 6n + 1 fits 32 bits")
  func largestOrder() {
    func workspace(_ order: Int) -> Int { 2 * order * order + 6 * order + 1 }
    let limit = SymmetricEigendecomposition<Double>.largestOrder
    #expect(workspace(limit) <= Int(Int32.max))
    #expect(workspace(limit + 1) > Int(Int32.max))
    #expect(SymmetricEigendecomposition<Float>.largestOrder == limit)
  }

  @Test("A matrix that is not square is refused")
  func notSquare() async {
    await #expect(processExitsWith: .failure) {
      _ = try SymmetricEigendecomposition(decomposing: Matrix<Double>.zeros(2, 3))
    }
  }
}
