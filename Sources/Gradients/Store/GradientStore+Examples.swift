import OrderedCollections
import TensorFiles

extension GradientStore {
  /// The examples' ids, from memory or as the writer of the store recorded them; nil where there are none.
  ///
  /// - Returns: One entry per row, nil for those without an id.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines, and keeps all ids.
  public func exampleIDs() throws -> [String?]? {
    if let known = companions.exampleIDs { return known }
    return try exampleValues("id", Self.id)
  }

  /// The ids of some examples, where they have any.
  ///
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines, and keeps the ids of the given rows.
  package func exampleIDs(ofRows rows: Set<Int>) throws -> [Int: String] {
    if let known = companions.exampleIDs {
      return rows.reduce(into: [:]) { $0[$1] = known[$1] }
    }
    return try exampleValues("id", ofRows: rows, Self.id)
  }

  /// The texts of some examples as the writer of the store recorded them, where they have any.
  ///
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines, and keeps the texts of the given rows.
  package func exampleTexts(ofRows rows: Set<Int>) throws -> [Int: String] {
    try exampleValues("text", ofRows: rows, \.string)
  }

  /// The texts of all examples as the writer of the store recorded them; nil where there are none.
  ///
  /// - Throws: An error of `examples.jsonl`.
  package func exampleTexts() throws -> [String?]? { try exampleValues("text", \.string) }

  /// The labels of all examples as the writer of the store recorded them; nil where there are none.
  ///
  /// - Throws: An error of `examples.jsonl`.
  package func exampleLabels() throws -> [String?]? { try exampleValues("label", Self.id) }

  /// The labels of some examples, where they have any.
  ///
  /// - Throws: An error of `examples.jsonl`.
  package func exampleLabels(ofRows rows: Set<Int>) throws -> [Int: String] {
    try exampleValues("label", ofRows: rows, Self.id)
  }

  /// Whether the first example that says something of itself has a text.
  ///
  /// - Throws: An error of `examples.jsonl`.
  package func hasExampleTexts() throws -> Bool {
    var reader = try ExampleReader(of: self)
    return try reader.take(0..<min(1, count)).first?.members["text"]?.string != nil
  }

  /// Which examples have one of some values under each of some keys of their lines.
  ///
  /// A value is compared as text: a string as it stands, another value as JSON writes it.
  ///
  /// - Parameter wanted: The values that are wanted of each key, such as `label` or `source`.
  /// - Returns: Whether each row is wanted, and the keys that lines have beside `row`, sorted.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines.
  package func rows(
    where wanted: [String: Set<String>]
  ) throws -> (areWanted: [Bool], keys: [String]) {
    var areWanted = [Bool](repeating: false, count: count)
    var keys: Set<String> = []
    var reader = try ExampleReader(of: self)
    for part in chunks(of: 1 << 16) {
      for (row, members) in try reader.take(part) where row < count {
        keys.formUnion(members.keys)
        areWanted[row] = try wanted.allSatisfy { key, values in
          guard let member = members[key] else { return false }
          return values.contains(try member.string ?? member.serialized())
        }
      }
    }
    return (areWanted, keys.subtracting(["row"]).sorted())
  }

  private func exampleValues<Value>(
    _ key: String, ofRows rows: Set<Int>, _ value: (OrderedJSON) throws -> Value?
  ) throws -> [Int: Value] {
    var values: [Int: Value] = [:]
    var reader = try ExampleReader(of: self)
    for part in chunks(of: 1 << 16) {
      for (row, members) in try reader.take(part) where rows.contains(row) {
        values[row] = try members[key].flatMap(value)
      }
    }
    return values
  }

  private static func id(_ member: OrderedJSON) throws -> String? {
    try member.string ?? member.serialized()
  }

  /// The examples' losses as the writer of the store recorded them; nil where there are none, or where the gradients are of
  /// another measure, such as a margin, whose values stand in the place of losses then.
  ///
  /// - Returns: One entry per row, nil for those without a loss.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines, and keeps all losses.
  package func exampleLosses() throws -> [Double?]? {
    measuresLoss ? try exampleValues("loss", \.number) : nil
  }

  /// Whether the gradients are of the loss, as far as the store says what they are of.
  package var measuresLoss: Bool { (commonProvenance["measure"] ?? "loss") == "loss" }

  /// What the lines of the examples hold under a key; nil where none has it.
  private func exampleValues<Value>(
    _ key: String, _ value: (OrderedJSON) throws -> Value?
  ) throws -> [Value?]? {
    var values: [Value?] = []
    var reader = try ExampleReader(of: self)
    // Some rows at a time, since other members of the lines are not kept.
    for rows in chunks(of: 1 << 16) {
      for (row, members) in try reader.take(rows) {
        guard let member = members[key], row < count else { continue }
        if values.isEmpty { values = [Value?](repeating: nil, count: count) }
        values[row] = try value(member)
      }
    }
    return values.isEmpty ? nil : values
  }
}
