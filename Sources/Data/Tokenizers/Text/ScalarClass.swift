/// What the patterns that cut texts into words tell apart.
enum ScalarClass: Sendable {
  /// `\p{L}`.
  case letter
  /// `\p{N}`.
  case number
  /// `\s`, but no end of a line.
  case space
  /// A carriage return or a line feed, which are `\s` too.
  case newline
  /// Anything else: punctuation, symbols, marks, control characters.
  case other

  /// Whether the scalar is `\s`.
  var isSpace: Bool { self == .space || self == .newline }

  /// The class of a scalar.
  init(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "a"..."z", "A"..."Z": self = .letter
    case "0"..."9": self = .number
    case "\n", "\r": self = .newline
    case " ", "\t", "\u{B}", "\u{C}": self = .space
    case "\0"..."\u{7F}": self = .other
    default:
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }
}

extension [UInt8] {
  /// The scalar that starts at a byte of valid UTF-8, and the number of its bytes.
  func scalar(at index: Int) -> (scalar: Unicode.Scalar, width: Int) {
    let first = self[index]
    if first < 0x80 { return (Unicode.Scalar(first), 1) }
    let width = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    var value = UInt32(first) & (0xFF >> UInt32(width + 1))
    for offset in 1..<width { value = value << 6 | UInt32(self[index + offset] & 0x3F) }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", width)
  }

  /// The class of the scalar at a byte of valid UTF-8, and the number of its bytes.
  func scalarClass(at index: Int) -> (kind: ScalarClass, width: Int) {
    let (scalar, width) = scalar(at: index)
    return (ScalarClass(scalar), width)
  }

  /// The start of the scalar that ends before a byte.
  func scalarStart(before index: Int) -> Int {
    var start = index - 1
    while self[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
