import LinearAlgebra
import TestSupport
import Testing

import Evaluation

@Suite("Confidence intervals")
struct IntervalTests {
  @Test("Closed forms of Student's distribution: Cauchy for 1, algebraic for 2 degrees of freedom")
  func closedForms() {
    for t in [0.0, 0.1, 1, 12.7, 1e5, 1e9] {
      let one = StudentDistribution(degreesOfFreedom: 1).upperTail(t)
      // π/2 − atan t = atan(1/t), by hand for tails that keep their digits.
      #expect(abs(one - arctangent(1 / t) / .pi) <= 1e-13 * one, "t = \(t)")
      let two = StudentDistribution(degreesOfFreedom: 2).upperTail(t)
      // (1 − t/√(t² + 2))/2 = 1/(√(t² + 2)·(√(t² + 2) + t)).
      let root = (t * t + 2).squareRoot()
      #expect(abs(two - 1 / (root * (root + t))) <= 1e-13 * two, "t = \(t)")
      #expect(StudentDistribution(degreesOfFreedom: 2).upperTail(-t) == 1 - two)
    }
  }

  /// atan x for x > 0: halved by atan x = 2 atan(x/(1 + √(1 + x²))) until the series is short.
  private func arctangent(_ x: Double) -> Double {
    if x == .infinity { return .pi / 2 }
    var (x, factor) = (x, 1.0)
    while x > 1e-3 {
      x = x / (1 + (1 + x * x).squareRoot())
      factor *= 2
    }
    let square = x * x
    return factor * x * (1 - square * (1 / 3 - square * (1 / 5 - square / 7)))
  }

  @Test("The quantile undoes the tail", arguments: [1, 2.5, 7, 29, 1e4])
  func quantile(degrees: Double) {
    let distribution = StudentDistribution(degreesOfFreedom: degrees)
    for level in [1e-6, 0.5, 0.95, 0.999_999] {
      let tail = distribution.upperTail(distribution.centralQuantile(level))
      #expect(abs(tail - (1 - level) / 2) <= 1e-12 * tail)
    }
  }

  @Test("Student's interval by the formula, with the table's t for 4 degrees of freedom")
  func studentByHand() throws {
    let values = [1.0, 2, 4, 4, 9]
    // x̄ = 4, s² = (9 + 4 + 0 + 0 + 25)/4 = 9.5, t = 2.776 in every table.
    let interval = try MeanInterval.student(of: values)
    #expect(interval.estimate == 4 && interval.count == 5 && interval.level == 0.95)
    #expect(abs(interval.halfWidth - 2.776 * (9.5 / 5.0).squareRoot()) < 0.0005 * 1.4)
    let constant = try MeanInterval.student(of: [0.1, 0.1, 0.1])
    #expect(constant.estimate == 0.1 && constant.halfWidth == 0)
  }

  @Test("The percentile interval by its definition, with the same draws")
  func percentileByDefinition() throws {
    var generator = SeededGenerator(seed: 3)
    let sample = normals(11, &generator)
    var draws = SeededGenerator(seed: 77)
    var means = (0..<500).map { _ in
      (0..<11).reduce(0) { sum, _ in sum + sample[draws.index(below: 11)] } / 11
    }
    means.sort()
    // Type 7: place h = p·(B − 1), linear between neighbours; 0.05·499 = 24.95.
    let lower = means[24] + 0.95 * (means[25] - means[24])
    let upper = means[474] + 0.05 * (means[475] - means[474])
    let found = try Bootstrap(resamples: 500, level: 0.9, seed: 77).meanInterval(of: sample)
    expectClose([found.lower, found.upper], [lower, upper], bound: .absolute(1e-14))
    expectClose(found.estimate, sample.reduce(0, +) / 11, bound: .absolute(1e-15))
    let other = try Bootstrap(resamples: 500, level: 0.9, seed: 78).meanInterval(of: sample)
    #expect(other != found)
  }

  @Test("Over queries and seeds: a table of one direction's spread has that direction's interval")
  func tables() throws {
    var generator = SeededGenerator(seed: 5)
    let effects = normals(12, &generator)
    let byQuery = Matrix(rows: 12, columns: 4, elements: effects.flatMap { [$0, $0, $0, $0] })
    let bootstrap = Bootstrap(resamples: 400)
    let expected = try bootstrap.meanInterval(of: effects)
    #expect(try bootstrap.meanInterval(ofTable: byQuery, over: .queries) == expected)
    let seeds = try bootstrap.meanInterval(ofTable: byQuery, over: .seeds)
    #expect(seeds.halfWidth < 1e-15)
    // Queries are drawn from one stream and seeds from another: where seeds change nothing, the interval
    // of both has the width of the queries', up to the error of 400 draws, 3 · 0.12 of it.
    let both = try bootstrap.meanInterval(ofTable: byQuery, over: .queriesAndSeeds)
    #expect(abs(both.halfWidth / expected.halfWidth - 1) < 0.36)
    let turned = Matrix(byQuery.transposed)
    #expect(try bootstrap.meanInterval(ofTable: turned, over: .seeds) == expected)
  }

  /// Of 400 intervals the number that hold the truth is binomial: 4 standard deviations of
  /// √(p(1 − p)/400) around the p that theory gives.
  @Test("Intervals of 400 samples of 30 hold the true mean as often as they say")
  func coverage() throws {
    var generator = SeededGenerator(seed: 9)
    var (student, percentile) = (0, 0)
    for sample in 0..<400 {
      let values = normals(30, &generator).map { 2 + 3 * $0 }
      if try MeanInterval.student(of: values).contains(2) { student += 1 }
      let bootstrap = Bootstrap(resamples: 1000, seed: UInt64(sample))
      if try bootstrap.meanInterval(of: values).contains(2) { percentile += 1 }
    }
    func bound(_ p: Double) -> Double { 4 * (p * (1 - p) / 400).squareRoot() }
    #expect(abs(Double(student) / 400 - 0.95) < bound(0.95))
    // The percentile interval of a mean is about x̄ ± 1.96·√((n − 1)/n)·s/√n, which has less than the
    // 2.045 of Student's: P(|T₂₉| < 1.96·√(29/30)) = 0.936.
    let expected =
      1 - 2 * StudentDistribution(degreesOfFreedom: 29).upperTail(1.96 * (29.0 / 30).squareRoot())
    #expect(abs(expected - 0.936) < 0.001)
    #expect(abs(Double(percentile) / 400 - expected) < bound(expected))
  }

  @Test("Medians, constants and other statistics")
  func statistics() throws {
    for method in Bootstrap.Method.allCases {
      let bootstrap = Bootstrap(resamples: 200, method: method)
      let constant = try bootstrap.meanInterval(of: [0.3, 0.3, 0.3])
      #expect(constant.lower == 0.3 && constant.upper == 0.3 && constant.estimate == 0.3)
      let median = try bootstrap.interval(of: [5, 1, 100, 3]) { Statistics.median($0) ?? .nan }
      #expect(median.estimate == 4 && median.lower >= 1 && median.upper <= 100)
      let largest = try bootstrap.interval(resampling: 5) { Double($0.max() ?? 0) }
      #expect(largest.estimate == 4 && largest.upper == 4)
    }
  }

  @Test("What has no interval says why")
  func errors() {
    let bootstrap = Bootstrap(resamples: 10)
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 2)) {
      try bootstrap.meanInterval(of: [])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try MeanInterval.student(of: [1])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 1)) {
      try bootstrap.meanInterval(of: [1, .nan])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 0)) {
      try MeanInterval.student(of: [.infinity, 1])
    }
    #expect(throws: EvaluationError.levelOutOfRange(1)) {
      try Bootstrap(level: 1).meanInterval(of: [1, 2])
    }
    #expect(throws: EvaluationError.levelOutOfRange(95)) {
      try MeanInterval.student(of: [1, 2], level: 95)
    }
    #expect(throws: EvaluationError.statisticNotFinite(resample: nil)) {
      try bootstrap.interval(resampling: 3) { _ in .nan }
    }
    // Once a resample lacks row 0, this statistic is 1/0.
    #expect(throws: EvaluationError.statisticNotFinite(resample: 0)) {
      try Bootstrap(resamples: 10, seed: Self.seedWithoutRow0).interval(resampling: 3) {
        1 / Double($0.count { $0 == 0 })
      }
    }
    #expect(throws: EvaluationError.notFiniteScore(.first, row: 1, column: 0)) {
      try bootstrap.meanInterval(
        ofTable: Matrix(rows: 2, columns: 1, elements: [1, .nan]), over: .queries)
    }
  }

  /// A seed whose first three draws of 0 ..< 3 lack 0.
  private static let seedWithoutRow0: UInt64 = {
    var seed: UInt64 = 0
    while true {
      var generator = SeededGenerator(seed: seed)
      if (0..<3).allSatisfy({ _ in generator.index(below: 3) != 0 }) { return seed }
      seed += 1
    }
  }()
}
