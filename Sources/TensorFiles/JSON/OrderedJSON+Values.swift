package import OrderedCollections

extension OrderedJSON {
  /// A number, or null where it is missing or not finite, which JSON cannot write.
  package static func finite(_ value: Double?) -> OrderedJSON {
    guard let value, value.isFinite else { return .null }
    return .number(value)
  }

  /// A list of numbers, with null in place of those that are not finite.
  package static func list(_ values: [Double]) -> OrderedJSON { .array(values.map { finite($0) }) }

  /// A list of strings.
  package static func list(_ values: [String]) -> OrderedJSON {
    .array(values.map { .string($0) })
  }

  /// A string, or null for nil.
  package static func text(_ value: String?) -> OrderedJSON { value.map { .string($0) } ?? .null }

  /// The members of this object followed by those of another, whose values win where both have a key.
  ///
  /// - Parameter other: An object; anything else adds nothing.
  package func adding(_ other: OrderedJSON) -> OrderedJSON {
    guard case .object(var members) = self, case .object(let more) = other else { return self }
    members.merge(more) { _, new in new }
    return .object(members)
  }
}

extension Dictionary where Key == String {
  /// The same members in the order of their keys, as files hold them.
  package var sortedByKey: OrderedDictionary<String, Value> {
    OrderedDictionary(uniqueKeysWithValues: sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }
}
