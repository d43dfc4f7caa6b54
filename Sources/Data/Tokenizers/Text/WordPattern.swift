/// The regular expressions by which known tokenizers cut a text into words, each as a hand-written scanner.
///
/// Every scalar of a text is in one word. A white space before a word belongs to it where the expression says so.
enum WordPattern: Equatable, Sendable {
  /// The expression of GPT-2, which RoBERTa and `ByteLevel` use too.
  case gpt2
  /// The expression of Llama 3, with at most so many digits in a word: 3, or 1 for Qwen2.
  case llama3(digits: Int)

  /// The scanner of an expression; nil where it is not one of these.
  init?(expression: String) {
    let after = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let before = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"#
    switch expression {
    case #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#:
      self = .gpt2
    case before + #"\p{N}{1,3}"# + after: self = .llama3(digits: 3)
    case before + #"\p{N}"# + after: self = .llama3(digits: 1)
    default: return nil
    }
  }

  /// The end of the word that starts at the beginning of `range`, which is not empty.
  func end(in text: [UInt8], _ range: Range<Int>) -> Int {
    switch self {
    case .gpt2: Self.gpt2End(text, range)
    case .llama3(let digits): Self.llama3End(text, range, digits: digits)
    }
  }

  private static func gpt2End(_ text: [UInt8], _ range: Range<Int>) -> Int {
    let start = range.lowerBound
    if let end = contractionEnd(text, range, ignoresCase: false) { return end }
    var (kind, width) = text.scalarClass(at: start)
    if text[start] == UInt8(ascii: " "), start + 1 < range.upperBound {
      let next = text.scalarClass(at: start + 1)
      if !next.kind.isSpace { (kind, width) = (next.kind, next.width + 1) }
    }
    guard kind.isSpace else {
      return runEnd(text, start + width..<range.upperBound) { $0 == kind }
    }
    return spaceEnd(text, range)
  }

  private static func llama3End(_ text: [UInt8], _ range: Range<Int>, digits: Int) -> Int {
    let (start, end) = (range.lowerBound, range.upperBound)
    if let end = contractionEnd(text, range, ignoresCase: true) { return end }
    let (kind, width) = text.scalarClass(at: start)
    let next = start + width < end ? text.scalarClass(at: start + width).kind : nil
    if kind == .letter || next == .letter && (kind == .space || kind == .other) {
      return runEnd(text, start + width..<end) { $0 == .letter }
    }
    if kind == .number {
      var count = 1
      return runEnd(text, start + width..<end) {
        count += 1
        return $0 == .number && count <= digits
      }
    }
    if kind == .other || text[start] == UInt8(ascii: " ") && next == .other {
      let signs = runEnd(text, start + width..<end) { $0 == .other }
      return runEnd(text, signs..<end) { $0 == .newline }
    }
    // All spaces up to the last end of a line among them.
    var lastLine: Int?
    var index = start
    while index < end {
      let (kind, width) = text.scalarClass(at: index)
      guard kind.isSpace else { break }
      index += width
      if kind == .newline { lastLine = index }
    }
    return lastLine ?? spaceEnd(text, range)
  }

  /// `\s+(?!\S)|\s+`: a run of spaces without its last one, which belongs to what follows, if anything does.
  private static func spaceEnd(_ text: [UInt8], _ range: Range<Int>) -> Int {
    let end = runEnd(text, range) { $0.isSpace }
    guard end < range.upperBound else { return end }
    let last = text.scalarStart(before: end)
    return last > range.lowerBound ? last : end
  }

  private static func runEnd(
    _ text: [UInt8], _ range: Range<Int>, while holds: (ScalarClass) -> Bool
  ) -> Int {
    var index = range.lowerBound
    while index < range.upperBound {
      let (kind, width) = text.scalarClass(at: index)
      guard holds(kind) else { break }
      index += width
    }
    return index
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`.
  private static func contractionEnd(
    _ text: [UInt8], _ range: Range<Int>, ignoresCase: Bool
  ) -> Int? {
    let start = range.lowerBound
    guard text[start] == UInt8(ascii: "'"), start + 1 < range.upperBound else { return nil }
    let lowers: UInt8 = ignoresCase ? 0x20 : 0
    let first = text[start + 1] | lowers
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    default: break
    }
    guard start + 2 < range.upperBound else { return nil }
    // The long s is an s in another case.
    if ignoresCase, text[start + 1...start + 2] == [0xC5, 0xBF] { return start + 3 }
    switch (first, text[start + 2] | lowers) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 3
    default: return nil
    }
  }
}
