/// What a cell has computed, where cells are of two kinds; as JSON it is the fields of its kind alone.
enum EitherResult<First: Codable & Sendable, Second: ResultWithOwnField>: Codable, Sendable {
  case first(First)
  case second(Second)

  /// Reads either, by the field that only the second has.
  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Second.CodingKeys.self)
    self =
      fields.contains(Second.ownField)
      ? .second(try Second(from: decoder)) : .first(try First(from: decoder))
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .first(let result): try result.encode(to: encoder)
    case .second(let result): try result.encode(to: encoder)
    }
  }

  var first: First? { if case .first(let result) = self { result } else { nil } }
  var second: Second? { if case .second(let result) = self { result } else { nil } }
}

/// A result that has a field by which it is told from one of another kind.
protocol ResultWithOwnField: Codable, Sendable {
  associatedtype CodingKeys: CodingKey
  static var ownField: CodingKeys { get }
}
