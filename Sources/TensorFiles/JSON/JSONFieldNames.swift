/// How the names of Swift properties become the names of JSON fields.
package enum JSONFieldNames: Sendable {
  /// `testAccuracy` is `test_accuracy`, and `recall10` is `recall_10`.
  case snakeCase
  /// `testAccuracy` is `test-accuracy`, and `recall10` is `recall-10`.
  case kebabCase

  private var separator: Character {
    switch self {
    case .snakeCase: "_"
    case .kebabCase: "-"
    }
  }

  /// The field of a property: a word begins at the first capital and at the first digit in a row.
  ///
  /// A name that is written with separators already, or that is one capital, stays as it is.
  func field(of property: String) -> String {
    var field = ""
    var last: Character?
    for character in property {
      if let last {
        let beginsWord = character.isUppercase && !last.isUppercase
        let beginsNumber = character.isNumber && last.isLetter
        if beginsWord || beginsNumber { field.append(separator) }
        field += character.lowercased()
      } else {
        field.append(character)
      }
      last = character
    }
    return field
  }
}

/// A field or an index, on the way to a value.
struct JSONKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(_ field: String) { (stringValue, intValue) = (field, nil) }
  init(_ index: Int) { (stringValue, intValue) = ("\(index)", index) }
  init(stringValue: String) { self.init(stringValue) }
  init(intValue: Int) { self.init(intValue) }
}
