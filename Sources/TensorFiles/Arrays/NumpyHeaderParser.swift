/// A strict parser of the one Python literal in a `.npy` header.
///
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: the three keys in any order, each
/// once, a comma after the last or not, white space anywhere.
struct NumpyHeaderParser {
  let bytes: [UInt8]
  let path: String
  let offset: Int
  var position = 0

  private func failure(_ problem: String) -> TensorFileError {
    .malformedHeader(path: path, offset: offset + position, problem: problem)
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[position]) {
      position += 1
    }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Character) throws(TensorFileError) {
    guard take(character) else { throw failure("expected '\(character)'") }
  }

  mutating func dictionary() throws(TensorFileError) -> (String, Bool, [Int]) {
    var (descriptor, isFortranOrder, shape): (String?, Bool?, [Int]?)
    try expect("{")
    while !take("}") {
      skipSpace()
      let start = offset + position
      let key = try string()
      try expect(":")
      let isRepeated: Bool
      switch key {
      case "descr": (isRepeated, descriptor) = (descriptor != nil, try type())
      case "fortran_order": (isRepeated, isFortranOrder) = (isFortranOrder != nil, try truth())
      case "shape": (isRepeated, shape) = (shape != nil, try tuple())
      default: throw failure("unknown key '\(key)'")
      }
      guard !isRepeated else { throw .duplicateKey(path: path, offset: start, key: key) }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard position == bytes.count else { throw failure("text after the dictionary") }
    guard let descriptor else { throw .missingField(path: path, field: "descr") }
    guard let isFortranOrder else { throw .missingField(path: path, field: "fortran_order") }
    guard let shape else { throw .missingField(path: path, field: "shape") }
    return (descriptor, isFortranOrder, shape)
  }

  private mutating func string() throws(TensorFileError) -> String {
    let quote: Character = take("'") ? "'" : "\""
    if quote == "\"" {
      guard take("\"") else { throw failure("expected a string in quotes") }
    }
    let start = position
    while position < bytes.count, bytes[position] != quote.asciiValue {
      guard (0x20..<0x7f).contains(bytes[position]), bytes[position] != UInt8(ascii: "\\") else {
        throw failure("a string with a character that is not plain ASCII")
      }
      position += 1
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard position < bytes.count else { throw failure("a string without end") }
    position += 1
    return text
  }

  /// A `descr`: a string, or the rest of the text where a record or a sub-array starts, since no
  /// such type is read anyway.
  private mutating func type() throws(TensorFileError) -> String {
    skipSpace()
    guard position < bytes.count,
      bytes[position] == UInt8(ascii: "[") || bytes[position] == UInt8(ascii: "(")
    else { return try string() }
    let found = String(decoding: bytes[position...].prefix(40), as: UTF8.self)
    throw .unsupportedElementType(
      path: path, field: "descr",
      found: found + (found.hasPrefix("[") ? " (a record)" : " (a sub-array)"),
      supported: "<f2, <f4, <f8, and <i4, <i8 for integers")
  }

  private mutating func truth() throws(TensorFileError) -> Bool {
    skipSpace()
    for (word, value) in [("True", true), ("False", false)]
    where bytes[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw failure("expected True or False")
  }

  private mutating func tuple() throws(TensorFileError) -> [Int] {
    try expect("(")
    var dimensions: [Int] = []
    while !take(")") {
      dimensions.append(try dimension())
      if take(",") { continue }
      try expect(")")
      // `(3)` is a number to Python, not a shape.
      guard dimensions.count > 1 else { throw failure("a shape of one dimension needs a comma") }
      break
    }
    return dimensions
  }

  private mutating func dimension() throws(TensorFileError) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isLarger) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
      guard !isTooLarge, !isLarger else { throw failure("a dimension of 2^63 or more") }
      value = sum
      position += 1
    }
    guard position > start else { throw failure("expected a dimension (an integer from 0)") }
    return value
  }
}
