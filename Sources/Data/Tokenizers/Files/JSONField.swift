internal import TensorFiles

/// A value of a JSON file with the place where it stands, for errors.
struct JSONField {
  /// The value; nil where the field is absent.
  let value: OrderedJSON?
  let path: String
  let name: String

  /// Whether the field is absent or null.
  var isNull: Bool { value == nil || value == .null }

  /// A field of an object; absent where this is no object.
  subscript(key: String) -> JSONField {
    JSONField(value: value?[key], path: path, name: name.isEmpty ? key : "\(name).\(key)")
  }

  func string() throws(TensorFileError) -> String {
    try required("a string") { $0.string }
  }

  func integer() throws(TensorFileError) -> Int {
    try required("an integer") { $0.integer }
  }

  /// The truth value, or `absent` where there is none.
  func boolean(_ absent: Bool) throws(TensorFileError) -> Bool {
    isNull ? absent : try required("true or false") { $0.boolean }
  }

  /// The string, or nil where there is none or it is empty.
  func nonEmptyString() throws(TensorFileError) -> String? {
    let text = isNull ? "" : try string()
    return text.isEmpty ? nil : text
  }

  /// The elements of an array.
  func elements() throws(TensorFileError) -> [JSONField] {
    try required("an array") { $0.array }.enumerated().map {
      JSONField(value: $1, path: path, name: "\(name)[\($0)]")
    }
  }

  /// The elements of an array of [text, number], without the cost of their names.
  func pairs<Number>(
    _ expected: String, _ number: (OrderedJSON) -> Number?
  ) throws(TensorFileError) -> [(String, Number)] {
    let elements = try required("an array or an object") { $0.array }
    var pairs: [(String, Number)] = []
    pairs.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      guard let pair = element.array, pair.count == 2, let text = pair[0].string,
        let number = number(pair[1])
      else {
        throw .invalidField(
          path: path, field: "\(name)[\(index)]", expected: expected,
          found: element.array?.map(\.kind).joined(separator: " and ") ?? element.kind)
      }
      pairs.append((text, number))
    }
    return pairs
  }

  private func required<Value>(
    _ expected: String, _ value: (OrderedJSON) -> Value?
  ) throws(TensorFileError) -> Value {
    guard let json = self.value else { throw .missingField(path: path, field: name) }
    guard let found = value(json) else {
      throw .invalidField(path: path, field: name, expected: expected, found: json.kind)
    }
    return found
  }
}
