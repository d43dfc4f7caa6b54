import OrderedCollections

/// A recursive-descent parser of RFC 8259.
struct JSONParser {
  let bytes: [UInt8]
  let path: String
  let offset: Int
  /// The keys whose objects become arrays of pairs.
  var listing: Set<String> = []
  var position = 0

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func failure(_ problem: String, at position: Int? = nil) -> TensorFileError {
    .malformedJSON(path: path, offset: offset + (position ?? self.position), problem: problem)
  }

  private func unexpected(wanted: String) -> TensorFileError {
    guard let next else { return failure("the text ends where \(wanted) should stand") }
    let found =
      next > 0x20 && next < 0x7f
      ? "'\(Character(Unicode.Scalar(next)))'" : "byte 0x\(String(next, radix: 16))"
    return failure("found \(found) where \(wanted) should stand")
  }

  mutating func document() throws(TensorFileError) -> OrderedJSON {
    let value = try value(depth: 0, key: "")
    skipSpace()
    guard position == bytes.count else { throw unexpected(wanted: "the end of the text") }
    return value
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0a, 0x0d, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ character: Character) -> Bool {
    guard let next, next == character.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func value(
    depth: Int, key: String? = nil
  ) throws(TensorFileError) -> OrderedJSON {
    skipSpace()
    guard let next else { throw unexpected(wanted: "a value") }
    switch next {
    case UInt8(ascii: "{"):
      if let key, listing.contains(key) { return try pairs(depth: depth + 1) }
      return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw unexpected(wanted: "a value")
    }
  }

  private mutating func word(
    _ word: StaticString, _ value: OrderedJSON
  ) throws(TensorFileError) -> OrderedJSON {
    let expected = Array("\(word)".utf8)
    guard bytes[position...].starts(with: expected) else {
      throw failure("an unknown word stands where '\(word)' could")
    }
    position += expected.count
    return value
  }

  private func checkDepth(_ depth: Int) throws(TensorFileError) {
    guard depth <= OrderedJSON.depthLimit else {
      throw failure("more than \(OrderedJSON.depthLimit) arrays and objects inside one another")
    }
  }

  private mutating func array(depth: Int) throws(TensorFileError) -> OrderedJSON {
    try checkDepth(depth)
    position += 1
    var elements: [OrderedJSON] = []
    skipSpace()
    if take("]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth))
      skipSpace()
      if take("]") { return .array(elements) }
      guard take(",") else { throw unexpected(wanted: "',' or ']'") }
    }
  }

  private mutating func object(depth: Int) throws(TensorFileError) -> OrderedJSON {
    var members: OrderedDictionary<String, OrderedJSON> = [:]
    try eachMember(depth: depth) { parser, key, position throws(TensorFileError) in
      guard members[key] == nil else {
        throw .duplicateKey(path: parser.path, offset: parser.offset + position, key: key)
      }
      members[key] = try parser.value(depth: depth, key: key)
    }
    return .object(members)
  }

  /// An object as an array of `[key, value]`.
  private mutating func pairs(depth: Int) throws(TensorFileError) -> OrderedJSON {
    var pairs: [OrderedJSON] = []
    try eachMember(depth: depth) { parser, key, _ throws(TensorFileError) in
      pairs.append(.array([.string(key), try parser.value(depth: depth)]))
    }
    return .array(pairs)
  }

  /// Calls `body` with each key and its position, where the parser stands before the value.
  private mutating func eachMember(
    depth: Int, _ body: (inout JSONParser, String, Int) throws(TensorFileError) -> Void
  ) throws(TensorFileError) {
    try checkDepth(depth)
    position += 1
    skipSpace()
    if take("}") { return }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected(wanted: "a key in quotes") }
      let keyPosition = position
      let key = try string()
      skipSpace()
      guard take(":") else { throw unexpected(wanted: "':'") }
      try body(&self, key, keyPosition)
      skipSpace()
      if take("}") { return }
      guard take(",") else { throw unexpected(wanted: "',' or '}'") }
    }
  }
}

// MARK: - Numbers

extension JSONParser {
  private mutating func digits() throws(TensorFileError) {
    let start = position
    while let next, next >= 0x30, next <= 0x39 { position += 1 }
    guard position > start else { throw unexpected(wanted: "a digit") }
  }

  private mutating func number() throws(TensorFileError) -> OrderedJSON {
    let start = position
    var isInteger = true
    _ = take("-")
    let first = position
    try digits()
    guard bytes[first] != 0x30 || position == first + 1 else {
      throw failure("a number starts with 0", at: first)
    }
    if take(".") {
      isInteger = false
      try digits()
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw failure("a number outside the range of Double", at: start)
    }
    return .number(value)
  }
}

// MARK: - Strings

extension JSONParser {
  private mutating func string() throws(TensorFileError) -> String {
    let opening = position
    position += 1
    let start = position
    while let next, next != UInt8(ascii: "\""), next != UInt8(ascii: "\\"), next >= 0x20 {
      position += 1
    }
    if next == UInt8(ascii: "\"") {
      position += 1
      return try text(bytes[start..<position - 1], opening: opening)
    }
    var unescaped = Array(bytes[start..<position])
    while let next {
      switch next {
      case UInt8(ascii: "\""):
        position += 1
        return try text(unescaped[...], opening: opening)
      case UInt8(ascii: "\\"):
        try escape(into: &unescaped)
      case 0..<0x20:
        throw failure("a control character in a string; write it as an escape")
      default:
        unescaped.append(next)
        position += 1
      }
    }
    throw failure("the string that starts here has no end", at: opening)
  }

  private func text(
    _ bytes: ArraySlice<UInt8>, opening: Int
  ) throws(TensorFileError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalidUTF8(path: path, offset: offset + opening)
    }
    return text
  }

  private mutating func escape(into unescaped: inout [UInt8]) throws(TensorFileError) {
    position += 1
    let escaped = next
    position += 1
    switch escaped {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(escaped ?? 0)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0c)
    case UInt8(ascii: "n"): unescaped.append(0x0a)
    case UInt8(ascii: "r"): unescaped.append(0x0d)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"): unescaped.append(contentsOf: String(try scalar()).utf8)
    default: throw failure("an unknown escape", at: position - 2)
    }
  }

  /// The scalar of one `\u` escape, or of two that make a surrogate pair.
  private mutating func scalar() throws(TensorFileError) -> Unicode.Scalar {
    let start = position - 2
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xdc00, take("\\"), take("u") {
      let second = try codeUnit()
      if (0xdc00..<0xe000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
      {
        return scalar
      }
    }
    throw failure("half of a surrogate pair", at: start)
  }

  private mutating func codeUnit() throws(TensorFileError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let next, let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
        throw unexpected(wanted: "a hexadecimal digit")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}
