/// What the files of another tool say of the gradients in them, and what they leave open.
public struct StoreOrigin: Sendable, Hashable {
  /// The tool that wrote the files: `torch.save`.
  public let tool: String
  /// What follows from the files, each as a phrase.
  public var known: [String]
  /// What matters for scores and is recorded nowhere, each as a phrase.
  public let unknown: [String]

  /// What is said of one tool's files.
  ///
  /// - Parameters:
  ///   - tool: The tool.
  ///   - known: What follows from the files.
  ///   - unknown: What is recorded nowhere.
  public init(tool: String, known: [String], unknown: [String]) {
    self.tool = tool
    self.known = known
    self.unknown = unknown
  }
}

extension StoreOrigin: CustomStringConvertible {
  /// One line: the tool, what is known, and what is not recorded.
  public var description: String {
    let facts =
      known + (unknown.isEmpty ? [] : ["not recorded: \(unknown.joined(separator: ", "))"])
    return "written by \(tool): \(facts.joined(separator: "; "))"
  }
}
