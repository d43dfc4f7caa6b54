package import TensorFiles

/// A file of a kept fit whose bytes are not those that were written.
package struct FitDamage: Sendable, Hashable {
  /// The file.
  package let path: String
  /// The checksum that was recorded.
  package let recorded: Checksum
  /// The checksum of the bytes that are there; nil where the file is missing or has another size.
  package let found: Checksum?

  /// What is wrong, in words.
  package var reason: String {
    found.map { "it is damaged: its checksum is \($0), where \(recorded) was recorded" }
      ?? "it is missing, or has another size than was written"
  }
}
