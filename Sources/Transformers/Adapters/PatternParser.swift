/// Reads a regular expression in Python's syntax, and writes the instructions that match it.
struct PatternParser {
  private static let digit = PatternStep.CharacterSet(ranges: [48...57])
  private static let space = PatternStep.CharacterSet(ranges: [9...13, 32...32])
  /// The most groups inside one another.
  private static let mostDepth = 50

  /// What an expression says, before it is written out.
  private indirect enum Node {
    case set(PatternStep.CharacterSet)
    case check(PatternStep.Place)
    case sequence([Node])
    case choice([Node])
    case repeated(Node, least: Int, most: Int?)
  }

  private let text: [Unicode.Scalar]
  private var place = 0
  private var output: [PatternStep] = []
  /// Counts what is written, empty parts too, so that repetitions of repetitions end.
  private var work = 0

  init(_ text: String) { self.text = Array(text.unicodeScalars) }

  mutating func steps() throws(PatternRefusal) -> [PatternStep] {
    let node = try choice(depth: 0)
    guard place == text.count else { throw refusal("an unpaired \")\"") }
    try write(node)
    return output
  }

  private func refusal(_ problem: String) -> PatternRefusal {
    PatternRefusal(problem: "\(problem) at character \(place + 1)")
  }

  // MARK: Reading

  private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    place += 1
    return true
  }

  private mutating func choice(depth: Int) throws(PatternRefusal) -> Node {
    guard depth <= Self.mostDepth else { throw refusal("more than \(Self.mostDepth) groups") }
    var options = [try sequence(depth: depth)]
    while take("|") { options.append(try sequence(depth: depth)) }
    return options.count == 1 ? options[0] : .choice(options)
  }

  private mutating func sequence(depth: Int) throws(PatternRefusal) -> Node {
    var parts: [Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let part = try atom(depth: depth)
      parts.append(try quantified(part))
    }
    return .sequence(parts)
  }

  private mutating func atom(depth: Int) throws(PatternRefusal) -> Node {
    guard let scalar = next else { throw refusal("an end") }
    switch scalar {
    case "*", "+", "?": throw refusal("a repetition of nothing")
    case "(":
      place += 1
      if take("?"), !take(":") {
        // A group with a name, which is of no use here.
        guard take("P"), take("<"), let end = text[place...].firstIndex(of: ">") else {
          throw refusal("a group of a kind that is not supported")
        }
        place = end + 1
      }
      let inner = try choice(depth: depth + 1)
      guard take(")") else { throw refusal("an unpaired \"(\"") }
      return inner
    case "[":
      place += 1
      return .set(try set())
    case "\\":
      place += 1
      return try escape()
    default:
      place += 1
      switch scalar {
      case ".": return .set(.init(ranges: [10...10], isNegated: true))
      case "^": return .check(.beginning)
      case "$": return .check(.end)
      default: return .set(.init(ranges: [scalar.value...scalar.value]))
      }
    }
  }

  private mutating func quantified(_ part: Node) throws(PatternRefusal) -> Node {
    let (least, most): (Int, Int?)
    if take("*") {
      (least, most) = (0, nil)
    } else if take("+") {
      (least, most) = (1, nil)
    } else if take("?") {
      (least, most) = (0, 1)
    } else if let counts = try counts() {
      (least, most) = counts
    } else {
      return part
    }
    // Whether few or many are tried first does not matter to whether there is a match.
    _ = take("?")
    guard let scalar = next, "*+?".unicodeScalars.contains(scalar) else {
      return .repeated(part, least: least, most: most)
    }
    throw refusal("a repetition of a repetition")
  }

  /// `{n}`, `{n,}`, `{,m}` or `{n,m}`; nil where the brace is a character like others.
  private mutating func counts() throws(PatternRefusal) -> (Int, Int?)? {
    guard next == "{", let end = text[place...].firstIndex(of: "}") else { return nil }
    let inner = String(String.UnicodeScalarView(text[place + 1..<end]))
    let numbers = inner.split(separator: ",", omittingEmptySubsequences: false)
    guard inner != "," && !inner.isEmpty, numbers.count <= 2,
      numbers.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
    else { return nil }
    let least = numbers[0].isEmpty ? 0 : Int(numbers[0]) ?? .max
    let most = numbers.count == 1 ? least : numbers[1].isEmpty ? nil : Int(numbers[1]) ?? .max
    guard least <= PatternStep.most, most ?? least <= PatternStep.most,
      most ?? least >= least
    else { throw refusal("a repetition that is too long") }
    place = end + 1
    return (least, most)
  }

  private mutating func escape() throws(PatternRefusal) -> Node {
    switch next {
    case "b", "B":
      place += 1
      return .check(.wordBoundary(text[place - 1] == "b"))
    case "A":
      place += 1
      return .check(.beginning)
    case "Z":
      place += 1
      return .check(.end)
    default: return .set(try escapedSet())
    }
  }

  private mutating func escapedSet() throws(PatternRefusal) -> PatternStep.CharacterSet {
    guard let scalar = next else { throw refusal("a backslash without a character") }
    place += 1
    let isUppercase = (65...90).contains(scalar.value)
    switch Unicode.Scalar(isUppercase ? scalar.value + 32 : scalar.value) {
    case "w": return .init(ranges: PatternStep.CharacterSet.word.ranges, isNegated: isUppercase)
    case "d": return .init(ranges: Self.digit.ranges, isNegated: isUppercase)
    case "s": return .init(ranges: Self.space.ranges, isNegated: isUppercase)
    default:
      guard !PatternStep.CharacterSet.word.contains(scalar) || scalar == "_" else {
        throw refusal("\"\\\(scalar)\", which is not supported,")
      }
      return .init(ranges: [scalar.value...scalar.value])
    }
  }

  /// What stands between `[` and `]`.
  private mutating func set() throws(PatternRefusal) -> PatternStep.CharacterSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while isFirst || next != "]" {
      isFirst = false
      let first = try member()
      guard first.count == 1, next == "-", place + 1 < text.count, text[place + 1] != "]" else {
        ranges += first
        continue
      }
      place += 1
      let last = try member()
      guard last.count == 1, first[0].lowerBound <= last[0].upperBound else {
        throw refusal("a range from a later to an earlier character")
      }
      ranges.append(first[0].lowerBound...last[0].upperBound)
    }
    place += 1
    return .init(ranges: ranges, isNegated: isNegated)
  }

  private mutating func member() throws(PatternRefusal) -> [ClosedRange<UInt32>] {
    guard let scalar = next else { throw refusal("an unpaired \"[\"") }
    place += 1
    guard scalar == "\\" else { return [scalar.value...scalar.value] }
    let set = try escapedSet()
    guard !set.isNegated else { throw refusal("all but a class, inside \"[ ]\",") }
    return set.ranges
  }

  // MARK: Writing

  private mutating func write(_ node: Node) throws(PatternRefusal) {
    work += 1
    guard work <= PatternStep.most else {
      throw PatternRefusal(
        problem: "more than \(PatternStep.most) characters and repetitions")
    }
    switch node {
    case .set(let set): output.append(.take(set))
    case .check(let condition): output.append(.check(condition))
    case .sequence(let parts): for part in parts { try write(part) }
    case .choice(let options):
      var ends: [Int] = []
      for option in options.dropLast() {
        let fork = output.count
        output.append(.fork(fork + 1, fork + 1))
        try write(option)
        ends.append(output.count)
        output.append(.fork(0, 0))
        output[fork] = .fork(fork + 1, output.count)
      }
      try write(options[options.count - 1])
      for end in ends { output[end] = .fork(output.count, output.count) }
    case .repeated(let part, let least, let most):
      for _ in 0..<least { try write(part) }
      guard let most else {
        let fork = output.count
        output.append(.fork(fork + 1, fork + 1))
        try write(part)
        output.append(.fork(fork, fork))
        output[fork] = .fork(fork + 1, output.count)
        return
      }
      var forks: [Int] = []
      for _ in least..<most {
        forks.append(output.count)
        output.append(.fork(output.count + 1, output.count + 1))
        try write(part)
      }
      for fork in forks { output[fork] = .fork(fork + 1, output.count) }
    }
  }
}
