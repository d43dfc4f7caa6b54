import Data
import Foundation
import Testing

@Suite("Places by words")
struct LexicalIndexTests {
  private static let texts = [
    "a delicious , quirky movie with a terrific screenplay",
    "the movie is a bore , so tedious that the movie hurts",
    "honest performances and exceptional detail",
    "A Movie, a movie: a MOVIE!",
    "",
    "quirky detail",
  ]

  /// The formula word by word, without an index.
  private static func naive(_ query: String, _ texts: [String]) -> [Double] {
    func words(_ text: String) -> [String] {
      text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
    }
    let all = texts.map(words)
    let mean = Double(all.map(\.count).reduce(0, +)) / Double(all.count)
    return all.map { text in
      words(query).reduce(0) { sum, word in
        let holding = Double(all.count { $0.contains(word) })
        let frequency = Double(text.count { $0 == word })
        let rarity = log(1 + (Double(all.count) - holding + 0.5) / (holding + 0.5))
        let length = 1 - 0.75 + 0.75 * Double(text.count) / mean
        return sum + rarity * frequency * 2.2 / (frequency + 1.2 * length)
      }
    }
  }

  @Test("scores are those of the package bm25s (scripts/oracles/bm25.py), in single precision")
  func oracle() {
    let index = LexicalIndex(of: Self.texts)
    let expected = [
      ("the quirky movie", [1.430221, 2.364585, 0, 1.060817, 0, 1.383306]),
      ("detail detail", [0, 0, 2.113271, 0, 0, 2.766611]),
      ("nothing here", [0, 0, 0, 0, 0, 0]),
    ]
    for (query, scores) in expected {
      for (found, score) in zip(index.scores(for: query), scores) {
        #expect(abs(found - score) <= 2e-6 * max(1, score), "\(query)")
      }
    }
  }

  @Test("scores are those of the formula, word by word", arguments: 0..<8)
  func naive(seed: Int) {
    var state = UInt64(seed) &* 2_654_435_761 &+ 1
    func next(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let vocabulary = ["film", "Plot", "dull", "über", "42", "wit", "a", "the", "cast"]
    func text() -> String { (0..<next(12)).map { _ in vocabulary[next(9)] }.joined(separator: " ") }
    let texts = (0..<40).map { _ in text() }
    let index = LexicalIndex(of: texts)
    for _ in 0..<5 {
      let query = text()
      for (found, score) in zip(index.scores(for: query), Self.naive(query, texts)) {
        // A few dozen operations on numbers of a few units.
        #expect(abs(found - score) <= 1e-12 * max(1, score))
      }
    }
  }

  @Test("a word that says what a text is about is shared, or not")
  func content() {
    #expect(LexicalIndex.sharesContent("The movie was dull", "a MOVIE, at last"))
    #expect(!LexicalIndex.sharesContent("it was the one", "the one that it was"))
    #expect(!LexicalIndex.sharesContent("", "movie"))
  }
}
