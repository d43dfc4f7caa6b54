/// The parts of BERT's basic tokenization that work scalar by scalar.
enum BertCleaning {
  /// The text without control characters and with plain spaces (`controls`), and with spaces around ideographs.
  static func cleaned(_ text: [UInt8], controls: Bool, ideographs: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (scalar, width) = text.scalar(at: index)
      let bytes = index..<index + width
      index += width
      if controls, isRemoved(scalar) { continue }
      if controls, isSpace(scalar) {
        result.append(UInt8(ascii: " "))
      } else if ideographs, isIdeograph(scalar) {
        result.append(UInt8(ascii: " "))
        result += text[bytes]
        result.append(UInt8(ascii: " "))
      } else {
        result += text[bytes]
      }
    }
    return result
  }

  /// Whether a word ends at the scalar, which is no word itself.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII
      ? scalar == " " || (0x09...0x0D).contains(scalar.value)
      : scalar.properties.isWhitespace
  }

  /// Whether the scalar is a word of its own: what Unicode calls punctuation, and the signs of ASCII.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return switch scalar.value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
      default: false
      }
    }
    return switch category(scalar) {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }

  /// The category of a scalar in Unicode 8, by which Hugging Face's library cleans texts.
  ///
  /// Later scalars have none there, and few have changed their category since.
  static func category(_ scalar: Unicode.Scalar) -> Unicode.GeneralCategory {
    switch scalar.value {
    case 0x166D, 0x111C9: return .otherPunctuation
    case 0x1734: return .nonspacingMark
    case 0x1885...0x1886: return .otherLetter
    case 0xA9BD, 0x1171E: return .spacingMark
    default:
      let properties = scalar.properties
      guard let age = properties.age, age.major > 8 else { return properties.generalCategory }
      return .unassigned
    }
  }

  private static func isRemoved(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\t", "\n", "\r": false
    case "\u{FFFD}": true
    case " "..."~": false
    default:
      switch category(scalar) {
      case .control, .format, .privateUse: true
      default: false
      }
    }
  }

  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

extension [UInt8] {
  /// Whether all bytes are of ASCII.
  var isASCII: Bool { allSatisfy { $0 < 0x80 } }
}
