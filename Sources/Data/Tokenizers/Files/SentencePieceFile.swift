/// Reads `tokenizer.model`, a SentencePiece model as a protocol buffer.
enum SentencePieceFile {
  /// The arrays of a model; unigram and byte-pair models without a normalization table.
  static func read(_ bytes: [UInt8], path: String) throws(TokenizerError) -> TokenizerArrays {
    var arrays = TokenizerArrays(path: path, tokens: [])
    var modelType = 1
    var ids = [40: 0, 41: 1, 42: 2]
    var collapsesSpaces = true
    try each(bytes[...], path) { field, value throws(TokenizerError) in
      switch (field, value) {
      case (1, .bytes(let piece)): try readPiece(piece, into: &arrays)
      case (2, .bytes(let trainer)):
        try each(trainer, path) { field, value throws(TokenizerError) in
          guard case .number(let number) = value else { return }
          if field == 3 { modelType = Int(truncatingIfNeeded: number) }
          if ids[field] != nil { ids[field] = Int(Int32(truncatingIfNeeded: number)) }
          if field == 24, number != 0 {
            throw unsupported(path, "model", "SentencePiece with white space as a suffix")
          }
        }
      case (3, .bytes(let normalizer)):
        var name = "unnamed"
        try each(normalizer, path) { field, value throws(TokenizerError) in
          switch (field, value) {
          case (1, .bytes(let bytes)): name = String(decoding: bytes, as: UTF8.self)
          case (2, .bytes(let table)) where !table.isEmpty:
            throw unsupported(path, "normalizer", name)
          case (3, .number(let number)): arrays.addsSpace = number != 0
          case (4, .number(let number)): collapsesSpaces = number != 0
          case (5, .number(0)):
            throw unsupported(path, "normalizer", "SentencePiece that keeps white space")
          default: break
          }
        }
      default: break
      }
    }
    guard modelType == 1 || modelType == 2 else {
      let names = [3: "WORD", 4: "CHAR"]
      throw unsupported(path, "model", "SentencePiece \(names[modelType] ?? "\(modelType)")")
    }
    (arrays.isUnigram, arrays.collapsesSpaces) = (modelType == 1, collapsesSpaces)
    // Llama puts the beginning before each text, and no end behind it.
    arrays.start = ids[41].flatMap { $0 < 0 ? nil : $0 }
    return arrays
  }

  private static func readPiece(
    _ bytes: ArraySlice<UInt8>, into arrays: inout TokenizerArrays
  ) throws(TokenizerError) {
    let place = "piece \(arrays.tokens.count)"
    let path = arrays.path
    var (text, score, kind) = ("", Float(0), TokenizerArrays.Kind.normal)
    try each(bytes, path) { field, value throws(TokenizerError) in
      switch (field, value) {
      case (1, .bytes(let bytes)):
        guard let string = String(validating: bytes, as: UTF8.self) else {
          throw .malformed(path: path, place: place, problem: "its text is not UTF-8")
        }
        text = string
      case (2, .word(let bits)): score = Float(bitPattern: bits)
      case (3, .number(let number)):
        guard let known = TokenizerArrays.Kind(rawValue: Int(truncatingIfNeeded: number)) else {
          throw .malformed(path: path, place: place, problem: "its kind \(number) is unknown")
        }
        kind = known
      default: break
      }
    }
    arrays.tokens.append(text)
    arrays.scores.append(score)
    arrays.kinds.append(kind)
  }

  private static func unsupported(_ path: String, _ part: String, _ name: String) -> TokenizerError
  {
    .unsupported(path: path, part: part, name: name)
  }

  /// A value of a protocol buffer; words of 64 bits are passed over.
  private enum Value {
    case number(UInt64)
    case word(UInt32)
    case bytes(ArraySlice<UInt8>)
  }

  /// Calls `body` for each field of a message.
  private static func each(
    _ message: ArraySlice<UInt8>, _ path: String,
    _ body: (_ field: Int, _ value: Value) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var rest = message
    func malformed(_ problem: String) -> TokenizerError {
      .malformed(path: path, place: "byte \(rest.startIndex)", problem: problem)
    }
    func number() throws(TokenizerError) -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard let byte = rest.popFirst() else { throw malformed("the file ends in a number") }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw malformed("a number has more than ten bytes")
    }
    func take(_ count: UInt64) throws(TokenizerError) -> ArraySlice<UInt8> {
      guard count <= rest.count else {
        throw malformed("\(count) bytes are announced, and \(rest.count) are left")
      }
      defer { rest = rest.dropFirst(Int(count)) }
      return rest.prefix(Int(count))
    }
    while !rest.isEmpty {
      let key = try number()
      let field = Int(truncatingIfNeeded: key >> 3)
      switch key & 7 {
      case 0: try body(field, .number(try number()))
      case 1: _ = try take(8)
      case 2: try body(field, .bytes(try take(try number())))
      case 5:
        let bits = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        try body(field, .word(bits))
      case let type: throw malformed("a field of the unknown type \(type)")
      }
    }
  }
}
