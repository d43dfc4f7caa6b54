/// Which values of a setting are allowed, and what is said of others.
public struct SettingRange<Value: Sendable>: Sendable {
  /// Whether a value is allowed.
  let contains: @Sendable (Value) -> Bool
  /// What follows a value that is refused: "is not positive".
  let complaint: String

  /// Makes a range.
  ///
  /// - Parameters:
  ///   - complaint: What follows a value that is refused: " is not positive".
  ///   - contains: Whether a value is allowed.
  public init(complaint: String, contains: @escaping @Sendable (Value) -> Bool) {
    self.contains = contains
    self.complaint = complaint
  }
}

extension SettingRange where Value == Double {
  /// Above 0 and below 1.
  public static var betweenZeroAndOne: Self {
    .init(complaint: " does not lie between 0 and 1") { $0 > 0 && $0 < 1 }
  }
  /// From 0 up to, and without, 1.
  public static var fromZeroBelowOne: Self {
    .init(complaint: " does not lie in 0 ..< 1") { $0 >= 0 && $0 < 1 }
  }
}

extension SettingRange where Value == Int {
  /// From 0 up to the largest 32-bit integer.
  public static var fromZero: Self {
    .init(complaint: " does not lie in 0 ... \(Int32.max)") { (0...Int(Int32.max)).contains($0) }
  }
  /// From 1 up to the largest 32-bit integer, so that sizes can be computed from several of them.
  public static var positive: Self {
    .init(complaint: " does not lie in 1 ... \(Int32.max)") { (1...Int(Int32.max)).contains($0) }
  }
}

extension MethodSetting {
  /// A number.
  ///
  /// - Parameters:
  ///   - name: The setting's name.
  ///   - path: Where the method keeps it.
  ///   - range: Which numbers are allowed.
  ///   - usage: How help shows it.
  ///   - unrecorded: A value that is left out of records; nil to record all.
  public static func number(
    _ name: String, _ path: any WritableKeyPath<Method, Double> & Sendable,
    _ range: SettingRange<Double>, usage: String, unrecorded: Double? = nil
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in method[keyPath: path] = try parsed(text) { Double($0) } },
      text: { $0[keyPath: path] == unrecorded ? nil : "\($0[keyPath: path])" },
      problem: {
        range.contains($0[keyPath: path]) ? nil : "\($0[keyPath: path])\(range.complaint)"
      }
    )
  }

  /// A whole number.
  public static func integer(
    _ name: String, _ path: any WritableKeyPath<Method, Int> & Sendable,
    _ range: SettingRange<Int>, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in method[keyPath: path] = try parsed(text) { Int($0) } },
      text: { "\($0[keyPath: path])" },
      problem: {
        range.contains($0[keyPath: path]) ? nil : "\($0[keyPath: path])\(range.complaint)"
      }
    )
  }

  /// The seed of what a method draws at random.
  public static func seed(
    _ name: String, _ path: any WritableKeyPath<Method, UInt64> & Sendable, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in method[keyPath: path] = try parsed(text) { UInt64($0) } },
      text: { "\($0[keyPath: path])" }, problem: { _ in nil })
  }

  /// True or false.
  public static func flag(
    _ name: String, _ path: any WritableKeyPath<Method, Bool> & Sendable, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in
        guard let flag = Bool(text) else {
          throw Problem(reason: "'\(text)' is neither true nor false")
        }
        method[keyPath: path] = flag
      }, text: { "\($0[keyPath: path])" }, problem: { _ in nil })
  }

  /// One of some words.
  public static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ path: any WritableKeyPath<Method, Choice> & Sendable, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in
        guard let choice = Choice(rawValue: text) else {
          let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
          throw Problem(reason: "'\(text)' is none of \(known)")
        }
        method[keyPath: path] = choice
      }, text: { $0[keyPath: path].rawValue }, problem: { _ in nil })
  }

  /// The path of a file; recorded where it is given.
  public static func path(
    _ name: String, _ path: any WritableKeyPath<Method, String?> & Sendable, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: name, usage: usage, isMethod: false,
      read: { text, method, _ in method[keyPath: path] = text }, text: { $0[keyPath: path] },
      problem: { _ in nil })
  }

  /// A number out of a text.
  ///
  /// - Throws: `Problem` where the text is none.
  static func parsed<Value>(_ text: String, _ parse: (String) -> Value?) throws(Problem) -> Value {
    guard let value = parse(text) else { throw Problem(reason: "'\(text)' is not a number") }
    return value
  }
}
