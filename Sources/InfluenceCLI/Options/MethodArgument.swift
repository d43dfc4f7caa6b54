import ArgumentParser
import InfluenceKit

/// The methods of `--method` and `--methods`: with commas between them, or the option given again.
enum MethodArgument {
  /// The one method that a command takes.
  ///
  /// - Parameters:
  ///   - values: What the option was given.
  ///   - command: The subcommand, for the message.
  /// - Throws: A usage error where there is no method, or where there are several.
  static func one(of values: [String], for command: String) throws -> String {
    let methods = try several(in: values, valueName: "name")
    guard methods.count == 1 else {
      throw ValidationError(
        "--method names \(methods.count) methods (\(methods.joined(separator: ", "))), and influence \(command) takes one: give one of them, and run it again for the others"
      )
    }
    return methods[0]
  }

  /// All methods.
  ///
  /// - Throws: A usage error where there is none.
  static func several(in values: [String], valueName: String) throws -> [String] {
    guard !values.isEmpty else {
      throw ValidationError("Missing expected argument '--method <\(valueName)>'")
    }
    return MethodList.specifications(in: values)
  }
}
