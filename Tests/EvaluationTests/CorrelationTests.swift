import LinearAlgebra
import Testing

import Evaluation

@Suite("Correlations")
struct CorrelationTests {
  @Test("Pearson equals its textbook sum over pairs", arguments: [2, 3, 10, 57])
  func pearsonByPairs(count: Int) throws {
    var generator = SeededGenerator(seed: 11)
    let x = normals(count, &generator)
    let y = zip(x, normals(count, &generator)).map { 0.5 * $0 + $1 }
    let r = try Correlation.pearson(x, y)
    #expect(abs(r - naivePearson(x, y)) <= correlationBound(count))
  }

  @Test(
    "Spearman equals Pearson of ranks found by counting, with and without ties",
    arguments: [2, 9, 40])
  func spearmanByCounting(count: Int) throws {
    var generator = SeededGenerator(seed: 12)
    for levels in [3, 1000] {
      // The first two values differ, so that no list is constant.
      let x = [0, 1] + (2..<count).map { _ in Double(generator.index(below: levels)) }
      let y = [5, 2] + (2..<count).map { _ in Double(generator.index(below: levels)) }
      let rho = try Correlation.spearman(x, y)
      #expect(abs(rho - naivePearson(naiveRanks(x), naiveRanks(y))) <= correlationBound(count))
    }
  }

  @Test("Pearson keeps its value under x → ax + b and changes sign with a < 0")
  func pearsonAffine() throws {
    var generator = SeededGenerator(seed: 13)
    let x = normals(50, &generator)
    let y = zip(x, normals(50, &generator)).map { $0 - 2 * $1 }
    let r = try Correlation.pearson(x, y)
    // A power of two and no offset lose nothing; the offset 8 rounds x to 2⁻⁵⁰ of its spread.
    #expect(try Correlation.pearson(x.map { 0.25 * $0 }, y) == r)
    #expect(abs(try Correlation.pearson(x.map { 3 * $0 + 8 }, y) - r) <= 8 * correlationBound(50))
    #expect(abs(try Correlation.pearson(x.map { -3 * $0 }, y) + r) <= correlationBound(50))
  }

  @Test("Spearman keeps its value exactly under an increasing function")
  func spearmanMonotone() throws {
    var generator = SeededGenerator(seed: 14)
    let x = normals(50, &generator)
    let y = normals(50, &generator)
    let rho = try Correlation.spearman(x, y)
    #expect(try Correlation.spearman(x.map { $0 * $0 * $0 }, y) == rho)
    #expect(try Correlation.spearman(y, x) == rho)
    #expect(abs(try Correlation.spearman(x.map { -$0 }, y) + rho) <= correlationBound(50))
  }

  @Test("Two points lie on a line, rising or falling")
  func twoPoints() throws {
    #expect(abs(try Correlation.pearson([1, 2], [10, 30]) - 1) <= correlationBound(2))
    #expect(abs(try Correlation.spearman([1, 2], [10, -30]) + 1) <= correlationBound(2))
  }

  @Test(
    "No magnitude overflows, underflows or swamps the spread",
    arguments: [0x1p-1070, 0x1p-600, 0x1p1000])
  func magnitudes(scale: Double) throws {
    let x = [1.0, 2, 4, 3].map { $0 * scale }
    let y = [1.0, 3, 2, 4]
    let expected = naivePearson(x.map { $0 / scale }, y)
    #expect(abs(try Correlation.pearson(x, y) - expected) <= correlationBound(4))
    let neighbours = [1, 1 + 0x1p-52]
    #expect(abs(try Correlation.pearson(neighbours, [1, 2]) - 1) <= correlationBound(2))
    // 2³⁰ as an offset leaves these values exact.
    let raised = [1.0, 2, 4, 3].map { $0 + 0x1p30 }
    #expect(abs(try Correlation.pearson(raised, y) - expected) <= correlationBound(4))
  }

  @Test("What has no correlation says why")
  func errors() {
    #expect(throws: EvaluationError.differentLengths(2, 3)) {
      try Correlation.pearson([1, 2], [1, 2, 3])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 2)) {
      try Correlation.spearman([], [])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try Correlation.pearson([1], [1])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 1)) {
      try Correlation.spearman([1, .nan], [1, 2])
    }
    #expect(throws: EvaluationError.notFinite(.second, index: 2)) {
      try Correlation.pearson([1, 2, 3], [1, 2, -.infinity])
    }
    #expect(throws: EvaluationError.constant(.first)) {
      try Correlation.pearson([0.1, 0.1, 0.1], [1, 2, 3])
    }
    #expect(throws: EvaluationError.constant(.second)) {
      try Correlation.spearman([1, 2, 3], [0.0, -0.0, 0.0])
    }
  }
}
