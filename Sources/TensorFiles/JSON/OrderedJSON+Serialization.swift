import OrderedCollections

extension OrderedJSON {
  /// How JSON text is laid out.
  public enum Layout: Sendable {
    /// On one line, without spaces.
    case compact
    /// One member or element per line, indented by two spaces.
    case indented
  }

  /// The value as JSON text: the same text for the same value, keys in their order.
  ///
  /// Numbers are written so that parsing gives them back exactly; a ``number(_:)`` always has a
  /// fraction or an exponent. Control characters and marks that turn the direction of writing are written as
  /// `\u` escapes, so that the text may be shown on a terminal.
  ///
  /// - Throws: ``TensorFileError/unwritableNumber(path:field:)`` for infinity and NaN.
  /// - Complexity: O(n).
  public func serialized(
    _ layout: Layout = .compact, path: String = "JSON"
  ) throws(TensorFileError) -> String {
    var writer = JSONWriter(isIndented: layout == .indented, path: path)
    try writer.write(self, depth: 0, field: "")
    return writer.text
  }
}

private struct JSONWriter {
  let isIndented: Bool
  let path: String
  var text = ""

  mutating func write(_ value: OrderedJSON, depth: Int, field: String) throws(TensorFileError) {
    switch value {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value):
      guard value.isFinite else { throw .unwritableNumber(path: path, field: field) }
      text += "\(value)"
    case .string(let value): write(value)
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        separate(index, depth: depth + 1)
        try write(element, depth: depth + 1, field: "\(field)[\(index)]")
      }
      finish(isEmpty: elements.isEmpty, "]", depth: depth)
    case .object(let members):
      text += "{"
      for (index, member) in members.elements.enumerated() {
        separate(index, depth: depth + 1)
        write(member.key)
        text += isIndented ? ": " : ":"
        let name = field.isEmpty ? member.key : "\(field).\(member.key)"
        try write(member.value, depth: depth + 1, field: name)
      }
      finish(isEmpty: members.isEmpty, "}", depth: depth)
    }
  }

  private mutating func separate(_ index: Int, depth: Int) {
    if index > 0 { text += "," }
    breakLine(depth: depth)
  }

  private mutating func finish(isEmpty: Bool, _ bracket: String, depth: Int) {
    if !isEmpty { breakLine(depth: depth) }
    text += bracket
  }

  private mutating func breakLine(depth: Int) {
    if isIndented { text += "\n" + String(repeating: "  ", count: depth) }
  }

  private mutating func write(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.isActive:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
