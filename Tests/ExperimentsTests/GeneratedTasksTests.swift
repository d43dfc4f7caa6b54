import Experiments
import Foundation
import InfluenceKit
import Testing

@Suite("Generated tasks")
struct GeneratedTasksTests {
  /// The words of a prompt's sentence.
  private static func sentence(_ prompt: String) throws -> [String] {
    let line = try #require(prompt.split(separator: "\n").first { $0.hasPrefix("Sentence: ") })
    return line.dropFirst("Sentence: ".count).split(separator: " ").map(String.init)
  }

  @Test(
    "There are as many of each kind as asked for, no two alike", arguments: GeneratedTasks.allCases)
  func counts(tasks: GeneratedTasks) throws {
    let (training, queries) = tasks.examples(training: 12, queries: 5, seed: 3)
    for (part, count) in [(training, 12), (queries, 5)] {
      #expect(part.labelNames.count == 10 && Set(part.labelNames).count == 10)
      for kind in 0..<10 { #expect(part.labels?.count { $0 == kind } == count) }
    }
    let prompts = (training.prompts ?? []) + (queries.prompts ?? [])
    let kinds = (training.labels ?? []) + (queries.labels ?? [])
    #expect(Set(zip(kinds, prompts).map { "\($0) \($1)" }).count == 170)
    #expect(!prompts.contains { $0.hasSuffix(" ") })
    #expect((training.texts + queries.texts).allSatisfy { $0.hasPrefix(" ") })
    // Prompts that do not name the rule are the same for all kinds.
    #expect(Set(prompts).count == (tasks == .unnamed ? 17 : 170))
  }

  @Test(
    "A seed gives the same examples, and another seed others", arguments: GeneratedTasks.allCases)
  func seeds(tasks: GeneratedTasks) {
    let first = tasks.examples(training: 4, queries: 2, seed: 1)
    let again = tasks.examples(training: 4, queries: 2, seed: 1)
    let other = tasks.examples(training: 4, queries: 2, seed: 2)
    #expect(first.training == again.training && first.queries == again.queries)
    #expect(first.training.fingerprint != other.training.fingerprint)
  }

  @Test("Queries have sentences that no training example has, and all kinds have the same")
  func sentences() throws {
    let (training, queries) = GeneratedTasks.sentences.examples(training: 6, queries: 3, seed: 0)
    func sentences(_ part: TextExamples, _ kind: Int) throws -> [[String]] {
      try zip(part.prompts ?? [], part.labels ?? []).filter { $0.1 == kind }.map {
        try Self.sentence($0.0)
      }
    }
    let first = try sentences(training, 0)
    for kind in 1..<10 { #expect(try sentences(training, kind) == first) }
    #expect(try Set(first).isDisjoint(with: sentences(queries, 0)))
  }

  @Test("Answers are those of the rules", arguments: [GeneratedTasks.sentences, .unnamed])
  func rules(tasks: GeneratedTasks) throws {
    let examples = tasks.examples(training: 5, queries: 1, seed: 7).training
    for (row, prompt) in (examples.prompts ?? []).enumerated() {
      let words = try Self.sentence(prompt)
      let rule = examples.labelNames[try #require(examples.labels)[row]]
      var expected: [String] = []
      var separator = " "
      // Word by word, without what the generator is made of.
      for (place, word) in words.enumerated() {
        switch rule {
        case "the words from last to first": expected.insert(word, at: 0)
        case "everything in capitals":
          expected.append(
            String(word.unicodeScalars.map { Character(UnicodeScalar(UInt8($0.value) - 32)) }))
        case "the first letter of each word": expected.append("\(word[word.startIndex])")
        case "the number of letters of each word": expected.append("\(word.unicodeScalars.count)")
        case "every word twice": expected += ["\(word) \(word)"]
        case "the words with their numbers": expected.append("\(place + 1):\(word)")
        case "the words in alphabetical order":
          expected.insert(word, at: expected.firstIndex { $0 > word } ?? expected.count)
        case "a star for every vowel":
          expected.append(
            word.replacing("a", with: "*").replacing("e", with: "*").replacing("i", with: "*")
              .replacing("o", with: "*").replacing("u", with: "*"))
        case "hyphens between the words":
          separator = "-"
          expected.append(word)
        case "the last word first":
          if place == words.count - 1 {
            expected.insert(word, at: 0)
          } else {
            expected.append(word)
          }
        default: Issue.record("\(rule)")
        }
      }
      #expect(examples.texts[row] == " " + expected.joined(separator: separator), "\(rule)")
      #expect(prompt.contains(rule) == (tasks == .sentences))
    }
  }

  @Test("Answers of stories are sums that hold, of the numbers in the prompt")
  func stories() throws {
    let examples = GeneratedTasks.math.examples(training: 20, queries: 1, seed: 5).training
    for (prompt, answer) in zip(examples.prompts ?? [], examples.texts) {
      let sides = answer.split(separator: " = ")
      try #require(sides.count == 2)
      let result = try #require(Int(sides[1]))
      #expect(Self.value(String(sides[0])) == result, "\(answer)")
      func numbers(_ text: some StringProtocol) -> Set<Int> {
        Set(text.split { !$0.isNumber }.compactMap { Int($0) })
      }
      // Two of a fence, and of two lamps, chairs and desks, is no number of the story.
      #expect(
        numbers(sides[0]).subtracting([2]).isSubset(of: numbers(prompt)), "\(prompt)\(answer)")
    }
  }

  /// The value of numbers with +, -, * and /, from left to right, after what stands in parentheses at the end.
  private static func value(_ text: String) -> Int? {
    let text = text.trimmingCharacters(in: .whitespaces)
    if let open = text.firstIndex(of: "("), text.last == ")" {
      guard let inner = value(String(text[text.index(after: open)...].dropLast())) else {
        return nil
      }
      return value(text[..<open] + "\(inner)")
    }
    var words = text.split(separator: " ")[...]
    guard var value = words.popFirst().flatMap({ Int($0) }) else { return nil }
    while let sign = words.popFirst(), let number = words.popFirst().flatMap({ Int($0) }) {
      switch sign {
      case "+": value += number
      case "-": value -= number
      case "*": value *= number
      case "/" where value % number == 0: value /= number
      default: return nil
      }
    }
    return value
  }
}
