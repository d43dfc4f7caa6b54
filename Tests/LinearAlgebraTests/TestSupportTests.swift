import Foundation
import LinearAlgebra
import TestSupport
import Testing

/// What the other tests rely on.
@Suite("Test support")
struct TestSupportTests {
  @Test("expectClose passes within the bound and on equal infinities")
  func passes() {
    expectClose(1.0, 1.0, bound: .exact)
    expectClose([Double.infinity, -1], [.infinity, -1], bound: .exact)
    expectClose([1.0, 100], [1.5, 100], bound: .relative(0.005))
    expectClose(Float(1) + Float.ulpOfOne, 1.0, bound: .backward(order: 1))
    expectClose(1 + 5 * Double.ulpOfOne, 1.0, bound: .backward(order: 1, condition: 2))
    expectClose(1 + Double(Float.ulpOfOne), 1.0, bound: .backward(order: 1, in: Float.self))
    expectClose(1e-15, 0.0, bound: .backward(order: 2, scale: 1))
  }

  @Test("expectClose reports NaN, wrong shapes, and what is out of bound")
  func reports() {
    withKnownIssue("NaN") { expectClose(Double.nan, 1.0, bound: .absolute(.infinity)) }
    withKnownIssue("NaN twice") { expectClose([1, Double.nan], [1, Double.nan], bound: .exact) }
    withKnownIssue("unlike infinities") {
      expectClose(Double.infinity, -Double.infinity, bound: .absolute(1e300))
    }
    withKnownIssue("infinite") { expectClose(Double.infinity, 1.0, bound: .relative(1)) }
    withKnownIssue("too far") { expectClose([1.0, 100], [1.6, 100], bound: .relative(0.005)) }
    withKnownIssue("count") { expectClose([1.0], [1.0, 1.0], bound: .absolute(1)) }
    withKnownIssue("shape") {
      expectClose(Matrix<Double>.zeros(1, 2), Matrix<Double>.zeros(2, 1), bound: .exact)
    }
    withKnownIssue("ulps") {
      expectClose(1 + 5 * Double.ulpOfOne, 1.0, bound: .backward(order: 1))
    }
  }

  @Test("The report names the worst element and how far it is")
  func message() {
    withKnownIssue {
      expectClose(
        Matrix<Float>(rows: 2, columns: 2, elements: [1, 1, 3, 1]),
        Matrix<Double>(repeating: 1, rows: 2, columns: 2), bound: .absolute(0.5), "hint")
    } matching: { issue in
      let text = issue.comments.map(\.rawValue).joined()
      return [
        "hint", "element (1, 0) of 2 × 2", "3.0", "1.0 is expected", "4.0 times", "1 of 4",
      ].allSatisfy { text.contains($0) }
    }
  }

  @Test("Naive solve, inverse and Cholesky undo a product by hand")
  func naive() throws {
    let a = Matrix<Double>(rows: 2, columns: 2, elements: [4, 2, 2, 5])
    #expect(Naive.cholesky(a)?.elements == [2, 0, 1, 2])
    #expect(Naive.cholesky(Matrix<Double>(rows: 2, columns: 2, elements: [1, 2, 2, 1])) == nil)
    let inverse = try #require(Naive.inverse(a))
    expectClose(inverse.elements.map { $0 * 16 }, [5.0, -2, -2, 4], bound: .backward(order: 2))
    #expect(Naive.inverse(Matrix<Double>(repeating: 1, rows: 2, columns: 2)) == nil)
    // The first pivot is zero.
    let swap = Matrix<Double>(rows: 2, columns: 2, elements: [0, 1, 1, 0])
    #expect(Naive.inverse(swap) == swap)
    #expect(Naive.transpose(Matrix<Float>(rows: 1, columns: 2, elements: [1, 2])).rows == 2)
    expectClose(Naive.norm([3e200, 4e200]), 5e200, bound: .backward(order: 2))
    expectClose(Naive.norm([3e-200, 4e-200]), 5e-200, bound: .backward(order: 2))
    #expect(Naive.norm([Double]()) == 0)
  }

  @Test("Jacobi finds eigenvalues known in closed form", arguments: [1, 2, 5, 20])
  func jacobi(order: Int) {
    // The second difference matrix: 2 − 2·cos(π·j / (n + 1)).
    var a = Matrix<Double>.zeros(order, order)
    for index in 0..<order {
      a[index, index] = 2
      if index > 0 {
        a[index, index - 1] = -1
        a[index - 1, index] = -1
      }
    }
    let (values, vectors) = Naive.eigendecomposition(a)
    let expected = (1...order).map { 2 - 2 * cos(Double.pi * Double($0) / Double(order + 1)) }
    expectClose(values, expected, bound: .backward(order: order, scale: 4))
    expectClose(
      Naive.product(vectors, Naive.transpose(vectors)), Matrix<Double>.identity(order),
      bound: .backward(order: order))
    expectClose(
      Naive.function(of: a) { $0 * $0 }, Naive.product(a, a),
      bound: .backward(order: order, scale: 16))
  }

  @Test("Random matrices have the spectrum that was asked for", arguments: [0, 1, 2, 15])
  func spectra(order: Int) {
    var generator = SeededGenerator(seed: 111)
    let q = Matrix<Double>.randomOrthogonal(order, using: &generator)
    expectClose(
      Naive.product(q, Naive.transpose(q)), Matrix<Double>.identity(order),
      bound: .backward(order: order))
    let values = (0..<order).map { Double($0) - 3 }
    let a = Matrix<Double>.withSpectrum(values, using: &generator)
    #expect(a == Naive.transpose(a))
    expectClose(
      Naive.eigendecomposition(a).values, values, bound: .backward(order: order, scale: 12))
  }

  @Test("Gradient-like rows have the rank that was asked for, up to their noise")
  func lowRank() {
    var generator = SeededGenerator(seed: 112)
    let rows = Matrix<Double>.lowRankPlusNoise(
      rows: 12, columns: 40, rank: 3, noise: 1e-3, scale: 2, using: &generator)
    let values = Naive.eigendecomposition(Naive.product(rows, Naive.transpose(rows))).values
    // Noise of deviation 2·10⁻³ has singular values below 2·10⁻³·(√12 + √40) but by chance; the
    // shared part's are of the order of 2·√(12·40 / 3).
    #expect(values[8].squareRoot() < 2e-3 * 11)
    #expect(values[9].squareRoot() > 2)
  }

  @Test("An embedded view holds the matrix and nothing of its surroundings")
  func embedded() {
    let a = Matrix<Float>(rows: 2, columns: 3, elements: [1, 2, 3, 4, 5, 6])
    for isTransposed in [false, true] {
      let view = a.embedded(transposed: isTransposed, margin: 2)
      #expect(view.isTransposed == isTransposed)
      #expect(Naive.double(view) == Naive.double(a))
    }
  }

  @Test("A temporary directory goes away with its last holder")
  func temporaryDirectory() throws {
    func use() throws -> URL {
      let directory = try TemporaryDirectory()
      let file = try directory.write("text", to: "inner/file.txt")
      #expect(try String(contentsOf: file, encoding: .utf8) == "text")
      #expect(file.path.hasPrefix(directory.path))
      return withExtendedLifetime(directory) { directory.url }
    }
    let (first, second) = (try use(), try use())
    #expect(first != second)
    #expect(!FileManager.default.fileExists(atPath: first.path))
  }

  @Test("The package root holds the manifest; shared data is there or nil")
  func shared() throws {
    let root = try #require(SharedData.packageRoot)
    #expect(
      FileManager.default.fileExists(atPath: root.appendingPathComponent("Package.swift").path))
    #expect(SharedData.url("no such file") == nil)
    #expect(SharedData.has(".") == (SharedData.folder != nil))
    let directory = try TemporaryDirectory()
    let named = SharedData.folder(environment: [SharedData.variable: directory.path])
    #expect(named?.standardizedFileURL.path == directory.url.standardizedFileURL.path)
    #expect(
      SharedData.folder(environment: [SharedData.variable: directory.file("gone").path]) == nil)
  }
}
