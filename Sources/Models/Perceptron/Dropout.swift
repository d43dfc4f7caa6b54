internal import Data
internal import LinearAlgebra

/// Hidden units that are silent while a gradient is taken; the weights stay as they are.
///
/// Inverted dropout (Srivastava et al., 2014) after every hidden activation: a unit is 0 with
/// probability `rate`, and otherwise divided by 1 − `rate`. Each example's mask is drawn from its own
/// random sequence, so that it is the same whatever else is in the batch. Used for ensembles of gradients
/// of one trained model ("Revisit, Extend, and Enhance Hessian-Free Influence Functions", arXiv
/// 2405.17490).
public struct Dropout: Sendable, Hashable {
  /// The probability that a unit is silent, in 0 ..< 1.
  public let rate: Double
  /// Decides the masks.
  public let seed: UInt64

  /// The most members of an ensemble, each of which is a store of its own.
  public static let largestCount = 1000

  /// Makes a dropout.
  ///
  /// - Throws: ``ModelError/badSetting(name:value:allowed:)`` for a rate outside 0 ..< 1.
  public init(rate: Double, seed: UInt64) throws(ModelError) {
    try ModelError.check(rate >= 0 && rate < 1, "dropout rate", rate, "a number in 0 ..< 1")
    self.rate = rate
    self.seed = seed
  }

  /// The dropouts of an ensemble: none for member 0, then rates uniform in 0 ..< `maximum`.
  ///
  /// - Parameters:
  ///   - count: How many members, from 1 to ``largestCount``.
  ///   - maximum: The largest rate, in 0 ... 1.
  ///   - seed: The same seed gives the same members.
  /// - Throws: ``ModelError/badSetting(name:value:allowed:)``.
  public static func members(
    count: Int, maximum: Double = 0.01, seed: UInt64
  ) throws(ModelError) -> [Dropout] {
    try ModelError.check(
      (1...largestCount).contains(count), "number of dropout members", count,
      "a number from 1 to \(largestCount)")
    try ModelError.check(
      maximum >= 0 && maximum < 1, "largest dropout rate", maximum, "a number in 0 ..< 1")
    var generator = SeededGenerator(seed: seed, stream: RandomStream.dropout)
    var members = [try Dropout(rate: 0, seed: seed)]
    for _ in 1..<max(1, count) {
      members.append(try Dropout(rate: maximum * generator.uniform(), seed: generator.next()))
    }
    return members
  }

  /// The same rate with other masks, for another data set.
  public func varied(by number: UInt64) -> Dropout {
    var copy = self
    copy = Dropout(rate: rate, otherSeed: seed &+ 0x9E37_79B9_7F4A_7C15 &* (number &+ 1))
    return copy
  }

  private init(rate: Double, otherSeed: UInt64) {
    self.rate = rate
    seed = otherSeed
  }

  /// What each unit's output is multiplied by: 0 or 1/(1 − rate), `rows × units`.
  func factors<Element: Scalar>(rows: Range<Int>, units: Int, layer: Int) -> Matrix<Element> {
    let kept = Element(1 / (1 - rate))
    var elements: [Element] = []
    elements.reserveCapacity(rows.count * units)
    for row in rows {
      var generator = SeededGenerator(
        seed: seed, stream: RandomStream.dropout + UInt64(row) + UInt64(layer) << 48)
      for _ in 0..<units { elements.append(generator.uniform() < rate ? 0 : kept) }
    }
    return Matrix(rows: rows.count, columns: units, elements: elements)
  }
}

extension Matrix {
  /// Multiplies element by element.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  mutating func multiply(by other: Matrix) {
    precondition(
      rows == other.rows && columns == other.columns,
      "\(rows) × \(columns) times \(other.rows) × \(other.columns), element by element")
    for row in 0..<rows {
      for column in 0..<columns { self[row, column] *= other[row, column] }
    }
  }
}
