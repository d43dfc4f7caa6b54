import Data
import Evaluation
import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Least disagree metric")
struct LeastDisagreeTests {
  /// A homogeneous rule of two classes on normal inputs, of which L is known.
  private struct LinearRule {
    let head: LinearHead
    let pool: Matrix<Double>
    let reference: Matrix<Double>

    /// - Parameter rows: 1 for one row of weights, 2 for two classes of their own.
    init(dimension: Int, pool: Int, reference: Int, rows: Int = 1, seed: UInt64 = 7) throws {
      var generator = SeededGenerator(seed: seed)
      var weights = Matrix<Double>.normal(1, dimension, using: &generator)
      let norm = weights.view.squaredRowNorms()[0].squareRoot()
      weights.scale(by: 1 / norm)
      if rows == 2 {
        weights = Matrix(
          rows: 2, columns: dimension,
          elements: weights.elements.map { -$0 / 2 } + weights.elements.map { $0 / 2 })
      }
      head = try LinearHead(weights: weights)
      self.pool = .normal(pool, dimension, using: &generator)
      self.reference = .normal(reference, dimension, using: &generator)
    }

    /// arcsin(|wᵀx|/(‖w‖‖x‖))/π.
    var exact: [Double] {
      let rows = head.weights.rows
      let weights = (0..<head.weights.columns).map { column in
        rows == 1 ? head.weights[0, column] : head.weights[1, column] - head.weights[0, column]
      }
      return (0..<pool.rows).map { row in
        let x = Array(pool[row: row])
        let product = zip(x, weights).reduce(0) { $0 + $1.0 * $1.1 }
        return asin(min(1, abs(product) / (Naive.norm(x) * Naive.norm(weights)))) / .pi
      }
    }
  }

  /// In two dimensions every change is a turn by some angle ψ, and ρ = |ψ|/π.
  ///
  /// *Error of ρ̂.* The reference's disagreement with a turn by ψ is the empirical distribution function of its points'
  /// angles to the boundary, one for each sense: by Dvoretzky, Kiefer, Wolfowitz and Massart it is off by more than
  /// ε = √(ln(2/δ)/(2s)) anywhere with a chance below δ, for each sense.
  ///
  /// *Gaps.* x flips for turns beyond its own angle. With σ = ‖w‖ = 1, the angle's density is everywhere on
  /// |ψ| ≤ π/2 at least e^(−½)/2π = 0.0965. With t draws a chance of e^(−0.0965·g·t) is left that none lies within g
  /// beyond x's angle; over m points, g = ln(m/δ)/(0.0965·t). Draws at σ = 1 are at least the patience.
  @Test("Two dimensions: within Monte Carlo error of arcsin(|wx|/|w||x|)/π", arguments: [1, 2])
  func converges(rows: Int) throws {
    let (points, references, patience, chance) = (50, 10_000, 1500, 1e-7)
    let rule = try LinearRule(dimension: 2, pool: points, reference: references, rows: rows)
    // Two rows' difference, of length 1, is changed by √2·σ.
    let deviation = rows == 1 ? 1 : 0.5.squareRoot()
    let metric = try LeastDisagreeMetric(
      head: rule.head, pool: rule.pool, reference: rule.reference,
      settings: LeastDisagreeSettings(
        deviations: [deviation / 10, deviation], patience: patience, seed: 2))
    let noise = (log(2 / chance) / (2 * Double(references))).squareRoot()
    let gap = log(Double(points) / chance) / (exp(-0.5) / (2 * .pi) * Double(patience)) / .pi
    #expect(noise < 0.03 && gap < 0.045)
    for (found, exact) in zip(metric.values, rule.exact) {
      // The metric is a least value: it can only be too large but for the noise of ρ̂.
      #expect(found >= exact - noise)
      #expect(found <= exact + noise + gap)
    }
  }

  @Test("Five dimensions, the paper's settings: ranks as the exact values do")
  func ranks() throws {
    let rule = try LinearRule(dimension: 5, pool: 200, reference: 2000)
    let metric = try LeastDisagreeMetric(
      head: rule.head, pool: rule.pool, reference: rule.reference)
    #expect(spearman(metric.values, rule.exact) > 0.95)
    let noise = (log(2e6) / 4000).squareRoot()
    for (found, exact) in zip(metric.values, rule.exact) {
      #expect(found <= 1 && found >= exact - 2 * noise)
    }
    #expect(metric.draws >= 51 * 10)
  }

  private func spearman(_ x: [Double], _ y: [Double]) -> Double {
    func ranks(_ values: [Double]) -> [Double] {
      values.map { value in
        Double(values.count { $0 < value }) + Double(values.count { $0 == value }) / 2
      }
    }
    func centred(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / Double(values.count)
      return values.map { $0 - mean }
    }
    let (a, b) = (centred(ranks(x)), centred(ranks(y)))
    return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / (Naive.norm(a) * Naive.norm(b))
  }

  /// The estimator as it is written down, one change at a time, by plain loops.
  @Test(
    "The batched estimator is the plain one, with bias and three classes", arguments: [true, false])
  func naive(hasReference: Bool) throws {
    var generator = SeededGenerator(seed: 12)
    let head = try LinearHead(
      weights: .normal(3, 4, using: &generator), bias: [0.1, -0.3, 0.2])
    let pool = Matrix<Double>.normal(60, 4, using: &generator)
    let other = Matrix<Double>.normal(90, 4, using: &generator)
    let reference = hasReference ? other : pool
    let settings = LeastDisagreeSettings(deviations: [1e-3, 0.03, 0.4], patience: 7, seed: 8)
    func classes(_ features: Matrix<Double>, _ change: HeadChange?) -> [Int] {
      (0..<features.rows).map { row in
        var best = (index: 0, logit: -Double.infinity)
        for index in 0..<3 {
          var logit = (head.bias ?? [])[index] + (change?.bias[index] ?? 0)
          for column in 0..<4 {
            logit +=
              features[row, column]
              * (head.weights[index, column] + (change?.weights[index, column] ?? 0))
          }
          if logit > best.logit { best = (index, logit) }
        }
        return best.index
      }
    }
    #expect(head.classes(of: pool) == classes(pool, nil))
    var values = [Double](repeating: 1, count: 60)
    var draws = 0
    let (poolClasses, referenceClasses) = (classes(pool, nil), classes(reference, nil))
    for (place, deviation) in settings.deviations.enumerated() {
      var (idle, draw) = (0, 0)
      while idle < 7 {
        let change = HeadChange(
          of: head, deviation: deviation, seed: 8, stream: UInt64(place) << 40 | UInt64(draw))
        let share =
          Double(zip(classes(reference, change), referenceClasses).count { $0 != $1 })
          / Double(reference.rows)
        var improves = false
        for (row, (now, before)) in zip(classes(pool, change), poolClasses).enumerated()
        where now != before && share < values[row] {
          values[row] = share
          improves = true
        }
        idle = improves ? 0 : idle + 1
        draw += 1
      }
      draws += draw
    }
    let metric = try LeastDisagreeMetric(
      head: head, pool: pool, reference: hasReference ? other : nil, settings: settings)
    #expect(metric.values == values)
    #expect(metric.draws == draws)
  }

  @Test("The same bits on any number of threads")
  func threads() throws {
    let rule = try LinearRule(dimension: 6, pool: 1300, reference: 700)
    let settings = LeastDisagreeSettings(deviations: [0.01, 0.1], patience: 5, seed: 1)
    let before = Parallelism.threads
    defer { Parallelism.threads = before }
    Parallelism.threads = 1
    let one = try LeastDisagreeMetric(
      head: rule.head, pool: rule.pool, reference: rule.reference, settings: settings)
    Parallelism.threads = 4
    let four = try LeastDisagreeMetric(
      head: rule.head, pool: rule.pool, reference: rule.reference, settings: settings)
    #expect(one.values == four.values && one.draws == four.draws)
  }

  @Test("Weights: 1 for the first q, the rest scaled to sum to q and cut at 1")
  func weights() {
    let values = [0.4, 0.1, 0.3, 0.2, 0.9, 0.25]
    let weights = LeastDisagreeSelection.weights(values, count: 2)
    // L_q = 0.2, by rows 1 and 3.
    let plain = values.map { exp(-max($0 - 0.2, 0) / 0.2) }
    let sum = plain[0] + plain[2] + plain[4] + plain[5]
    let expected = values.indices.map { [1, 3].contains($0) ? 1 : min(1, plain[$0] * 2 / sum) }
    expectClose(weights, expected, bound: .relative(1e-14))
    #expect(weights[4] < 0.1 && weights[5] < 1)
    // Of three others that are to sum to three, the largest are cut.
    let cut = LeastDisagreeSelection.weights(values, count: 3)
    #expect(cut[0] == 1 && cut[2] == 1 && cut[4] > 0.1 && cut[4] < 0.2)
    // The smallest positive stands in for zero.
    let zeros = LeastDisagreeSelection.weights([0, 0, 0.1, 0.2], count: 2)
    #expect(zeros[0] == 1 && zeros[1] == 1)
    expectClose(zeros[3] / zeros[2], 2 * exp(-1.0) / (1 + exp(-1.0)) / 1, bound: .relative(1e-14))
    #expect(LeastDisagreeSelection.weights([0, 0, 0], count: 1) == [1, 1, 1])
    // The largest L beyond what a number can weigh.
    #expect(LeastDisagreeSelection.weights([1e-9, 1, 1], count: 1) == [1, 0, 0])
  }

  @Test("The least L is first; picks are different, unlike each other, and decided by the seed")
  func selection() throws {
    var generator = SeededGenerator(seed: 3)
    // Four directions, ten rows each.
    var features = Matrix<Double>.zeros(40, 4)
    for row in 0..<40 { features[row, row % 4] = 1 + generator.uniform() }
    var values = (0..<40).map { _ in 0.1 + 0.05 * generator.uniform() }
    values[14] = 0.01
    let rows = try LeastDisagreeSelection.rows(4, values: values, features: features, seed: 1)
    #expect(rows[0] == 14)
    // Rows in a picked direction have no distance, so that each direction comes once.
    #expect(Set(rows.map { $0 % 4 }) == [0, 1, 2, 3])
    #expect(
      rows == (try LeastDisagreeSelection.rows(4, values: values, features: features, seed: 1)))
    let others = try (2..<12).map {
      try LeastDisagreeSelection.rows(4, values: values, features: features, seed: UInt64($0))
    }
    #expect(Set(others).count > 3)
    // After four, nothing new is left: the least L of the rest.
    let more = try LeastDisagreeSelection.rows(6, values: values, features: features, seed: 1)
    let rest = values.indices.filter { !more.prefix(4).contains($0) }
      .sorted { values[$0] < values[$1] }
    #expect(Array(more.suffix(2)) == Array(rest.prefix(2)))
    let all = try LeastDisagreeSelection.rows(40, values: values, features: features)
    #expect(Set(all).count == 40)
  }

  @Test("Picks have the chances of (γD)²")
  func chances() throws {
    // One picked at once; the others at distances 1 and 2 with the weights of their L.
    let features = Matrix<Double>(rows: 3, columns: 2, elements: [1, 0, 0, 1, -1, 0])
    let values = [0.1, 0.12, 0.11]
    let weights = LeastDisagreeSelection.weights(values, count: 2)
    let chance = pow(weights[1] * 1, 2) / (pow(weights[1] * 1, 2) + pow(weights[2] * 2, 2))
    let trials = 4000
    let hits = try (0..<trials).count { seed in
      try LeastDisagreeSelection.rows(2, values: values, features: features, seed: UInt64(seed))[1]
        == 1
    }
    // Six standard deviations of a binomial share.
    let bound = 6 * (chance * (1 - chance) / Double(trials)).squareRoot()
    #expect(abs(Double(hits) / Double(trials) - chance) < bound)
    #expect(chance > 0.1 && chance < 0.3)
  }

  @Test("What does not fit or is not finite is an error")
  func errors() throws {
    let head = try LinearHead(weights: .identity(2))
    let pool = Matrix<Double>(rows: 2, columns: 2, elements: [1, 0, 0, 1])
    var bad = pool
    bad[1, 0] = .infinity
    #expect(throws: ModelError.data(.featureNotFinite(row: 1, column: 0))) {
      try LeastDisagreeMetric(head: head, pool: bad)
    }
    #expect(throws: ModelError.data(.featureNotFinite(row: 1, column: 0))) {
      try LeastDisagreeMetric(head: head, pool: pool, reference: bad)
    }
    #expect(throws: ModelError.data(.noExamples)) {
      try LeastDisagreeMetric(head: head, pool: .zeros(0, 2))
    }
    #expect(throws: ModelError.self) { try LeastDisagreeMetric(head: head, pool: .zeros(2, 3)) }
    for settings in [
      LeastDisagreeSettings(deviations: []), LeastDisagreeSettings(deviations: [0]),
      LeastDisagreeSettings(deviations: [.nan]), LeastDisagreeSettings(patience: 0),
    ] {
      #expect(throws: ModelError.self) {
        try LeastDisagreeMetric(head: head, pool: pool, settings: settings)
      }
    }
    #expect(throws: ModelError.self) { try LinearHead(weights: .identity(2), bias: [1]) }
    #expect(throws: ModelError.self) { try LinearHead(weights: .zeros(0, 2)) }
    #expect(throws: ModelError.self) {
      try LinearHead(weights: Matrix(rows: 1, columns: 1, elements: [.nan]))
    }
    let error = #expect(throws: ModelError.self) {
      try LeastDisagreeSelection.rows(1, values: [0.1, 0.2], features: .zeros(2, 2))
    }
    #expect("\(try #require(error))".contains("row 0"))
    for count in [0, 3] {
      #expect(throws: ModelError.self) {
        try LeastDisagreeSelection.rows(count, values: [0.1, 0.2], features: pool)
      }
    }
  }
}
