import LinearAlgebra
import Testing

import Evaluation

@Suite("Signs, tops and costs")
struct AgreementTests {
  @Test("Signs agree where both are above, below or at zero")
  func signs() throws {
    #expect(try Ranking.signAgreement([1, -2, 0, -0.0, 3], [5, -1, 0, 0, -3]) == 0.8)
    #expect(try Ranking.signAgreement([1], [0]) == 0)
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 1)) {
      try Ranking.signAgreement([], [])
    }
    #expect(throws: EvaluationError.notFinite(.second, index: 0)) {
      try Ranking.signAgreement([1], [.nan])
    }
    #expect(throws: EvaluationError.differentLengths(1, 2)) {
      try Ranking.signAgreement([1], [1, 2])
    }
  }

  @Test("Jaccard's overlap of the tops, by sets", arguments: [2, 1000])
  func jaccard(levels: Int) throws {
    var generator = SeededGenerator(seed: 61)
    let x = (0..<25).map { _ in Double(generator.index(below: levels)) }
    let y = (0..<25).map { _ in Double(generator.index(below: levels)) }
    for count in [1, 3, 12, 25] {
      let (a, b) = (Set(naiveTop(x, count)), Set(naiveTop(y, count)))
      let expected = Double(a.intersection(b).count) / Double(a.union(b).count)
      #expect(try Ranking.topJaccard(x, y, count: count) == expected)
    }
    #expect(throws: EvaluationError.tooFewValues(count: 25, needed: 26)) {
      try Ranking.topJaccard(x, y, count: 26)
    }
    #expect(throws: EvaluationError.notFinite(.first, index: 0)) {
      try Ranking.topJaccard([.nan], [1], count: 1)
    }
  }

  @Test("A stage's cost holds its time, and memory that it touched")
  func cost() throws {
    let size = 64 << 20
    let (sum, cost) = StageCost.measuring("touch") {
      let bytes = [UInt8](repeating: 1, count: size)
      return bytes.reduce(0) { $0 &+ Int($1) }
    }
    #expect(sum == size && cost.name == "touch")
    #expect(cost.seconds > 0 && cost.seconds < 60)
    if let peak = cost.peakMemory { #expect(peak >= size) }
    struct Stop: Error {}
    #expect(throws: Stop.self) { try StageCost.measuring("stop") { throw Stop() } }
  }
}
