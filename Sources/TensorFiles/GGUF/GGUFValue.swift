/// A value of a GGUF file's metadata.
///
/// Integers of all sizes are one kind, and so are numbers of both precisions. An array keeps its elements
/// as plain arrays, because vocabularies have a hundred thousand of them.
package enum GGUFValue: Sendable, Hashable {
  /// An integer of any size.
  case integer(Int)
  /// A number in single or double precision.
  case number(Double)
  /// A truth value.
  case boolean(Bool)
  /// A text.
  case string(String)
  /// An array of integers.
  case integers([Int])
  /// An array of numbers.
  case numbers([Double])
  /// An array of truth values.
  case booleans([Bool])
  /// An array of texts.
  case strings([String])
  /// An array of arrays.
  case arrays([GGUFValue])

  /// The value as JSON has it.
  package var json: OrderedJSON {
    switch self {
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .boolean(let value): .boolean(value)
    case .string(let value): .string(value)
    case .integers(let values): .array(values.map { .integer($0) })
    case .numbers(let values): .array(values.map { .number($0) })
    case .booleans(let values): .array(values.map { .boolean($0) })
    case .strings(let values): .array(values.map { .string($0) })
    case .arrays(let values): .array(values.map(\.json))
    }
  }

  /// What kind of value this is, for a sentence: `a string`.
  package var kind: String {
    switch self {
    case .integer: "an integer"
    case .number: "a number"
    case .boolean: "a truth value"
    case .string: "a string"
    case .integers: "an array of integers"
    case .numbers: "an array of numbers"
    case .booleans: "an array of truth values"
    case .strings: "an array of strings"
    case .arrays: "an array of arrays"
    }
  }
}
