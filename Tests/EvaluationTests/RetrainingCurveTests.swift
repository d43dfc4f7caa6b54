import Data
import LinearAlgebra
import Models
import Testing

import Evaluation

/// Curves against a model that is known in full: a query's "loss" is minus the sum of its row of effects
/// over the rows that are left, and it is right while that sum is above its threshold.
@Suite("Curves of retraining")
struct RetrainingCurveTests {
  private let effects = Matrix(
    rows: 3, columns: 5,
    elements: [
      4.0, 3, 2, 1, 0,
      1, 1, 1, 1, 1,
      0, 0, 0, 0, 9,
    ])
  private let thresholds = [3.5, 0.5, 10.0]

  private func sums(_ rows: [Int]) -> [Double] {
    (0..<3).map { query in rows.reduce(0) { $0 + effects[query, $1] } }
  }

  private func isCorrect(_ rows: [Int]) -> [Bool] {
    zip(sums(rows), thresholds).map { $0 > $1 }
  }

  @Test("The smallest removal that turns a prediction, with ties, never, and wrong from the start")
  func brittleness() throws {
    let found = try Brittleness(scores: effects, counts: [1, 2, 3, 4], isCorrect: isCorrect)
    // Query 0: 10 − 4 = 6, − 3 = 3 ≤ 3.5. Query 1 keeps one of five equal rows. Query 2 was wrong: 9 < 10.
    #expect(found.queries == [0, 1])
    #expect(found.smallest == [2, nil])
    #expect(found.fractionFlipped == [0, 0.5, 0.5, 0.5])
    // The lower of the two in the middle.
    #expect(found.median == 2)
    let never = try Brittleness(scores: effects, counts: [1], isCorrect: isCorrect)
    #expect(never.smallest == [nil, nil] && never.median == nil)
    let none = try Brittleness(scores: effects, counts: [1]) { _ in [false, false, false] }
    #expect(none.queries.isEmpty && none.fractionFlipped == nil && none.median == nil)
    // Ties go to the lower index: of equal scores the first rows are left out first.
    let equal = Matrix<Double>.zeros(3, 5)
    let tied = try Brittleness(scores: equal, counts: [1]) { rows in
      [rows.count == 5 || rows == [1, 2, 3, 4], rows.count == 5, false]
    }
    #expect(tied.queries == [0, 1] && tied.smallest == [nil, 1])
  }

  @Test("A smaller step of the grid is never skipped by a later return to right")
  func firstFlip() throws {
    // Right again without 3 rows: the smallest k counts.
    let found = try Brittleness(scores: effects, counts: [2, 3]) { rows in
      [rows.count != 3, true, true]
    }
    #expect(found.smallest == [2, nil, nil])
  }

  @Test("Changes without the highest scores, against random ones by the same draws")
  func counterfactual() throws {
    let found = try CounterfactualCurve(
      scores: effects, counts: [1, 3], randomDraws: 4, seed: 8
    ) { rows in sums(rows).map { -$0 } }
    #expect(found.topChanges.elements == [4, 9, 1, 3, 9, 9])
    #expect(found.meanTopChange == [14.0 / 3, 7])
    var expected = Matrix<Double>.zeros(3, 2)
    for draw in 0..<4 {
      var generator = SeededGenerator(seed: 8, stream: UInt64(draw))
      let order = generator.permutation(5)
      for (place, count) in [1, 3].enumerated() {
        for query in 0..<3 {
          for row in order.prefix(count) { expected[query, place] += effects[query, row] / 4 }
        }
      }
    }
    for (value, known) in zip(found.randomChanges.elements, expected.elements) {
      #expect(abs(value - known) < 1e-13)
    }
    let intervals = try found.differenceIntervals(Bootstrap(resamples: 50))
    #expect(
      intervals.map(\.count) == [3, 3]
        && abs(intervals[0].estimate - found.meanTopChange[0] + found.meanRandomChange[0]) < 1e-13)
  }

  @Test("The best share and the worst share, ties to the lower index")
  func selection() throws {
    let scores = [0.5, -1, 0.5, 0.5, -1]
    #expect(try DataSelection.rows(keeping: 0.4, scores: scores) == [0, 2])
    #expect(try DataSelection.rows(keeping: 1, scores: scores) == [0, 1, 2, 3, 4])
    #expect(try TrimCurve.rows(removing: 0.2, scores: scores) == [0, 2, 3, 4])
    #expect(try TrimCurve.rows(removing: 0.01, scores: scores) == [0, 2, 3, 4])
    #expect(try TrimCurve.rows(removing: 0, scores: scores) == [0, 1, 2, 3, 4])
    let kept = try DataSelection(scores: scores, fractions: [0.4, 1]) { Double($0.count) / 10 }
    #expect(kept.keptCounts == [2, 5] && kept.accuracies == [0.2, 0.5])
    let trimmed = try TrimCurve(scores: scores, fractions: [0, 0.4], randomDraws: 2, seed: 3) {
      $0 == [0, 2, 3] ? 1 : Double($0.count) / 10
    }
    #expect(trimmed.removedCounts == [0, 2] && trimmed.accuracies == [0.5, 1])
    #expect(trimmed.randomAccuracies.map(\.count) == [2, 2])
    #expect(trimmed.randomAccuracies[0] == [0.5, 0.5])
  }

  @Test("The worst share of each class, as class by class by itself")
  func withinClasses() throws {
    var generator = SeededGenerator(seed: 4)
    let scores = (0..<40).map { _ in (generator.normal() * 3).rounded() }
    let labels = (0..<40).map { _ in generator.index(below: 3) }
    for share in [0, 0.1, 0.35, 0.6] {
      let removed = (0..<3).flatMap { label in
        let rows = labels.indices.filter { labels[$0] == label }
        // Of equals the lower row goes first.
        return rows.sorted { (scores[$0], $0) < (scores[$1], $1) }
          .prefix(Int((share * Double(rows.count)).rounded(.up)))
      }
      #expect(
        try TrimCurve.rows(removing: share, scores: scores, withinClassesOf: labels)
          == labels.indices.filter { !removed.contains($0) })
    }
    #expect(throws: EvaluationError.nothingLeft(removed: 1, count: 1)) {
      try TrimCurve.rows(removing: 0.2, scores: [1, 2, 3], withinClassesOf: [0, 0, 1])
    }
    #expect(throws: EvaluationError.differentLengths(2, 1)) {
      try TrimCurve.rows(removing: 0.2, scores: [1, 2], withinClassesOf: [0])
    }
  }

  @Test("What cannot be measured says why")
  func errors() {
    #expect(throws: EvaluationError.nothingLeft(removed: 5, count: 5)) {
      try Brittleness(scores: effects, counts: [5], isCorrect: isCorrect)
    }
    #expect(throws: EvaluationError.differentLengths(1, 3)) {
      try Brittleness(scores: effects, counts: [1]) { _ in [true] }
    }
    #expect(throws: EvaluationError.notFiniteScore(.first, row: 0, column: 0)) {
      try Brittleness(scores: Matrix(repeating: .nan, rows: 1, columns: 2), counts: []) { _ in [] }
    }
    #expect(throws: EvaluationError.nothingLeft(removed: 5, count: 5)) {
      try CounterfactualCurve(scores: effects, counts: [2, 5]) { sums($0) }
    }
    #expect(throws: EvaluationError.notFinite(.second, index: 2)) {
      try CounterfactualCurve(scores: effects, counts: [2]) { _ in [1, 2, .nan] }
    }
    #expect(throws: EvaluationError.nothingLeft(removed: 2, count: 2)) {
      try TrimCurve.rows(removing: 0.9, scores: [1, 2])
    }
    #expect(throws: EvaluationError.fractionOutOfRange(1)) {
      try TrimCurve.rows(removing: 1, scores: [1, 2])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 1)) {
      try DataSelection.rows(keeping: 0.5, scores: [])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 1)) {
      try TrimCurve.rows(removing: 0, scores: [])
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 1)) {
      try DataSelection.rows(keeping: 0.5, scores: [1, .nan])
    }
    #expect(throws: EvaluationError.notFinite(.second, index: 0)) {
      try DataSelection(scores: [1, 2], fractions: [0.5]) { _ in .nan }
    }
  }

  @Test("On a trained model: removing what helps hurts more than removing at random")
  func trainedModel() throws {
    let (data, queries) = try clouds(40, queries: 12)
    let settings = NewtonSettings(regularization: 0.05)
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    let retraining = try Retraining(of: model, on: data, queries: queries)
    let factor = try Cholesky(factoring: model.hessian())
    let scores = Matrix(
      product: factor.solution(rows: model.gradients(of: queries)).view,
      model.gradients(of: data).transposed)
    let curve = try CounterfactualCurve(scores: scores, counts: [2, 8]) {
      try retraining.outcome(of: TrainingRun(rows: $0)).losses
    }
    #expect(curve.meanTopChange[0] > 0 && curve.meanTopChange[1] > curve.meanTopChange[0])
    #expect(try curve.differenceIntervals().allSatisfy { $0.lower > 0 })
    let brittle = try Brittleness(scores: scores, counts: [1, 4, 16]) {
      try retraining.outcome(of: TrainingRun(rows: $0)).isCorrect(labels: queries.labels)
    }
    var reversed = scores
    reversed.scale(by: -1)
    let unhelpful = try Brittleness(scores: reversed, counts: [1, 4, 16]) {
      try retraining.outcome(of: TrainingRun(rows: $0)).isCorrect(labels: queries.labels)
    }
    let flipped = try #require(brittle.fractionFlipped)
    #expect(flipped[2] > (try #require(unhelpful.fractionFlipped))[2])
  }
}
