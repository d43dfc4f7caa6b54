package import InfluenceKit

/// Tasks of ten kinds for models that go on with texts, made by a seeded generator, so that anybody can have them.
///
/// They are of the kinds that DataInf's section 5.3 takes (arXiv 2310.00902): a sentence is rewritten by one of ten rules,
/// or a story with numbers asks for one more. Sentences, rules and stories are our own.
package enum GeneratedTasks: String, CaseIterable, Sendable {
  /// A sentence is rewritten; the prompt names the rule and a helper that is another for each rule.
  case sentences = "own-sentences"
  /// The same sentences and rules, but the prompt does not say the rule: only the answer shows it.
  case unnamed = "own-unnamed"
  /// A story with two or three numbers, ten stories.
  case math = "own-math"

  /// The examples of a seed, `training` and `queries` of each kind, in the order of the kinds.
  ///
  /// All kinds rewrite the same sentences, so that a sentence says nothing of its kind, and queries have other sentences than
  /// training examples. No two examples of a kind have the same prompt.
  ///
  /// - Parameters:
  ///   - training: Training examples of each kind, 1 up to ``mostOfAKind``.
  ///   - queries: Queries of each kind, 1 up to ``mostOfAKind``.
  ///   - seed: The same seed gives the same examples.
  package func examples(
    training: Int, queries: Int, seed: UInt64
  ) -> (training: TextExamples, queries: TextExamples) {
    var generator = SeededGenerator(seed: seed, stream: 0x6765_6e65)
    let count = training + queries
    let kinds: [[Task]]
    switch self {
    case .sentences, .unnamed:
      let sentences = Self.distinct(count) { Self.sentence(&generator) }
      kinds = Self.rules.map { rule in
        sentences.map { words in
          let sentence = words.joined(separator: " ")
          let heading =
            self == .sentences ? "\(rule.helper) rewrites sentences: \(rule.name).\n" : ""
          return Task(
            prompt: "\(heading)Sentence: \(sentence)\nRewritten:", answer: " \(rule.rewrite(words))"
          )
        }
      }
    case .math:
      kinds = Self.stories.map { story in
        Self.distinct(count) {
          let numbers = (0..<3).map { _ in 1 + generator.index(below: 99) }
          return [story(numbers[0], numbers[1], numbers[2])]
        }.map { $0[0] }
      }
    }
    return (
      part("training", kinds.map { Array($0.prefix(training)) }),
      part("queries", kinds.map { Array($0.suffix(queries)) })
    )
  }

  /// The most training examples, or queries, of a kind: few enough that there are as many different ones.
  package static let mostOfAKind = 1000

  private struct Task: Hashable {
    let prompt: String
    let answer: String
  }

  private func part(_ name: String, _ kinds: [[Task]]) -> TextExamples {
    TextExamples(
      path: "\(rawValue), \(name)", texts: kinds.joined().map(\.answer),
      prompts: kinds.joined().map(\.prompt),
      labels: kinds.enumerated().flatMap { kind, tasks in tasks.map { _ in kind } },
      labelNames: self == .math
        ? Self.stories.indices.map { "story \($0 + 1)" } : Self.rules.map(\.name))
  }

  /// So many different draws, in their order.
  private static func distinct<Value: Hashable>(
    _ count: Int, _ draw: () -> [Value]
  ) -> [[Value]] {
    var values: [[Value]] = []
    var seen: Set<[Value]> = []
    while values.count < count {
      let value = draw()
      if seen.insert(value).inserted { values.append(value) }
    }
    return values
  }

  // MARK: - Sentences

  private struct Rule: Sendable {
    /// A made-up name, as DataInf's sets have one for each kind.
    let helper: String
    let name: String
    /// Rewrites a sentence, given as its words.
    let rewrite: @Sendable ([String]) -> String
  }

  private static let rules: [Rule] = [
    Rule(helper: "Tavo", name: "the words from last to first") {
      $0.reversed().joined(separator: " ")
    },
    Rule(helper: "Brindle", name: "everything in capitals") {
      $0.joined(separator: " ").uppercased()
    },
    Rule(helper: "Quell", name: "the first letter of each word") {
      $0.map { String($0.prefix(1)) }.joined(separator: " ")
    },
    Rule(helper: "Mirrin", name: "the number of letters of each word") {
      $0.map { "\($0.count)" }.joined(separator: " ")
    },
    Rule(helper: "Oskerly", name: "every word twice") {
      $0.flatMap { [$0, $0] }.joined(separator: " ")
    },
    Rule(helper: "Dapple", name: "the words with their numbers") {
      $0.enumerated().map { "\($0 + 1):\($1)" }.joined(separator: " ")
    },
    Rule(helper: "Fenwick", name: "the words in alphabetical order") {
      $0.sorted().joined(separator: " ")
    },
    Rule(helper: "Lumo", name: "a star for every vowel") {
      String($0.joined(separator: " ").map { "aeiou".contains($0) ? "*" : $0 })
    },
    Rule(helper: "Pernel", name: "hyphens between the words") { $0.joined(separator: "-") },
    Rule(helper: "Zubin", name: "the last word first") {
      ($0.suffix(1) + $0.dropLast()).joined(separator: " ")
    },
  ]

  /// A random sentence of seven words without capitals and full stop.
  private static func sentence(_ generator: inout SeededGenerator) -> [String] {
    func one(_ words: [String]) -> String { words[generator.index(below: words.count)] }
    return ["the", one(adjectives), one(animals), one(verbs), one(relations), "the", one(places)]
  }

  private static let adjectives = words(
    "old quiet red tall hungry clever lazy proud small brave wet shy")
  private static let animals = words(
    "fox baker heron pilot goat miller otter tailor raven sailor mole singer badger clerk owl")
  private static let verbs = words(
    "waits sleeps sings dances hides laughs reads runs hums works stands dreams falls rests")
  private static let relations = words("under behind near beside above inside")
  private static let places = words(
    "bridge mill harbour oak garden tower market river cellar station barn window hill")

  private static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }

  // MARK: - Stories

  /// Each of three numbers from 1 to 99; every story's prompt shows at least two of them.
  private static let stories: [@Sendable (Int, Int, Int) -> Task] = [
    { a, b, _ in
      Task(
        prompt:
          "A baker sold \(a) loaves in the morning and \(b) after lunch. How many loaves in all?",
        answer: " \(a) + \(b) = \(a + b)")
    },
    { a, b, _ in
      Task(
        prompt: "A tank holds \(a + b) litres, and \(a) run out. How many litres are left?",
        answer: " \(a + b) - \(a) = \(b)")
    },
    { a, b, _ in
      Task(
        prompt: "Each of \(a) boats carries \(b) crates. How many crates do the boats carry?",
        answer: " \(a) * \(b) = \(a * b)")
    },
    { a, b, _ in
      Task(
        prompt: "\(a * b) pupils stand in \(a) equal rows. How many pupils are in a row?",
        answer: " \(a * b) / \(a) = \(b)")
    },
    { a, b, c in
      Task(
        prompt: "A bus has \(a) riders. \(b) get on and \(c) more follow. How many riders now?",
        answer: " \(a) + \(b) + \(c) = \(a + b + c)")
    },
    { a, b, c in
      Task(
        prompt: "Nora saves \(a) coins a week for \(b) weeks and then spends \(c). What remains?",
        answer: " \(a) * \(b) - \(c) = \(a * b - c)")
    },
    { a, b, _ in
      Task(
        prompt:
          "A field is \(a) metres long and \(b) metres wide. How long is the fence around it?",
        answer: " 2 * (\(a) + \(b)) = \(2 * (a + b))")
    },
    { a, b, c in
      Task(
        prompt: "One lamp costs \(a), a chair \(b) and a desk \(c). What do two of each cost?",
        answer: " 2 * (\(a) + \(b) + \(c)) = \(2 * (a + b + c))")
    },
    { a, b, _ in
      Task(
        prompt: "Ivo is \(a) years old and his aunt is \(b) years older. How old is the aunt?",
        answer: " \(a) + \(b) = \(a + b)")
    },
    { a, b, c in
      Task(
        prompt:
          "At dawn it was \(a) degrees; it rose by \(b) and fell by \(c). What is it at dusk?",
        answer: " \(a) + \(b) - \(c) = \(a + b - c)")
    },
  ]
}
