/// How a text is cut into the pieces that a model sees one by one.
indirect enum PreTokenizer: Sendable {
  /// At white space, which is dropped, and around each punctuation mark.
  case bert
  /// By the pattern of GPT-2, or not at all, with a space before what does not begin with one (`prefixes`).
  ///
  /// The model behind it works on bytes.
  case byteLevel(prefixes: Bool, cuts: Bool)
  /// Around each digit, or around runs of them.
  case digits(individual: Bool)
  /// By a pattern.
  case words(WordPattern)
  /// Spaces become `replacement`, one is put before the text, and a piece begins at each if `cuts`.
  case metaspace(replacement: [UInt8], prefix: Prefix, cuts: Bool)
  /// One after the other.
  case sequence([PreTokenizer])

  /// Where `metaspace` puts a mark before a text that has none.
  enum Prefix: String, Sendable {
    case always, first, never
  }

  /// Whether the model behind it works on bytes, rather than on scalars.
  var isByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let steps): steps.contains { $0.isByteLevel }
    default: false
    }
  }

  /// Cuts the pieces of a text further.
  func apply(to pieces: inout TextPieces) {
    switch self {
    case .bert:
      pieces.cut { text, range in
        let (scalar, width) = text.scalar(at: range.lowerBound)
        let end = range.lowerBound + width
        if BertCleaning.isSpace(scalar) { return (end, false) }
        if BertCleaning.isPunctuation(scalar) { return (end, true) }
        return (
          text.end(of: range) { !BertCleaning.isSpace($0) && !BertCleaning.isPunctuation($0) }, true
        )
      }
    case .byteLevel(let prefixes, let cuts):
      if prefixes { pieces.prefix([UInt8(ascii: " ")]) { _ in true } }
      if cuts { Self.words(.gpt2).apply(to: &pieces) }
    case .digits(let individual):
      pieces.cut { text, range in
        let (kind, width) = text.scalarClass(at: range.lowerBound)
        if kind == .number, individual { return (range.lowerBound + width, true) }
        return (text.end(of: range) { (ScalarClass($0) == .number) == (kind == .number) }, true)
      }
    case .words(let pattern): pieces.cut { (pattern.end(in: $0, $1), true) }
    case .metaspace(let replacement, let prefix, let cuts):
      pieces.replace(UInt8(ascii: " "), by: replacement)
      if prefix != .never {
        pieces.prefix(replacement) { $0 || prefix == .always }
      }
      if cuts {
        pieces.cut { text, range in
          let rest = range.dropFirst(text[range].starts(with: replacement) ? replacement.count : 1)
          let end = rest.first { text[$0..<range.upperBound].starts(with: replacement) }
          return (end ?? range.upperBound, true)
        }
      }
    case .sequence(let steps):
      for step in steps { step.apply(to: &pieces) }
    }
  }
}

/// A text on its way to the model: bytes, and the ranges that are pieces.
struct TextPieces {
  private(set) var text: [UInt8]
  private(set) var ranges: [Range<Int>]
  /// Whether the first piece is the beginning of the whole text that was given.
  private let isBeginning: Bool

  /// One piece, or none where the text is empty.
  init(_ text: [UInt8], isBeginning: Bool) {
    (self.text, self.isBeginning) = (text, isBeginning)
    ranges = text.isEmpty ? [] : [text.indices]
  }

  /// Cuts every piece: `next` gives the end of the first part of a range, and whether the part is kept.
  mutating func cut(_ next: (_ text: [UInt8], _ range: Range<Int>) -> (end: Int, isKept: Bool)) {
    var parts: [Range<Int>] = []
    for range in ranges {
      var start = range.lowerBound
      while start < range.upperBound {
        let (end, isKept) = next(text, start..<range.upperBound)
        if isKept { parts.append(start..<end) }
        start = end
      }
    }
    ranges = parts
  }

  /// Puts a prefix before each piece that does not begin with it, if `holds` for whether it begins the whole text.
  mutating func prefix(_ prefix: [UInt8], where holds: (_ isBeginning: Bool) -> Bool) {
    let isBeginning = isBeginning
    rebuild { index, piece in
      let isFirst = index == 0 && isBeginning
      return holds(isFirst) && !piece.starts(with: prefix) ? prefix + piece : Array(piece)
    }
  }

  /// Replaces a byte wherever it stands.
  mutating func replace(_ byte: UInt8, by bytes: [UInt8]) {
    rebuild { $1.flatMap { $0 == byte ? bytes : [$0] } }
  }

  private mutating func rebuild(_ change: (Int, ArraySlice<UInt8>) -> [UInt8]) {
    var changed: [UInt8] = []
    for (index, range) in ranges.enumerated() {
      let start = changed.count
      changed += change(index, text[range])
      ranges[index] = start..<changed.count
    }
    text = changed
  }
}

extension [UInt8] {
  /// The end of the scalars at the beginning of a range for which `holds`.
  func end(of range: Range<Int>, while holds: (Unicode.Scalar) -> Bool) -> Int {
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, width) = scalar(at: index)
      guard holds(scalar) else { break }
      index += width
    }
    return index
  }
}
