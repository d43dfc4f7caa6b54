import LinearAlgebra
import TestSupport
import Testing

@Suite("Random matrices by entry")
struct RandomProjectionTests {
  /// Known answers of Random123's `kat_vectors`.
  @Test("Philox gives the published words")
  func philox() {
    let zero = CounterGenerator(seed: 0).words(at: 0)
    #expect(zero == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = CounterGenerator(seed: .max, stream: .max).words(at: .max)
    #expect(ones == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let pi = CounterGenerator(seed: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e)
      .words(at: 0x85a3_08d3_243f_6a88)
    #expect(pi == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test(
    "Entries and rows alone are those of the whole", arguments: RandomMatrix.Distribution.allCases)
  func alone(distribution: RandomMatrix.Distribution) {
    let matrix = RandomMatrix(distribution, rows: 5, columns: 301, seed: 9, stream: 2)
    let whole = matrix.panel(columns: 0..<301, as: Double.self)
    for row in [0, 2, 4] {
      #expect(matrix.entries(ofRow: row, columns: 0..<301) == Array(whole[row: row]))
      #expect(
        matrix.entries(ofRow: row, columns: 127..<258)
          == Array(
            whole[row: row][
              (row * 301 + 127)..<(row * 301 + 258)]))
      for column in [0, 1, 64, 127, 128, 300] { #expect(matrix[row, column] == whole[row, column]) }
    }
    #expect(
      RandomMatrix(distribution, rows: 5, columns: 301, seed: 10, stream: 2)
        .panel(columns: 0..<301, as: Double.self) != whole)
    #expect(
      RandomMatrix(distribution, rows: 5, columns: 301, seed: 9, stream: 3)
        .panel(columns: 0..<301, as: Double.self) != whole)
  }

  // The mean of N = 10⁵ entries of variance 1/k deviates by √(1/(kN)); of their squares by √(2/N)/k (0 for
  // signs). Five deviations.
  @Test("Entries have mean 0 and variance 1/k", arguments: RandomMatrix.Distribution.allCases)
  func moments(distribution: RandomMatrix.Distribution) {
    let (k, d) = (50, 2000)
    let entries = RandomMatrix(distribution, rows: k, columns: d, seed: 1)
      .panel(columns: 0..<d, as: Double.self).elements
    let count = Double(entries.count)
    let mean = entries.reduce(0, +) / count
    let variance = entries.reduce(0) { $0 + $1 * $1 } / count
    #expect(abs(mean) < 5 / (Double(k) * count).squareRoot())
    #expect(abs(variance * Double(k) - 1) < 5 * (2 / count).squareRoot())
    if distribution == .rademacher {
      let size = 1 / Double(k).squareRoot()
      #expect(entries.allSatisfy { abs($0) == size })
    }
  }

  @Test("A column of a sparse matrix has one entry in each run of rows", arguments: [1, 3, 4, 7])
  func sparse(nonzeros: Int) {
    let matrix = SparseSignMatrix(rows: 20, columns: 400, nonzeros: nonzeros, seed: 3)
    var hits = [Int](repeating: 0, count: 20)
    var negative = 0
    for column in 0..<400 {
      let entries = matrix.entries(ofColumn: column)
      #expect(entries.count == nonzeros)
      for (run, entry) in entries.enumerated() {
        #expect((run * 20 / nonzeros..<(run + 1) * 20 / nonzeros).contains(entry.row))
        hits[entry.row] += 1
        if entry.isNegative { negative += 1 }
      }
    }
    // A count of N chances of one half deviates by √N/2; five deviations.
    let count = Double(400 * nonzeros)
    #expect(abs(Double(negative) - count / 2) < 2.5 * count.squareRoot())
    #expect(hits.allSatisfy { $0 > 0 })
  }

  @Test("Sparse products are those with the explicit matrix")
  func sparseProducts() {
    let matrix = SparseSignMatrix(rows: 12, columns: 90, nonzeros: 4, seed: 3)
    var explicit = Matrix<Double>.zeros(12, 90)
    for column in 0..<90 {
      for entry in matrix.entries(ofColumn: column) {
        explicit[entry.row, column] = entry.isNegative ? -0.5 : 0.5
      }
    }
    var generator = SeededGenerator(seed: 8)
    let numbers = Matrix<Float>.normal(19, 90, using: &generator)
    let expected = Naive.product(numbers, Naive.transpose(explicit))
    expectClose(
      matrix.products(of: numbers.view, firstColumn: 0).elements, expected.elements,
      bound: .absolute(90 * 5 * Double.ulpOfOne))
    let part = matrix.products(of: numbers.view[columns: 30..<90], firstColumn: 30)
    let rest = matrix.products(of: numbers.view[columns: 0..<30], firstColumn: 0)
    expectClose(
      zip(part.elements, rest.elements).map(+), expected.elements,
      bound: .absolute(90 * 5 * Double.ulpOfOne))
  }
}
