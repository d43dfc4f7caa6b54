package import InfluenceKit

/// One thing that an experiment lets its file decide: a key, what it may hold, and what it is without it.
///
/// An experiment declares its settings; the file is checked against them before any work, and
/// `influence experiment describe` prints them.
package struct Setting: Sendable {
  /// What a setting may hold.
  package enum Kind: Sendable {
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case text
    case choice([String])
    case flag
    /// A list of at least one whole number in a range, or, if `mayBeEmpty`, of none.
    case integers(ClosedRange<Int>, mayBeEmpty: Bool = false)
    /// A list of at least one finite number in a range.
    case numbers(ClosedRange<Double>)
    /// A list of at least one of these words, each at most once.
    case choices([String])
    /// A list of methods with their settings, such as `lissa:depth=10`, each at most once.
    case methods
    /// The same, or an empty list.
    case methodsOrNone
    case path
  }

  /// The key; dots are levels of the file: `model.hidden` is `hidden` below `model`.
  package let key: String
  /// What it may hold.
  package let kind: Kind
  /// Its value where the file says nothing; nil where it may be left out and then has none.
  package let standard: OrderedJSON?
  package let isRequired: Bool
  /// What it means, in one line, with its unit.
  package let help: String

  package init(
    _ key: String, _ kind: Kind, standard: OrderedJSON? = nil, isRequired: Bool = false,
    help: String
  ) {
    precondition(!isRequired || standard == nil, "\(key) is required, and so has no standard value")
    self.key = key
    self.kind = kind
    self.standard = standard
    self.isRequired = isRequired
    self.help = help
  }

  /// The largest number of anything: sizes can be computed from several such numbers.
  package static let mostCounted = Int(Int32.max)

  /// What it may hold, for people.
  package var allowed: String {
    switch kind {
    case .integer(let range): "a whole number \(Self.describe(range))"
    case .number(let range): "a number \(Self.describe(range))"
    case .text: "text"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .flag: "true or false"
    case .integers(let range, let mayBeEmpty):
      "a list\(mayBeEmpty ? ", perhaps empty," : "") of whole numbers \(Self.describe(range))"
    case .numbers(let range): "a list of numbers \(Self.describe(range))"
    case .choices(let words): "a list of \(words.joined(separator: ", "))"
    case .methods: "a list of methods with their settings"
    case .methodsOrNone: "a list, perhaps empty, of methods with their settings"
    case .path: "the path of a file or folder that exists"
    }
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    range.upperBound >= mostCounted
      ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
  }

  private static func describe(_ range: ClosedRange<Double>) -> String {
    if range == .positive { return "above 0" }
    return range.upperBound == .greatestFiniteMagnitude
      ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
  }
}

extension Setting {
  /// The folder of data sets, for experiments that read one of them.
  static let dataFolder = Setting(
    "data.folder", .path, help: "the folder of data sets that docs/data.md describes")

  /// A number of things, at least 1.
  static func count(_ key: String, _ standard: Int, help: String) -> Setting {
    Setting(key, .integer(.counting), standard: .integer(standard), help: help)
  }

  /// How often something random is drawn.
  static func draws(_ standard: Int, help: String) -> Setting {
    Setting("random-draws", .integer(1...1000), standard: .integer(standard), help: help)
  }

  static func flag(_ key: String, _ standard: Bool, help: String) -> Setting {
    Setting(key, .flag, standard: .boolean(standard), help: help)
  }

  static func methods(
    _ key: String, _ standard: [String], mayBeEmpty: Bool = false, help: String
  ) -> Setting {
    Setting(
      key, mayBeEmpty ? .methodsOrNone : .methods,
      standard: .array(standard.map { .string($0) }), help: help)
  }
}

extension Setting.Kind {
  /// Whether it is a list of methods that may be empty.
  var isMethodsOrNone: Bool { if case .methodsOrNone = self { true } else { false } }

  /// One of the words of an enumeration.
  package static func choice<Word: CaseIterable & RawRepresentable<String>>(
    of type: Word.Type
  ) -> Self { .choice(type.allCases.map(\.rawValue)) }

  /// A list of at least one of the words of an enumeration, each at most once.
  package static func choices<Word: CaseIterable & RawRepresentable<String>>(
    of type: Word.Type
  ) -> Self { .choices(type.allCases.map(\.rawValue)) }
}

extension ClosedRange where Bound == Double {
  /// All positive numbers that are far from overflowing or underflowing.
  package static var positive: Self { 1e-300...Double.greatestFiniteMagnitude }
  /// All shares, 0 and 1 included.
  package static var share: Self { 0...1 }
}

extension ClosedRange where Bound == Int {
  /// All numbers of things that a setting can ask for.
  package static var counting: Self { 1...Setting.mostCounted }
}
