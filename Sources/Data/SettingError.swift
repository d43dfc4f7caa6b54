/// An error enum that has a case for settings out of their range.
package protocol SettingError: Error {
  /// A number in the settings is out of its range.
  static func badSetting(name: String, value: Double, allowed: String) -> Self
}

extension SettingError {
  /// Refuses a setting unless a condition holds; `allowed` completes the sentence "choose …".
  package static func check(
    _ holds: Bool, _ name: String, _ value: some BinaryFloatingPoint, _ allowed: String
  ) throws(Self) {
    guard holds else { throw .badSetting(name: name, value: Double(value), allowed: allowed) }
  }

  /// Refuses a whole number unless a condition holds.
  package static func check(
    _ holds: Bool, _ name: String, _ value: Int, _ allowed: String
  ) throws(Self) {
    guard holds else { throw .badSetting(name: name, value: Double(value), allowed: allowed) }
  }
}
