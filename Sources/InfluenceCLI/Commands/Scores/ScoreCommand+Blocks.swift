import ArgumentParser
import InfluenceKit

extension ScoreCommand {
  /// Refuses what does not go with blocks that are combined otherwise than by their sum.
  func validateCombination() throws {
    guard combine != .sum else { return }
    let given = [
      ("--per-block", perBlock), ("--damping-sweep", dampingSweep != nil),
      ("--certificate", certificate == true), ("--report", report != nil),
    ].filter(\.1).map(\.0)
    guard given.isEmpty else {
      throw ValidationError(
        "--combine \(combine.rawValue) writes no sums over blocks, which \(given.joined(separator: " and ")) is about: give one of them"
      )
    }
  }
}
