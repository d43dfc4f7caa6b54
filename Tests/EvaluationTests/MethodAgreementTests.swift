import Evaluation
import LinearAlgebra
import TestSupport
import Testing

@Suite("Agreement of methods with each other")
struct MethodAgreementTests {
  private func scores(_ seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    // Small integers: many ties.
    return .smallIntegers(6, 40, using: &generator)
  }

  @Test("Each pair is what the two have in common by themselves")
  func pairs() throws {
    let all = [scores(1), scores(2), scores(3)]
    let agreement = try MethodAgreement(of: all, topFraction: 0.2)
    for first in 0..<3 {
      for second in 0..<3 {
        let pair = try ScoreAgreement(of: all[first], with: all[second], topFraction: 0.2)
        let (spearman, top) = (try #require(pair.meanSpearman), try #require(pair.meanTopOverlap))
        #expect(abs(agreement.spearman[first, second] - spearman) < 1e-12)
        #expect(abs(agreement.topOverlap[first, second] - top) < 1e-12)
      }
      #expect(abs(agreement.spearman[first, first] - 1) < 1e-12)
    }
  }

  @Test("Queries without an order are left out")
  func constant() throws {
    var flat = scores(1)
    for row in 0..<6 { flat[row: row] = [Double](repeating: 2, count: 40)[...] }
    let agreement = try MethodAgreement(of: [scores(2), flat])
    #expect(agreement.spearman[0, 1].isNaN && agreement.topOverlap[1, 1].isNaN)
    #expect(agreement.spearman[0, 0] > 0.999)
    var half = scores(1)
    half[row: 0] = [Double](repeating: 2, count: 40)[...]
    let pair = try ScoreAgreement(of: half, with: scores(2))
    let both = try MethodAgreement(of: [half, scores(2)])
    #expect(abs(both.spearman[0, 1] - (try #require(pair.meanSpearman))) < 1e-12)
  }

  @Test("Unequal shapes and NaN are errors")
  func errors() {
    #expect(throws: EvaluationError.self) {
      try MethodAgreement(of: [self.scores(1), .zeros(6, 39)])
    }
    var bad = scores(1)
    bad[2, 3] = .nan
    #expect(throws: EvaluationError.self) { try MethodAgreement(of: [self.scores(1), bad]) }
    #expect(throws: EvaluationError.self) {
      try MethodAgreement(of: [self.scores(1)], topFraction: 0)
    }
  }
}
