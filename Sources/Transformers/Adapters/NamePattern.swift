/// A regular expression that a configuration of PEFT holds, matched against whole names of modules.
///
/// Python's syntax without look-around, references back and flags, which are refused. All ways through the expression
/// are followed at once (Thompson, "Regular expression search algorithm", 1968), so that no expression of a file takes
/// longer than its length times the name's.
struct NamePattern: Sendable, Hashable {
  /// The instructions; the place behind the last is the end of a match.
  private let steps: [PatternStep]

  /// Compiles an expression.
  ///
  /// - Throws: ``PatternRefusal``, with what is not understood.
  init(_ text: String) throws(PatternRefusal) {
    var parser = PatternParser(text)
    steps = try parser.steps()
  }

  /// Whether the expression describes the name from its beginning to its end.
  ///
  /// - Complexity: O(characters of the name · instructions).
  func matches(_ name: String) -> Bool {
    let scalars = Array(name.unicodeScalars)
    var reached = Set([0])
    for place in 0...scalars.count {
      reached = closure(of: reached, at: place, in: scalars)
      guard place < scalars.count else { break }
      reached = Set(
        reached.compactMap { index -> Int? in
          guard index < steps.count, case .take(let set) = steps[index] else { return nil }
          return set.contains(scalars[place]) ? index + 1 : nil
        })
      if reached.isEmpty { return false }
    }
    return reached.contains(steps.count)
  }

  /// All instructions that are reached without taking a character.
  private func closure(
    of start: Set<Int>, at place: Int, in name: [Unicode.Scalar]
  ) -> Set<Int> {
    var reached = start
    var open = Array(start)
    while let index = open.popLast() {
      guard index < steps.count else { continue }
      let next: [Int] =
        switch steps[index] {
        case .take: []
        case .fork(let first, let second): [first, second]
        case .check(let condition): Self.holds(condition, at: place, in: name) ? [index + 1] : []
        }
      for index in next where reached.insert(index).inserted { open.append(index) }
    }
    return reached
  }

  private static func holds(
    _ condition: PatternStep.Place, at place: Int, in name: [Unicode.Scalar]
  ) -> Bool {
    switch condition {
    case .beginning: return place == 0
    case .end: return place == name.count
    case .wordBoundary(let isBoundary):
      let before = place > 0 && PatternStep.CharacterSet.word.contains(name[place - 1])
      let after = place < name.count && PatternStep.CharacterSet.word.contains(name[place])
      return (before != after) == isBoundary
    }
  }
}
