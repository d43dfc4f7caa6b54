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
  /// - Parameter fit: The folder of the kept fit, if scores come from one.
  static func details(fit: String? = nil) -> RecordDetails {
    RecordDetails(
      fit: fit, program: ["versions": versions, "command": commandLine],
      wording: Advice.withOptions)
  }
}
