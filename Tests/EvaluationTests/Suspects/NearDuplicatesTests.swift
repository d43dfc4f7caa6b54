import Evaluation
import LinearAlgebra
import Testing

/// Pairs of nearly the same texts.
@Suite("Near-duplicates")
struct NearDuplicatesTests {
  /// All pairs, by comparing all with all.
  private func naive(_ texts: [String], _ threshold: Double) -> [[Double]] {
    let sets = texts.map { text in
      Set(text.lowercased().split { !($0.isLetter || $0.isNumber) })
    }
    var pairs: [[Double]] = []
    for first in sets.indices where !sets[first].isEmpty {
      for second in sets.indices where second > first && !sets[second].isEmpty {
        let similarity =
          Double(sets[first].intersection(sets[second]).count)
          / Double(sets[first].union(sets[second]).count)
        if similarity >= threshold { pairs.append([Double(first), Double(second), similarity]) }
      }
    }
    return pairs.sorted { ($1[2], $0[0], $0[1]) < ($0[2], $1[0], $1[1]) }
  }

  @Test(
    "The pairs are those of comparing all with all", arguments: [0.3, 0.5, 0.75, 0.8, 0.9, 1])
  func allPairs(threshold: Double) {
    var generator = SeededGenerator(seed: 7)
    // Few words, so that many texts share some; frequent ones and rare ones.
    let texts = (0..<200).map { _ in
      (0..<1 + generator.index(below: 12)).map { _ in
        "w\(generator.index(below: 1 + generator.index(below: 20)))"
      }.joined(separator: " ")
    }
    let found = NearDuplicates(among: texts, threshold: threshold)
    #expect(
      found.pairs.map { [Double($0.first), Double($0.second), $0.similarity] }
        == naive(texts, threshold))
    #expect(!found.pairs.isEmpty)
    #expect(!found.isCut)
  }

  @Test("Capitals and punctuation do not count, and empty texts are like none")
  func words() {
    let found = NearDuplicates(among: ["", "A good film.", "a GOOD, film", "…", "", "bad film"])
    #expect(found.pairs.map { [$0.first, $0.second] } == [[1, 2]])
    #expect(found.pairs.map(\.similarity) == [1])
  }

  @Test("Four of five words are at 0.8, whatever rounding says of 0.8 · 5")
  func boundary() {
    let found = NearDuplicates(among: ["a b c d e", "a b c d", "a b c"])
    #expect(found.pairs.map(\.similarity) == [0.8])
    #expect(NearDuplicates(among: ["a b c d e", "a b c d"], threshold: 0.81).pairs.isEmpty)
  }

  @Test("Many equal texts are cut, and said to be")
  func cut() {
    let found = NearDuplicates(among: Array(repeating: "the same text", count: 500))
    #expect(found.isCut && found.pairs.count == NearDuplicates.mostPairs)
  }
}
