internal import Data
internal import Models
internal import RealModule

/// How the least disagree metric is estimated.
///
/// A deviation σ is tried with one random change of the last layer after another, until `patience` changes in a row
/// have lowered no example's L; then the next larger deviation follows.
public struct LeastDisagreeSettings: Sendable, Hashable {
  /// The deviations σ of the changes, positive and ascending.
  public var deviations: [Double]
  /// How many changes in a row must lower no L before the next deviation, from 1 to ``mostPatience``.
  public var patience: Int
  /// The seed of the random changes.
  public var seed: UInt64

  /// 10⁻⁵, 10⁻⁴·⁹, …, 1: the 51 deviations of the paper.
  public static let standardDeviations = (0...50).map { Double.exp10(-5 + Double($0) / 10) }

  /// The most patience that can be asked for.
  public static let mostPatience = 100_000

  /// Makes settings; the defaults are those of the paper.
  public init(
    deviations: [Double] = standardDeviations, patience: Int = 10, seed: UInt64 = 0
  ) {
    self.deviations = deviations
    self.patience = patience
    self.seed = seed
  }
}

extension LeastDisagreeSettings {
  func validate() throws(ModelError) {
    try ModelError.check(
      (1...Self.mostPatience).contains(patience), "patience", patience,
      "a number from 1 to \(Self.mostPatience)")
    try ModelError.check(
      !deviations.isEmpty, "number of deviations", deviations.count, "at least 1")
    for deviation in deviations {
      try ModelError.check(
        deviation > 0 && deviation.isFinite, "deviation", deviation, "a positive number")
    }
  }
}
