import LinearAlgebra

/// How an iteration by passes over the gradients approached its tolerance, in one block.
///
/// A block's queries are solved in groups; each group leaves one of these.
public struct BlockConvergence: Sendable, Equatable {
  /// The block's name.
  public let block: String
  /// How many queries were solved together.
  public let queryCount: Int
  /// How often the training gradients of the block were read, for the scores too.
  public internal(set) var passes = 0
  /// How many steps were taken, each of one new block of directions.
  public internal(set) var steps = 0
  /// The largest ‖(F + λI)x − v‖/‖v‖ of the group, step by step.
  ///
  /// By recurrence after each step, and as it really is after each check, of which the last is one.
  public internal(set) var worst: [Double] = []
  /// The median of the same residuals.
  public internal(set) var median: [Double] = []

  init(block: String, queryCount: Int) {
    self.block = block
    self.queryCount = queryCount
  }

  /// Adds the residuals of the group, relative to their queries; 0 for a query that is zero.
  mutating func record(_ residuals: [Double], of norms: [Double]) {
    let relative = zip(residuals, norms).map { $1 > 0 ? $0 / $1 : 0 }
    worst.append(residuals.contains(where: \.isNaN) ? .nan : relative.max() ?? 0)
    median.append(Statistics.median(relative) ?? 0)
  }
}
