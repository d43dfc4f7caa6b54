import LinearAlgebra
import TestSupport
import Testing

@Suite("Gram sums")
struct SymmetricAccumulatorTests {
  /// Around the tile border of 64, several tiles, and tiles of a quarter of the order.
  static let orders = [1, 2, 63, 64, 65, 129, 257, 300]

  @Test(
    "A·Aᵀ of integers is exact, from rows or columns, whole or strided",
    arguments: scalarTypes, orders)
  func exact(type: any Scalar.Type, order: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 81)
      for depth in [0, 1, 50] {
        let a = Matrix<Element>.smallIntegers(order, depth, using: &generator)
        let expected = Naive.product(a, Naive.transpose(a))
        for view in [a.view, Naive.transpose(a).transposed, a.embedded()] {
          var sum = SymmetricAccumulator(order: order)
          sum.add(gramOf: view)
          expectClose(sum.matrix(), expected, bound: .exact)
        }
      }
    }
    check(type)
  }

  @Test("Sums of several matrices add up, of either precision", arguments: [1, 64, 130])
  func severalParts(order: Int) {
    var generator = SeededGenerator(seed: 82)
    let a = Matrix<Float>.smallIntegers(order, 40, using: &generator)
    let b = Matrix<Double>.smallIntegers(order, 7, using: &generator)
    var sum = SymmetricAccumulator(order: order)
    #expect(sum.matrix() == .zeros(order, order))
    sum.add(gramOf: a.view)
    sum.add(gramOf: b.view)
    expectClose(
      sum.matrix(),
      Naive.sum(Naive.product(a, Naive.transpose(a)), Naive.product(b, Naive.transpose(b))),
      bound: .exact)
  }

  /// Columns past the depth of one panel (2048), so that several panels are summed.
  @Test(
    "A sum over many columns errs by a panel's rounding, not the whole sum's",
    arguments: [2047, 2048, 2049, 20_000])
  func panels(depth: Int) {
    var generator = SeededGenerator(seed: 83)
    let a = Matrix<Float>.uniform(5, depth, in: 0.5..<1.5, using: &generator)
    var sum = SymmetricAccumulator(order: 5)
    sum.add(gramOf: a.view)
    let found = sum.matrix()
    #expect(found == Naive.transpose(found))
    // All terms are positive, so a sum in single precision would drift by n · ulp of the total. A
    // panel's error is relative to the panel, and panels' errors add up to that fraction of the sum:
    // 2048 · ulp however many panels there are.
    expectClose(
      found, Naive.product(a, Naive.transpose(a)),
      bound: .backward(order: min(depth, 2048), in: Float.self))
  }

  @Test("Panels of Float are added in Double: what Float would lose stays")
  func smallAfterLarge() {
    // 2²⁵ from the first panel, then 1 from each of 100 further panels: Float would stay at 2²⁵.
    var elements = [Float](repeating: 0, count: 101 * 2048)
    elements[0] = 0x1.6A09E6p12
    for panel in 1...100 { elements[panel * 2048] = 1 }
    var sum = SymmetricAccumulator(order: 1)
    sum.add(gramOf: Matrix(rows: 1, columns: elements.count, elements: elements).view)
    #expect(sum.matrix()[0, 0] == Double(elements[0] * elements[0]) + 100)
  }

  @Test("The sum is exactly symmetric", arguments: scalarTypes, [65, 300])
  func symmetric(type: any Scalar.Type, order: Int) {
    func check<Element: Scalar>(_: Element.Type) {
      var generator = SeededGenerator(seed: 84)
      let a = Matrix<Element>.normal(order, 33, using: &generator)
      var sum = SymmetricAccumulator(order: order)
      sum.add(gramOf: a.view)
      let found = sum.matrix()
      #expect(found == Naive.transpose(found))
      expectClose(
        found, Naive.product(a, Naive.transpose(a)), bound: .backward(order: 33, in: Element.self))
    }
    check(type)
  }

  @Test(
    "The lower triangle, shifted and scaled, is that of the whole, with zeros above",
    arguments: orders)
  func lowerTriangle(order: Int) {
    var generator = SeededGenerator(seed: 86)
    let a = Matrix<Float>.smallIntegers(order, 12, using: &generator)
    var sum = SymmetricAccumulator(order: order)
    sum.add(gramOf: a.view)
    let whole = sum.matrix()
    let triangle: Matrix<Float> = sum.lowerTriangle(shiftedBy: 3, scaledBy: 0.25)
    for row in 0..<order {
      for column in 0..<order {
        let expected =
          row < column ? 0 : (whole[row, column] + (row == column ? 3 : 0)) / 4
        #expect(Double(triangle[row, column]) == expected)
      }
    }
    #expect(sum.diagonal == whole.diagonal)
  }

  @Test("Order 0 sums to nothing")
  func orderZero() {
    var sum = SymmetricAccumulator(order: 0)
    sum.add(gramOf: Matrix<Float>.zeros(0, 3).view)
    #expect(sum.matrix() == .zeros(0, 0))
  }

  @Test("A sum does not depend on the number of threads, to the last bit")
  func threadInvariance() async {
    await #expect(processExitsWith: .success) {
      var generator = SeededGenerator(seed: 85)
      let a = Matrix<Float>.normal(300, 2500, using: &generator)
      func gram(threads: Int) -> Matrix<Double> {
        Parallelism.threads = threads
        var sum = SymmetricAccumulator(order: 300)
        sum.add(gramOf: a.view)
        return sum.matrix()
      }
      try #require(gram(threads: 1) == gram(threads: 2))
      try #require(gram(threads: 1) == gram(threads: 5))
    }
  }

  @Test("A matrix of another number of rows is refused")
  func refusal() async {
    await #expect(processExitsWith: .failure) {
      var sum = SymmetricAccumulator(order: 3)
      sum.add(gramOf: Matrix<Float>.zeros(2, 3).view)
    }
  }
}
