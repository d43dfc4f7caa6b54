import LinearAlgebra
import Testing

import Evaluation

@Suite("Rankings")
struct RankingTests {
  @Test("Equal values share the mean of their ranks")
  func ties() throws {
    #expect(try Ranking.averageRanks(of: [3, 1, 3, 2, 3]) == [4, 1, 4, 2, 4])
    #expect(try Ranking.averageRanks(of: [7, 7]) == [1.5, 1.5])
    #expect(try Ranking.averageRanks(of: [0.0, -0.0, -1]) == [2.5, 2.5, 1])
    #expect(try Ranking.averageRanks(of: []) == [])
  }

  @Test("Ranks equal ranks found by counting, and sum to n(n + 1)/2", arguments: [1, 2, 30, 101])
  func counting(count: Int) throws {
    var generator = SeededGenerator(seed: 21)
    for levels in [1, 4, 10_000] {
      let values = (0..<count).map { _ in Double(generator.index(below: levels)) }
      let ranks = try Ranking.averageRanks(of: values)
      #expect(ranks == naiveRanks(values))
      #expect(ranks.reduce(0, +) == Double(count * (count + 1) / 2))
    }
  }

  @Test("Of equal values the lower index comes first, at either end")
  func topTies() throws {
    let values = [2.0, 5, 1, 5, 1, 5]
    #expect(try Ranking.topIndices(4, of: values) == [1, 3, 5, 0])
    #expect(try Ranking.topIndices(3, of: values, largest: false) == [2, 4, 0])
    #expect(try Ranking.topIndices(0, of: values) == [])
    #expect(try Ranking.topIndices(0, of: []) == [])
  }

  @Test("The top equals picking the highest again and again")
  func topByPicking() throws {
    var generator = SeededGenerator(seed: 22)
    let values = (0..<60).map { _ in Double(generator.index(below: 9)) }
    for count in [1, 7, 60] {
      #expect(try Ranking.topIndices(count, of: values) == naiveTop(values, count))
      #expect(
        try Ranking.topIndices(count, of: values, largest: false)
          == naiveTop(values.map { -$0 }, count))
    }
  }

  @Test("A decimal share of n is rounded up as a person would")
  func topCounts() throws {
    #expect(try Ranking.topCount(fraction: 0.07, of: 100) == 7)
    #expect(try Ranking.topCount(fraction: 0.1, of: 1) == 1)
    #expect(try Ranking.topCount(fraction: 1e-300, of: 10) == 1)
    #expect(try Ranking.topCount(fraction: 1, of: 10) == 10)
    for count in 1...1000 {
      for percent in 1...100 {
        let expected = (percent * count + 99) / 100
        let top = try Ranking.topCount(fraction: Double(percent) / 100, of: count)
        if top != expected { Issue.record("\(percent) % of \(count) gave \(top)") }
      }
    }
  }

  @Test("Two lists share all of their top with themselves and none with a reversal")
  func overlap() throws {
    let values = (0..<20).map(Double.init)
    #expect(try Ranking.topOverlap(values, values) == 1)
    #expect(try Ranking.topOverlap(values, values.map { -$0 }) == 0)
    #expect(try Ranking.topOverlap(values, values.map { -$0 }, fraction: 1) == 1)
    #expect(try Ranking.topOverlap([3, 2, 1, 0], [3, 1, 2, 0], fraction: 0.5) == 0.5)
    #expect(try Ranking.topOverlap([1], [2]) == 1)
  }

  @Test("What cannot be ranked says why")
  func errors() {
    #expect(throws: EvaluationError.notFinite(.first, index: 2)) {
      try Ranking.averageRanks(of: [1, 2, .nan])
    }
    #expect(throws: EvaluationError.notFinite(.second, index: 0)) {
      try Ranking.topOverlap([1, 2], [.infinity, 2])
    }
    #expect(throws: EvaluationError.differentLengths(1, 2)) {
      try Ranking.topOverlap([1], [1, 2])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 0, needed: 1)) {
      try Ranking.topOverlap([], [])
    }
    for fraction in [0, -0.1, 1.5] {
      #expect(throws: EvaluationError.fractionOutOfRange(fraction)) {
        try Ranking.topOverlap([1, 2], [1, 2], fraction: fraction)
      }
    }
    #expect(throws: EvaluationError.self) { try Ranking.topCount(fraction: .nan, of: 3) }
  }

  @Test("Asking for more indices than there are values stops the program")
  func tooMany() async {
    await #expect(processExitsWith: .failure) { _ = try Ranking.topIndices(3, of: [1, 2]) }
  }
}
