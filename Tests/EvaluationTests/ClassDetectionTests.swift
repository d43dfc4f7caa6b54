import LinearAlgebra
import Testing

import Evaluation

@Suite("Class detection")
struct ClassDetectionTests {
  @Test("Every query by asking all pairs, with ties", arguments: [2, 5, 10_000])
  func naive(levels: Int) throws {
    var generator = SeededGenerator(seed: 41)
    let (queries, examples) = (8, 30)
    let scores = Matrix(
      rows: queries, columns: examples,
      elements: (0..<queries * examples).map { _ in Double(generator.index(below: levels)) })
    let training = (0..<examples).map { _ in generator.index(below: 3) }
    let asked = (0..<queries).map { _ in generator.index(below: 3) }
    let found = try ClassDetection(
      scores: scores, trainingClasses: training, queryClasses: asked)
    for (query, measured) in found.queries.enumerated() {
      let row = Array(scores[row: query])
      let positives = Set(training.indices.filter { training[$0] == asked[query] })
      let measured = try #require(measured)
      #expect(measured.classCount == positives.count)
      #expect(measured.areaUnderROC == naiveAreaUnderROC(row, positives))
      let top = naiveTop(row, positives.count)
      #expect(
        measured.recall == Double(positives.intersection(top).count) / Double(positives.count))
    }
    let recalls = found.queries.compactMap { $0?.recall }
    let mean = recalls.reduce(0, +) / 8
    let variance = recalls.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 8
    let summary = try #require(found.recall)
    #expect(abs(summary.mean - mean) < 1e-15)
    #expect(abs(summary.deviation - variance.squareRoot()) < 1e-15)
  }

  @Test("Queries without a class, or with one class only, are counted and not averaged")
  func edges() throws {
    let scores = Matrix(rows: 3, columns: 2, elements: [1.0, 0, 0, 1, 5, 5])
    let one = try ClassDetection(
      scores: scores, trainingClasses: [4, 4], queryClasses: [4, 9, 4])
    #expect(one.queriesWithoutClass == [1])
    #expect(one.queriesWithoutOthers == [0, 2])
    #expect(one.areaUnderROC == nil)
    #expect(one.recall?.mean == 1 && one.recall?.deviation == 0 && one.recall?.count == 2)
    let two = try ClassDetection(
      scores: scores, trainingClasses: [0, 1], queryClasses: [0, 0, 0])
    // First, last, and a tie: 1, 0 and a half; the tie's recall goes by the lower index.
    #expect(two.queries.map { $0?.areaUnderROC } == [1, 0, 0.5])
    #expect(two.queries.map { $0?.recall } == [1, 0, 1])
    let none = try ClassDetection(
      scores: Matrix<Double>.zeros(0, 2), trainingClasses: [0, 1], queryClasses: [])
    #expect(none.recall == nil && none.areaUnderROC == nil)
  }

  @Test("What cannot be measured says why")
  func errors() {
    let scores = Matrix(rows: 1, columns: 2, elements: [1.0, .nan])
    #expect(throws: EvaluationError.notFiniteScore(.first, row: 0, column: 1)) {
      try ClassDetection(scores: scores, trainingClasses: [0, 1], queryClasses: [0])
    }
    #expect(throws: EvaluationError.differentLengths(3, 2)) {
      try ClassDetection(scores: scores, trainingClasses: [0, 1, 1], queryClasses: [0])
    }
    #expect(throws: EvaluationError.differentLengths(0, 1)) {
      try ClassDetection(scores: scores, trainingClasses: [0, 1], queryClasses: [])
    }
  }
}
