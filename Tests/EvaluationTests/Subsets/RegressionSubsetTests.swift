import Data
import Evaluation
import Foundation
import Influence
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("The most influential subset of a regression")
struct RegressionSubsetTests {
  /// Numbers with an intercept column and a few examples far out, two of them alike.
  private struct Regression {
    var features: Matrix<Double>
    var targets: [Double]
    var point: [Double]

    init(rows: Int, columns: Int = 4, seed: UInt64 = 3) {
      var generator = SeededGenerator(seed: seed)
      var features = Matrix<Double>.normal(rows, columns, using: &generator)
      for row in 0..<rows { features[row, columns - 1] = 1 }
      for column in 0..<columns - 1 {
        features[1, column] *= 3
        features[2, column] = features[1, column] + 0.05 * generator.normal()
      }
      var targets: [Double] = []
      for row in 0..<rows {
        targets.append(features[row, 0] - 0.5 * features[row, 1] + generator.normal())
      }
      targets[1] += 4
      targets[2] += 4
      point = (0..<columns - 1).map { _ in generator.normal() } + [1]
      self.features = features
      self.targets = targets
    }

    func removal(penalty: Double = 0) throws -> LeastSquaresRemoval {
      try LeastSquaresRemoval(
        features: features, targets: targets, penalty: penalty, point: point)
    }

    /// φ of a fit from scratch without some rows.
    func prediction(without rows: [Int] = [], penalty: Double = 0) throws -> Double {
      let kept = targets.indices.filter { !rows.contains($0) }
      let model = try RidgeRegression(
        features: features.selecting(rows: kept), targets: kept.map { targets[$0] },
        penalty: penalty)
      return zip(point, model.parameters).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  @Test("The group identity is a fit without the set", arguments: [0.0, 0.7])
  func identity(penalty: Double) throws {
    let regression = Regression(rows: 30)
    let removal = try regression.removal(penalty: penalty)
    let before = try regression.prediction(penalty: penalty)
    for rows in [[4], [1, 2], [0, 9, 20, 29], Array(5..<20)] {
      let after = try regression.prediction(without: rows, penalty: penalty)
      expectClose(
        try removal.effect(ofRemoving: rows), after - before,
        bound: .backward(order: 30, condition: 100, scale: 1))
    }
  }

  @Test("Downdates are the fit without the removed examples, whatever their order")
  func downdates() throws {
    let regression = Regression(rows: 30)
    var removal = try regression.removal(penalty: 0.1)
    try removal.remove([7, 1])
    try removal.remove([2])
    expectClose(
      removal.prediction, try regression.prediction(without: [1, 2, 7], penalty: 0.1),
      bound: .backward(order: 30, condition: 100, scale: 1))
    let kept = (0..<30).filter { ![1, 2, 7].contains($0) }
    let fresh = try RidgeRegression(
      features: regression.features.selecting(rows: kept),
      targets: kept.map { regression.targets[$0] }, penalty: 0.1)
    expectClose(
      kept.map { removal.residuals[$0] }, fresh.residuals,
      bound: .backward(order: 30, condition: 100))
    expectClose(
      kept.map { removal.leverages[$0] }, fresh.leverages,
      bound: .backward(order: 30, condition: 100))
    // What removing more does to the model as it is now.
    let more = try regression.prediction(without: [1, 2, 7, 11], penalty: 0.1)
    expectClose(
      try removal.effect(ofRemoving: [11]), more - removal.prediction,
      bound: .backward(order: 30, condition: 100, scale: 1))
  }

  @Test("Single effects: first order lacks the leverage, the adjusted are exact")
  func single() throws {
    let regression = Regression(rows: 20)
    let removal = try regression.removal()
    let before = try regression.prediction()
    let adjusted = try removal.influentialSubset(size: 19 - 4, algorithm: .leverageAdjusted)
    for (row, gain) in zip(adjusted.rows, adjusted.gains) {
      expectClose(
        gain, try regression.prediction(without: [row]) - before,
        bound: .backward(order: 20, condition: 100, scale: 1))
    }
    let greedy = try removal.influentialSubset(size: 15, algorithm: .greedy)
    for (row, gain) in zip(greedy.rows, greedy.gains) {
      let exact = try regression.prediction(without: [row]) - before
      expectClose(
        gain, exact * (1 - removal.leverages[row]),
        bound: .backward(order: 20, condition: 100, scale: 1))
    }
    #expect(zip(greedy.gains, greedy.gains.dropFirst()).allSatisfy { $0 >= $1 })
  }

  /// Brute force, from scratch: every set, every fit.
  @Test(
    "Exhaustive search is brute force by refits, which no other algorithm beats",
    arguments: [1, 2, 3], RemovalDirection.allCases)
  func exhaustive(size: Int, direction: RemovalDirection) throws {
    for seed in 3..<8 as Range<UInt64> {
      let regression = Regression(rows: 12, columns: 3, seed: seed)
      let removal = try regression.removal()
      let before = try regression.prediction()
      let sign = direction == .raise ? 1.0 : -1
      var best = (rows: [Int](), effect: -Double.infinity)
      for mask in 0..<(1 << 12) where mask.nonzeroBitCount == size {
        let rows = (0..<12).filter { mask >> $0 & 1 == 1 }
        let effect = sign * (try regression.prediction(without: rows) - before)
        if effect > best.effect { best = (rows, effect) }
      }
      let found = try removal.influentialSubset(
        size: size, algorithm: .exhaustive, direction: direction)
      #expect(found.rows == best.rows)
      expectClose(sign * (try #require(found.effect)), best.effect, bound: .relative(1e-10))
      for algorithm in [RemovalAlgorithm.greedy, .leverageAdjusted, .adaptive] {
        let other = try removal.influentialSubset(
          size: size, algorithm: algorithm, direction: direction)
        let effect = sign * (try regression.prediction(without: other.rows) - before)
        #expect(effect <= best.effect * (1 + 1e-10))
        expectClose(
          sign * (try #require(other.effect)), effect, bound: .absolute(1e-10 * best.effect))
        if size == 1, algorithm != .greedy { #expect(other.rows == best.rows) }
      }
    }
  }

  @Test("Adaptive is refitting after each example, and sees what greedy does not")
  func adaptive() throws {
    let regression = Regression(rows: 25)
    let removal = try regression.removal()
    let found = try removal.influentialSubset(size: 4, algorithm: .adaptive)
    var rows: [Int] = []
    for round in 0..<4 {
      let current = try regression.prediction(without: rows)
      let effects = try (0..<25).map {
        rows.contains($0)
          ? -Double.infinity : try regression.prediction(without: rows + [$0]) - current
      }
      let best = try #require(effects.indices.max { effects[$0] < effects[$1] })
      #expect(found.rows[round] == best)
      expectClose(found.gains[round], effects[best], bound: .relative(1e-9))
      rows.append(best)
    }
    // Exact gains telescope.
    expectClose(found.predicted, try #require(found.effect), bound: .relative(1e-9))
    let stepped = try removal.influentialSubset(size: 4, algorithm: .adaptive, step: 4)
    #expect(
      stepped.rows
        == (try removal.influentialSubset(size: 4, algorithm: .leverageAdjusted)).rows)
  }

  @Test("A row that alone determines a direction is no candidate, and is named")
  func leverage() throws {
    var regression = Regression(rows: 15, columns: 4)
    // Only row 6 has the first feature.
    for row in 0..<15 where row != 6 { regression.features[row, 0] = 0 }
    let removal = try regression.removal()
    for algorithm in RemovalAlgorithm.allCases {
      let found = try removal.influentialSubset(size: 3, algorithm: algorithm)
      #expect(found.fixedRows == [6] && !found.rows.contains(6))
    }
    let error = #expect(throws: InfluenceError.self) { try removal.effect(ofRemoving: [2, 6]) }
    #expect("\(try #require(error))".contains("2, 6"))
    var changing = removal
    #expect(throws: InfluenceError.self) { try changing.remove([6]) }
    // More than are left to determine the parameters.
    #expect(throws: InfluenceError.self) {
      try removal.influentialSubset(size: 13, algorithm: .adaptive)
    }
    for size in [0, 15] {
      #expect(throws: InfluenceError.self) {
        try removal.influentialSubset(size: size, algorithm: .greedy)
      }
    }
    #expect(throws: InfluenceError.self) {
      try Regression(rows: 100).removal().influentialSubset(size: 10, algorithm: .exhaustive)
    }
  }

  @Test("Equal effects go to the lower row")
  func ties() throws {
    // A mean: every example of one value has one effect.
    let removal = try LeastSquaresRemoval(
      features: Matrix(repeating: 1, rows: 8, columns: 1),
      targets: [0, -1, 0, -1, -1, 0, 0, -1], penalty: 0, point: [1])
    for algorithm in [RemovalAlgorithm.greedy, .leverageAdjusted] {
      #expect(try removal.influentialSubset(size: 2, algorithm: algorithm).rows == [1, 3])
    }
  }

  // MARK: - Logistic regression

  private func logistic(rows: Int = 40, seed: UInt64 = 11) throws -> (
    model: LogisticRegression, point: TabularDataSet<Double>
  ) {
    var generator = SeededGenerator(seed: seed)
    let features = Matrix<Double>.normal(rows, 3, using: &generator)
    let labels = (0..<rows).map {
      features[$0, 0] + 0.5 * features[$0, 1] + 0.7 * generator.normal() > 0.3 ? 1 : 0
    }
    let data = try TabularDataSet(features: features, labels: labels, classCount: 2)
    let point = try TabularDataSet(
      features: Matrix<Double>.normal(1, 3, using: &generator), labels: [1], classCount: 2)
    return (
      try LogisticRegression(trainedOn: data, settings: NewtonSettings(regularization: 0.02)), point
    )
  }

  /// φ of a model trained from zero without some rows, whose weights in the sum are taken away.
  private func value(
    _ model: LogisticRegression, without rows: [Int], _ point: TabularDataSet<Double>,
    _ measure: LogisticRemoval.Measure
  ) throws -> Double {
    let kept = (0..<model.data.count).filter { !rows.contains($0) }
    let retrained = try LogisticRegression(
      trainedOn: model.data.selecting(kept),
      settings: NewtonSettings(
        regularization: 0.02 * Double(model.data.count) / Double(kept.count)))
    let logit =
      zip(Array(point.features[row: 0]) + [1], retrained.parameters)
      .reduce(0) { $0 + $1.0 * $1.1 }
    let loss = retrained.losses(of: point)[0]
    if measure == .probability { return loss == 0 ? 1 : exp(-loss) }
    return point.labels[0] == 1 ? logit : -logit
  }

  @Test(
    "Logistic: effects are those of training again", arguments: LogisticRemoval.Measure.allCases)
  func refits(measure: LogisticRemoval.Measure) throws {
    let (model, point) = try logistic()
    let removal = try LogisticRemoval(model, point: point, measure: measure)
    let before = try value(model, without: [], point, measure)
    expectClose(removal.value, before, bound: .absolute(1e-8))
    for rows in [[3], [0, 5, 17], Array(10..<16)] {
      let after = try value(model, without: rows, point, measure)
      // Gradients of 1e-10 over a Hessian of at least 0.02 leave 5e-9 in θ.
      expectClose(
        try removal.effect(ofRemoving: rows), after - before, bound: .absolute(1e-7))
    }
    var smaller = removal
    try smaller.remove([3, 8])
    try smaller.remove([11])
    expectClose(
      smaller.value, try value(model, without: [3, 8, 11], point, measure),
      bound: .absolute(1e-7))
  }

  @Test("Logistic: first order and one Newton step, from the formulas with the column of ones")
  func formulas() throws {
    let (model, point) = try logistic()
    let removal = try LogisticRemoval(model, point: point)
    let n = model.data.count
    let inverse = try #require(Naive.inverse(model.hessian()))
    let direction = Array(point.features[row: 0]) + [1]
    let gradients = model.gradients(of: model.data)
    let probabilities = model.probabilities(of: model.data)
    func form(_ x: [Double], _ y: [Double]) -> Double {
      var sum = 0.0
      for i in x.indices { for j in y.indices { sum += x[i] * inverse[i, j] * y[j] } }
      return sum / Double(n)
    }
    let first = (0..<n).map { form(direction, Array(gradients[row: $0])) }
    let leverages = (0..<n).map { row in
      let x = Array(model.data.features[row: row]) + [1]
      return probabilities[row] * (1 - probabilities[row]) * form(x, x)
    }
    let greedy = try removal.influentialSubset(size: n - 1, algorithm: .greedy)
    expectClose(greedy.gains, greedy.rows.map { first[$0] }, bound: .relative(1e-11))
    let adjusted = try removal.influentialSubset(size: 5, algorithm: .leverageAdjusted)
    expectClose(
      adjusted.gains, adjusted.rows.map { first[$0] / (1 - leverages[$0]) },
      bound: .relative(1e-11))
  }

  @Test("Logistic: after a removal, effects are those of a model that never had the examples")
  func laterRounds() throws {
    let (model, point) = try logistic()
    let found = try LogisticRemoval(model, point: point).influentialSubset(
      size: 20, algorithm: .adaptive)
    let n = model.data.count
    for round in [1, 5, 19] {
      let removed = Set(found.rows.prefix(round))
      let kept = (0..<n).filter { !removed.contains($0) }
      // The terms that are left stay as they were: for their mean the penalty is larger.
      let rest = try LogisticRegression(
        trainedOn: model.data.selecting(kept),
        settings: NewtonSettings(regularization: 0.02 * Double(n) / Double(kept.count)))
      let next = try LogisticRemoval(rest, point: point).influentialSubset(
        size: 1, algorithm: .leverageAdjusted)
      #expect(kept[next.rows[0]] == found.rows[round])
      // θ is known to 5e-9 in both, and an effect is no more than a few times θ.
      expectClose(found.gains[round], next.gains[0], bound: .absolute(1e-6))
    }
  }

  @Test("Logistic: exhaustive is brute force, and adaptive comes near it")
  func logisticSearch() throws {
    let (model, point) = try logistic(rows: 12, seed: 4)
    let removal = try LogisticRemoval(model, point: point)
    var best = (rows: [Int](), effect: -Double.infinity)
    for mask in 0..<(1 << 12) where mask.nonzeroBitCount == 2 {
      let rows = (0..<12).filter { mask >> $0 & 1 == 1 }
      let effect = try value(model, without: rows, point, .margin) - removal.value
      if effect > best.effect { best = (rows, effect) }
    }
    let found = try removal.influentialSubset(size: 2, algorithm: .exhaustive)
    #expect(found.rows == best.rows && found.rounds == 66)
    expectClose(try #require(found.effect), best.effect, bound: .absolute(1e-7))
    let adaptive = try removal.influentialSubset(size: 2, algorithm: .adaptive)
    let reached = try #require(adaptive.effect)
    #expect(reached <= best.effect + 1e-7 && reached > 0.8 * best.effect)
    expectClose(
      reached, try value(model, without: adaptive.rows, point, .margin) - removal.value,
      bound: .absolute(1e-7))
  }
}
