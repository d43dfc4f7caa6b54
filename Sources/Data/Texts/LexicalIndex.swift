internal import LinearAlgebra
internal import RealModule

/// Texts that can be searched for words, by BM25.
///
///     score(D) = Σ_w idf(w) · f·(k + 1)/(f + k·(1 − b + b·|D|/mean |D|))
///     idf(w) = ln(1 + (n − n_w + ½)/(n_w + ½))
///
/// with f how often w stands in D, n_w the number of texts with w, k = 1.2 and b = 0.75 (Robertson and Zaragoza, "The
/// Probabilistic Relevance Framework: BM25 and Beyond", 2009; idf as Lucene has it, which is never negative). A word that
/// stands twice in the query counts twice.
package struct LexicalIndex: Sendable {
  private let postings: [String: [(text: Int32, count: Int32)]]
  private let lengthFactors: [Double]
  /// The number of texts n.
  package let count: Int

  private static let saturation = 1.2
  private static let lengthShare = 0.75

  /// Indexes texts.
  ///
  /// - Complexity: O(w) for w words.
  package init(of texts: [String]) {
    var postings: [String: [(text: Int32, count: Int32)]] = [:]
    var lengths: [Double] = []
    lengths.reserveCapacity(texts.count)
    for (place, text) in texts.enumerated() {
      let words = Words.list(of: text)
      lengths.append(Double(words.count))
      for word in words {
        let last = postings[word, default: []].count - 1
        if last >= 0, postings[word]?[last].text == Int32(place) {
          postings[word]?[last].count += 1
        } else {
          postings[word, default: []].append((Int32(place), 1))
        }
      }
    }
    let mean = max(1e-300, Statistics.mean(lengths))
    lengthFactors = lengths.map {
      Self.saturation * (1 - Self.lengthShare + Self.lengthShare * $0 / mean)
    }
    self.postings = postings
    count = texts.count
  }

  /// The score of every text for the words of a query; 0 for texts that have none of them.
  ///
  /// - Complexity: O(n + Σ n_w).
  package func scores(for query: String) -> [Double] {
    var scores = [Double](repeating: 0, count: count)
    for word in Words.list(of: query) {
      guard let found = postings[word] else { continue }
      let (all, holding) = (Double(count), Double(found.count))
      let rarity = Double.log(onePlus: (all - holding + 0.5) / (holding + 0.5))
      for (text, times) in found {
        let frequency = Double(times)
        scores[Int(text)] +=
          rarity * frequency * (Self.saturation + 1) / (frequency + lengthFactors[Int(text)])
      }
    }
    return scores
  }

  /// Whether two texts share a word that says what they are about.
  package static func sharesContent(_ first: String, _ second: String) -> Bool {
    let words = Set(Words.list(of: first).filter(Words.isContent))
    return Words.list(of: second).contains { words.contains($0) }
  }
}
