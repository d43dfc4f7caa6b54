import Foundation
import InfluenceKit

/// What this program adds to the records of its results.
enum RunRecord {
  /// The versions of what computed the results.
  static var versions: OrderedJSON {
    [
      "influencekit": .string(InfluenceKitVersion.current),
      "linear_algebra": .string(LinearAlgebraBackend.description),
      "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
      "threads": .integer(Parallelism.threads),
    ]
  }

  /// The command line, as it was typed.
  static var commandLine: OrderedJSON { .list(Array(CommandLine.arguments.dropFirst())) }

  /// What the record beside scores says of this program.
  ///
  /// - Parameters:
  ///   - fit: The folder of the kept fit, if scores come from one.
  ///   - dampingReason: Why the damping is what it is, where nobody gave it.
  static func details(fit: String? = nil, dampingReason: String? = nil) -> RecordDetails {
    let program: OrderedJSON = ["versions": versions, "command": commandLine]
    return RecordDetails(
      fit: fit,
      program: dampingReason.map { program.adding(["damping_reason": .string($0)]) } ?? program,
      wording: Advice.withOptions)
  }
}
