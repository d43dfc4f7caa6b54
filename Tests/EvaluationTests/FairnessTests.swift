import LinearAlgebra
import Testing

import Evaluation

@Suite("Fairness gaps and winning rates")
struct FairnessTests {
  @Test("Gaps by hand, signed: group 1 less group 0")
  func byHand() throws {
    let predictions = [1, 0, 1, 1, 1, 0]
    let labels = [1, 1, 0, 1, 1, 0]
    let groups = [0, 0, 0, 1, 1, 1]
    let parity = try FairnessGaps.demographicParity(predictions: predictions, groups: groups)
    #expect(parity.rates == [2.0 / 3, 2.0 / 3] && parity.gap() == 0)
    let opportunity = try FairnessGaps.equalOpportunity(
      predictions: predictions, labels: labels, groups: groups)
    #expect(opportunity.rates == [0.5, 1] && opportunity.gap() == 0.5)
    #expect(opportunity.gap(of: 0, over: 1) == -0.5 && opportunity.meanAbsoluteGap == 0.5)
    let three = try FairnessGaps.demographicParity(
      predictions: [1, 0, 0, 1], groups: [0, 1, 2, 2], groupCount: 3)
    // Pairs |1 − 0|, |1 − ½|, |0 − ½|.
    #expect(abs(three.meanAbsoluteGap - 2.0 / 3) <= 0x1p-52)
  }

  @Test("What has no rate says why")
  func errors() {
    #expect(throws: EvaluationError.emptyGroup(1)) {
      try FairnessGaps.demographicParity(predictions: [1, 0], groups: [0, 0])
    }
    #expect(throws: EvaluationError.emptyGroup(0)) {
      try FairnessGaps.demographicParity(predictions: [], groups: [])
    }
    #expect(throws: EvaluationError.noPositivesInGroup(1)) {
      try FairnessGaps.equalOpportunity(predictions: [1, 0], labels: [1, 0], groups: [0, 1])
    }
    #expect(throws: EvaluationError.notBinary(.first, index: 1, value: 2)) {
      try FairnessGaps.demographicParity(predictions: [1, 2], groups: [0, 1])
    }
    #expect(throws: EvaluationError.notBinary(.second, index: 0, value: -1)) {
      try FairnessGaps.equalOpportunity(predictions: [1, 0], labels: [-1, 1], groups: [0, 1])
    }
    #expect(throws: EvaluationError.groupOutOfRange(index: 1, group: 2, groupCount: 2)) {
      try FairnessGaps.demographicParity(predictions: [1, 1], groups: [0, 2])
    }
    #expect(throws: EvaluationError.differentLengths(2, 1)) {
      try FairnessGaps.demographicParity(predictions: [1, 1], groups: [0])
    }
    #expect(throws: EvaluationError.differentLengths(1, 2)) {
      try FairnessGaps.equalOpportunity(predictions: [1, 1], labels: [1], groups: [0, 1])
    }
  }

  @Test("Shares of points by asking every pair of methods; they add up to 1")
  func winningRate() throws {
    var generator = SeededGenerator(seed: 51)
    let (tasks, methods) = (9, 4)
    let results = Matrix(
      rows: tasks, columns: methods,
      elements: (0..<tasks * methods).map { _ in Double(generator.index(below: 3)) })
    let weights = (0..<tasks).map { _ in Double(generator.index(below: 5)) }
    let found = try WinningRate(results: results, weights: weights)
    var points = [Double](repeating: 0, count: methods)
    for task in 0..<tasks {
      for a in 0..<methods {
        for b in 0..<methods where a != b {
          let (x, y) = (results[task, a], results[task, b])
          points[a] += weights[task] * (x > y ? 1 : x == y ? 0.5 : 0)
        }
      }
    }
    let total = points.reduce(0, +)
    for (share, expected) in zip(found.shares, points) {
      #expect(abs(share - expected / total) < 1e-15)
    }
    #expect(abs(found.shares.reduce(0, +) - 1) < 1e-15)
    let equal = try WinningRate(results: Matrix(repeating: 2, rows: 3, columns: 4))
    #expect(equal.shares == [0.25, 0.25, 0.25, 0.25])
    let clear = try WinningRate(results: Matrix(rows: 1, columns: 2, elements: [1, 2]))
    #expect(clear.shares == [0, 1])
  }

  @Test("Votes that cannot be counted say why")
  func winningErrors() {
    let results = Matrix(rows: 2, columns: 2, elements: [1.0, 2, 3, 4])
    #expect(throws: EvaluationError.noWeight) {
      try WinningRate(results: results, weights: [0, 0])
    }
    #expect(throws: EvaluationError.badWeight(index: 1, value: -1)) {
      try WinningRate(results: results, weights: [1, -1])
    }
    #expect(throws: EvaluationError.differentLengths(1, 2)) {
      try WinningRate(results: results, weights: [1])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try WinningRate(results: Matrix<Double>.zeros(2, 1))
    }
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 1)) {
      try WinningRate(results: Matrix<Double>.zeros(0, 2))
    }
    #expect(throws: EvaluationError.notFiniteScore(.first, row: 0, column: 0)) {
      try WinningRate(results: Matrix(repeating: .nan, rows: 1, columns: 2))
    }
  }
}
