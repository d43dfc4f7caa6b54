public import TensorFiles

/// What a program adds to the record that stands beside its scores.
///
/// The record says by itself which method and damping the scores are of, what they were computed from (with
/// checksums), how long it took and what the user should know. A program knows more: its version, the command line.
public struct RecordDetails: Sendable {
  /// The folder of the kept fit that was opened; nil where the curvature was fitted for these scores.
  public var fit: String?
  /// Further members of the record, in order: an object.
  public var program: OrderedJSON
  /// Rewords a warning for the program's users; warnings stay as they are unless it is given.
  public var wording: @Sendable (_ warning: String) -> String

  /// Collects details; by default the program adds nothing.
  public init(
    fit: String? = nil, program: OrderedJSON = [:],
    wording: @escaping @Sendable (_ warning: String) -> String = { $0 }
  ) {
    self.fit = fit
    self.program = program
    self.wording = wording
  }
}
