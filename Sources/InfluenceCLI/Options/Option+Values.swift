import ArgumentParser

// Options by what `--help` says of them and what it calls their value: `--train <path>`. A number may begin
// with a minus sign, so that a wrong one is refused by its range, and not taken for another option.

extension Option where Value: ExpressibleByArgument {
  init(wrappedValue: Value, _ help: String, value: String) {
    self.init(wrappedValue: wrappedValue, help: ArgumentHelp(help, valueName: value))
  }

  init(wrappedValue: Value, _ help: String, number: String) {
    self.init(
      wrappedValue: wrappedValue, parsing: .unconditional,
      help: ArgumentHelp(help, valueName: number))
  }

  init(_ help: String, value: String) {
    self.init(help: ArgumentHelp(help, valueName: value))
  }

  init(_ help: String, number: String) {
    self.init(parsing: .unconditional, help: ArgumentHelp(help, valueName: number))
  }
}

extension Option {
  init<T: ExpressibleByArgument>(_ help: String, value: String, name: String? = nil)
  where Value == T? {
    self.init(
      name: name.map { .customLong($0) } ?? .long, help: ArgumentHelp(help, valueName: value))
  }

  init<T: ExpressibleByArgument>(_ help: String, number: String, name: String? = nil)
  where Value == T? {
    self.init(
      name: name.map { .customLong($0) } ?? .long, parsing: .unconditional,
      help: ArgumentHelp(help, valueName: number))
  }
}

extension ValidationError {
  /// Refuses numbers outside of what their options take; nil is an option that was not given.
  ///
  /// The most is far below what an integer holds, so that sizes can be computed from several numbers.
  static func require(
    atLeast least: Int, atMost most: Int = Int(Int32.max),
    _ numbers: (option: String, value: Int?)...
  ) throws {
    for case (let option, let value?) in numbers where value < least || value > most {
      let range = value < least ? "from \(least) up" : "up to \(most)"
      throw ValidationError("\(option) \(value): use a number \(range)")
    }
  }
}
