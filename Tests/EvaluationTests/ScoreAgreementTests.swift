import LinearAlgebra
import Testing

import Evaluation

@Suite("Agreement of score matrices")
struct ScoreAgreementTests {
  @Test("The means are the means of the rows' measures")
  func means() throws {
    var generator = SeededGenerator(seed: 41)
    let scores = Matrix<Double>.normal(5, 25, using: &generator)
    let noise = Matrix<Double>.normal(5, 25, using: &generator)
    let other = Matrix(
      rows: 5, columns: 25, elements: zip(scores.elements, noise.elements).map { $0 + $1 })
    let agreement = try ScoreAgreement(of: scores, with: other, topFraction: 0.2)
    var (pearson, spearman, overlap) = (0.0, 0.0, 0.0)
    for row in 0..<5 {
      let (x, y) = (Array(scores[row: row]), Array(other[row: row]))
      pearson += try Correlation.pearson(x, y)
      spearman += try Correlation.spearman(x, y)
      overlap += try Ranking.topOverlap(x, y, fraction: 0.2)
    }
    #expect(agreement.meanPearson == pearson / 5)
    #expect(agreement.meanSpearman == spearman / 5)
    #expect(agreement.meanTopOverlap == overlap / 5)
    #expect(agreement.undefinedRows == [])
    #expect(agreement.rows.count == 5)
  }

  @Test("A constant row is left out and listed, whichever side it is on")
  func undefinedRows() throws {
    let scores = Matrix(rows: 3, columns: 3, elements: [1.0, 2, 3, 4, 4, 4, 1, 5, 2])
    let other = Matrix(rows: 3, columns: 3, elements: [2.0, 4, 6, 1, 2, 3, 0, 0, 0])
    let agreement = try ScoreAgreement(of: scores, with: other)
    #expect(agreement.undefinedRows == [1, 2])
    #expect(agreement.rows[0] != nil)
    #expect(abs(try #require(agreement.meanPearson) - 1) <= correlationBound(3))
    #expect(abs(try #require(agreement.meanSpearman) - 1) <= correlationBound(3))
    #expect(agreement.meanTopOverlap == 1)
  }

  @Test("No defined row, no mean")
  func nothingDefined() throws {
    let zeros = Matrix<Double>.zeros(2, 4)
    let agreement = try ScoreAgreement(of: zeros, with: zeros)
    #expect(agreement.meanPearson == nil)
    #expect(agreement.meanTopOverlap == nil)
    #expect(agreement.undefinedRows == [0, 1])
    let none = Matrix<Double>.zeros(0, 4)
    #expect(try ScoreAgreement(of: none, with: none).meanSpearman == nil)
  }

  @Test("Every row counts the same, whatever its scale")
  func rowScale() throws {
    var generator = SeededGenerator(seed: 42)
    let scores = Matrix<Double>.normal(2, 12, using: &generator)
    let other = Matrix<Double>.normal(2, 12, using: &generator)
    var scaled = scores
    scaled[row: 0] = ArraySlice(scores[row: 0].map { 1024 * $0 })
    #expect(
      try ScoreAgreement(of: scaled, with: other) == ScoreAgreement(of: scores, with: other))
  }

  @Test("What cannot be compared says why")
  func errors() {
    let scores = Matrix(rows: 1, columns: 2, elements: [1.0, 2])
    #expect(
      throws: EvaluationError.differentShapes(rows: 1, columns: 2, otherRows: 2, otherColumns: 1)
    ) {
      try ScoreAgreement(of: scores, with: Matrix(rows: 2, columns: 1, elements: [1, 2]))
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try ScoreAgreement(of: .zeros(2, 1), with: .zeros(2, 1))
    }
    #expect(throws: EvaluationError.notFiniteScore(.second, row: 0, column: 1)) {
      try ScoreAgreement(of: scores, with: Matrix(rows: 1, columns: 2, elements: [1, .nan]))
    }
    #expect(throws: EvaluationError.fractionOutOfRange(2)) {
      try ScoreAgreement(of: scores, with: scores, topFraction: 2)
    }
  }
}
