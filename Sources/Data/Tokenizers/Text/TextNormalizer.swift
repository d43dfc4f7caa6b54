internal import Foundation

/// What is done to a text before it is cut into words.
indirect enum TextNormalizer: Sendable {
  /// BERT's cleaning; each part may be left out.
  case bert(cleans: Bool, spacesIdeographs: Bool, stripsAccents: Bool, lowercases: Bool)
  /// Every scalar in lower case, whatever stands beside it.
  case lowercase
  /// One of the normalization forms of Unicode.
  case form(Form)
  /// A text before every text that is not empty.
  case prepend([UInt8])
  /// One text in place of another.
  case replace([UInt8], by: [UInt8])
  /// Spaces at both ends removed, and one space for several.
  case collapseSpaces
  /// One after the other.
  case sequence([TextNormalizer])

  /// A normalization form of Unicode, as the system's tables have it.
  ///
  /// NFC and NFD are those of Hugging Face's library but for U+11938; NFKC and NFKD leave 134 characters as they are
  /// that Unicode has had since version 12.1.
  enum Form: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    fileprivate func applied(to text: String) -> String {
      switch self {
      case .nfc: text.precomposedStringWithCanonicalMapping
      case .nfd: text.decomposedStringWithCanonicalMapping
      case .nfkc: text.precomposedStringWithCompatibilityMapping
      case .nfkd: text.decomposedStringWithCompatibilityMapping
      }
    }
  }

  /// The normalized text, in UTF-8 as it was.
  func normalized(_ text: [UInt8]) -> [UInt8] {
    switch self {
    case .bert(let cleans, let spacesIdeographs, let stripsAccents, let lowercases):
      var text = BertCleaning.cleaned(text, controls: cleans, ideographs: spacesIdeographs)
      if stripsAccents, !text.isASCII {
        text = Self.form(.nfd).normalized(text)
        text = Self.mapped(text) { BertCleaning.category($0) == .nonspacingMark ? nil : $0 }
      }
      return lowercases ? Self.lowercase.normalized(text) : text
    case .lowercase:
      if text.isASCII { return text.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 } }
      var result: [UInt8] = []
      for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        result += scalar.properties.lowercaseMapping.utf8
      }
      return result
    case .form(let form):
      if text.isASCII { return text }
      return Array(form.applied(to: String(decoding: text, as: UTF8.self)).utf8)
    case .prepend(let prefix): return text.isEmpty ? text : prefix + text
    case .replace(let pattern, let content): return text.replacing(pattern, with: content)
    case .collapseSpaces:
      return Array(
        text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
          .joined(separator: [UInt8(ascii: " ")]))
    case .sequence(let steps): return steps.reduce(text) { $1.normalized($0) }
    }
  }

  /// The text with every scalar replaced, or removed for nil.
  fileprivate static func mapped(
    _ text: [UInt8], _ transform: (Unicode.Scalar) -> Unicode.Scalar?
  ) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let (scalar, width) = text.scalar(at: index)
      if let scalar = transform(scalar) {
        result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      }
      index += width
    }
    return result
  }
}
