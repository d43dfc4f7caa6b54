import LinearAlgebra
import Testing

import Evaluation

@Suite("Detection")
struct DetectionTests {
  @Test("The area under ROC is the share of pairs in the right order", arguments: [2, 10, 64])
  func pairs(count: Int) throws {
    var generator = SeededGenerator(seed: 31)
    for levels in [2, 5, 100_000] {
      let scores = (0..<count).map { _ in Double(generator.index(below: levels)) }
      let positives = Set(generator.permutation(count).prefix(max(1, count / 4)))
      let area = try Detection.areaUnderROC(scores: scores, positives: positives)
      // Both are one division of the same exact numbers.
      #expect(area == naiveAreaUnderROC(scores, positives))
      let opposite = try Detection.areaUnderROC(scores: scores.map { -$0 }, positives: positives)
      #expect(abs(area + opposite - 1) <= 0x1p-52)
      let cubed = try Detection.areaUnderROC(
        scores: scores.map { $0 * $0 * $0 }, positives: positives)
      #expect(cubed == area)
    }
  }

  @Test("Separation gives 1 or 0, equality ½")
  func extremes() throws {
    #expect(try Detection.areaUnderROC(scores: [1, 2, 3, 4], positives: [2, 3]) == 1)
    #expect(try Detection.areaUnderROC(scores: [1, 2, 3, 4], positives: [0, 1]) == 0)
    #expect(try Detection.areaUnderROC(scores: [7, 7, 7, 7], positives: [0]) == 0.5)
    #expect(try Detection.areaUnderROC(scores: [1, 0], positives: [0]) == 1)
  }

  @Test("Recall counts positives among the highest scores; ties at the cut go to the lower index")
  func recall() throws {
    let scores = [5.0, 1, 5, 5, 0]
    #expect(try Detection.recall(atFraction: 0.4, scores: scores, positives: [2, 3]) == 0.5)
    #expect(try Detection.recall(atFraction: 0.4, scores: scores, positives: [3]) == 0)
    #expect(try Detection.recall(atFraction: 0.41, scores: scores, positives: [3]) == 1)
    #expect(try Detection.recall(atFraction: 1, scores: scores, positives: [4]) == 1)
    #expect(try Detection.recall(atFraction: 0.2, scores: [1, 2], positives: [0, 1]) == 0.5)
  }

  @Test("The curve counts what picking the highest again and again finds")
  func curve() throws {
    var generator = SeededGenerator(seed: 32)
    let scores = (0..<40).map { _ in Double(generator.index(below: 6)) }
    let positives = Set(generator.permutation(40).prefix(11))
    let curve = try Detection.detectionCurve(scores: scores, positives: positives)
    #expect(curve.count == 40)
    #expect(curve.positiveCount == 11)
    for inspected in 0...40 {
      let hits = naiveTop(scores, inspected).count { positives.contains($0) }
      #expect(curve.found[inspected] == hits)
      #expect(curve.recall(inspected: inspected) == Double(hits) / 11)
    }
  }

  @Test("Without ties the curve's area follows from the area under ROC")
  func curveArea() throws {
    var generator = SeededGenerator(seed: 33)
    let scores = generator.permutation(30).map(Double.init)
    let positives = Set(generator.permutation(30).prefix(6))
    let area = try Detection.detectionCurve(scores: scores, positives: positives).area
    let auc = try Detection.areaUnderROC(scores: scores, positives: positives)
    // A handful of operations on numbers below 1.
    #expect(abs(area - (0.5 + (1 - 6.0 / 30) * (auc - 0.5))) <= 4 * 0x1p-52)
    let best = try Detection.detectionCurve(scores: [4, 3, 2, 1], positives: [0])
    #expect(best.area == 1 - 1 / 8.0)
  }

  @Test("What cannot be detected says why")
  func errors() {
    #expect(throws: EvaluationError.noPositives(count: 2)) {
      try Detection.areaUnderROC(scores: [1, 2], positives: [])
    }
    #expect(throws: EvaluationError.noNegatives(count: 2)) {
      try Detection.areaUnderROC(scores: [1, 2], positives: [0, 1])
    }
    #expect(throws: EvaluationError.noPositives(count: 0)) {
      try Detection.recall(atFraction: 0.1, scores: [], positives: [])
    }
    #expect(throws: EvaluationError.indexOutOfRange(index: -1, count: 2)) {
      try Detection.areaUnderROC(scores: [1, 2], positives: [7, -1, 0])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 0)) {
      try Detection.areaUnderROC(scores: [.nan, 2], positives: [1])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 1)) {
      try Detection.detectionCurve(scores: [1, .infinity], positives: [1])
    }
    #expect(throws: EvaluationError.fractionOutOfRange(0)) {
      try Detection.recall(atFraction: 0, scores: [1, 2], positives: [1])
    }
  }
}
