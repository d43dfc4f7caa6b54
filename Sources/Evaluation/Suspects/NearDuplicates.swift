/// Pairs of texts that are nearly the same.
///
/// Texts are compared as sets of words, without regard to capitals and punctuation; the similarity of two sets is
/// |A ∩ B|/|A ∪ B| (Jaccard). Pairs are found without comparing all with all: where the similarity is at least t, the
/// sets share a word among the rarest |A| − ⌈t·|A|⌉ + 1 of each (Chaudhuri, Ganti and Kaushik, "A Primitive Operator
/// for Similarity Joins", 2006).
public struct NearDuplicates: Sendable {
  /// Two texts.
  public struct Pair: Sendable, Equatable {
    /// The rows of the two, the lower first.
    public let first: Int, second: Int
    /// Their similarity, at least the threshold, at most 1.
    public let similarity: Double
  }

  /// The pairs, the most similar first; of equal ones in the order of their rows.
  public let pairs: [Pair]
  /// Whether there were more pairs than are kept.
  public let isCut: Bool

  /// The most pairs that are kept.
  public static let mostPairs = 100_000

  /// Finds all pairs.
  ///
  /// - Parameters:
  ///   - texts: One text per row; empty ones are like no other.
  ///   - threshold: The least similarity t, in 0 < t ≤ 1.
  /// - Complexity: O(w log w) for w words, and one comparison for every two texts that share one of their rarest words.
  public init(among texts: [String], threshold: Double = 0.8) {
    precondition(threshold > 0 && threshold <= 1, "a similarity of \(threshold)")
    let sets = Self.rankedWords(of: texts)
    // Shorter sets first: a later one can only be as similar where it is not much longer.
    let order = sets.indices.filter { !sets[$0].isEmpty }.sorted {
      (sets[$0].count, $0) < (sets[$1].count, $1)
    }
    var holders: [Int: [Int]] = [:]
    var pairs: [Pair] = []
    var isCut = false
    search: for row in order {
      let words = sets[row]
      let prefix = words.count - Self.least(threshold, of: words.count) + 1
      var seen: Set<Int> = []
      for word in words.prefix(prefix) {
        for other in holders[word] ?? [] where seen.insert(other).inserted {
          guard Double(sets[other].count) >= threshold * Double(words.count) else { continue }
          let similarity = Self.similarity(sets[other], words)
          guard similarity >= threshold else { continue }
          guard pairs.count < Self.mostPairs else {
            isCut = true
            break search
          }
          pairs.append(
            Pair(first: min(row, other), second: max(row, other), similarity: similarity))
        }
      }
      for word in words.prefix(prefix) { holders[word, default: []].append(row) }
    }
    self.pairs = pairs.sorted {
      ($1.similarity, $0.first, $0.second) < ($0.similarity, $1.first, $1.second)
    }
    self.isCut = isCut
  }

  /// ⌈t·count⌉, where a product that rounding lifts above a whole number counts as that.
  private static func least(_ threshold: Double, of count: Int) -> Int {
    max(1, Int((threshold * Double(count) - 1e-9).rounded(.up)))
  }

  /// Each text's words as numbers, the rarest word first, in ascending order.
  private static func rankedWords(of texts: [String]) -> [[Int]] {
    let words = texts.map(words(of:))
    var frequency: [String: Int] = [:]
    for set in words { for word in set { frequency[word, default: 0] += 1 } }
    let ranked = frequency.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    let rank = Dictionary(uniqueKeysWithValues: zip(ranked, ranked.indices))
    return words.map { $0.compactMap { rank[$0] }.sorted() }
  }

  /// The words of a text, each once.
  static func words(of text: String) -> Set<String> {
    Set(
      text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init))
  }

  /// |A ∩ B|/|A ∪ B| of two ascending lists.
  private static func similarity(_ first: [Int], _ second: [Int]) -> Double {
    var (common, i, j) = (0, 0, 0)
    while i < first.count, j < second.count {
      if first[i] == second[j] {
        (common, i, j) = (common + 1, i + 1, j + 1)
      } else if first[i] < second[j] {
        i += 1
      } else {
        j += 1
      }
    }
    return Double(common) / Double(first.count + second.count - common)
  }
}
