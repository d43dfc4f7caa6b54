public import Data
public import LinearAlgebra

/// Moves examples straight across the boundary of a linear classifier of two classes.
///
///     x' = x − γ·(wᵀx + b)/(wᵀw)·w        so that wᵀx' + b = (1 − γ)(wᵀx + b)
///
/// The shortest way to the boundary is γ = 1; the default 1.3 ends behind it, where the score is −0.3 of what it
/// was. After Chhabra et al., "What Data Benefits My Classifier?" (ICLR 2024). The classifier and its
/// weights are known to the attack.
public struct BoundaryAttack: Sendable, Hashable {
  /// The strength γ: 0 leaves examples where they are, and above 1 every prediction changes.
  public let strength: Double

  /// The attack with γ = 1.3.
  public static let standard = BoundaryAttack(checked: 1.3)

  /// Makes an attack.
  ///
  /// - Throws: ``EvaluationError/badStrength(_:)`` for γ negative or not finite.
  public init(strength: Double) throws(EvaluationError) {
    guard strength >= 0, strength.isFinite else { throw .badStrength(strength) }
    self.init(checked: strength)
  }

  private init(checked strength: Double) { self.strength = strength }

  /// The examples after the attack.
  ///
  /// - Parameters:
  ///   - features: `n × d`.
  ///   - head: The classifier.
  /// - Throws: ``EvaluationError/noBoundary`` where w = 0.
  public func attacked(
    _ features: Matrix<Double>, by head: BinaryHead
  ) throws(EvaluationError) -> Matrix<Double> {
    let square = head.weights.reduce(0) { $0 + $1 * $1 }
    guard square > 0 else { throw .noBoundary }
    let lengths = head.scores(of: features).map { -strength * $0 / square }
    var moved = features
    moved.add(
      product: Matrix(rows: lengths.count, columns: 1, elements: lengths).view,
      Matrix(rows: 1, columns: head.weights.count, elements: head.weights).view)
    return moved
  }

  /// A data set of which some examples were attacked.
  ///
  /// - Parameters:
  ///   - data: Examples of two classes.
  ///   - head: The classifier.
  ///   - rows: The examples that are attacked; all unless given.
  /// - Throws: ``EvaluationError/noBoundary``, or `ModelError` where an example is moved past the largest number.
  public func attacked(
    _ data: TabularDataSet<Double>, by head: BinaryHead, rows: [Int]? = nil
  ) throws -> TabularDataSet<Double> {
    let moved = try attacked(data.features, by: head)
    var features = rows == nil ? moved : data.features
    for row in rows ?? [] { features[row: row] = moved[row: row] }
    return try TabularDataSet(
      features: features, labels: data.labels, classCount: data.classCount)
  }

  /// The accuracy on attacked examples, from 0 to 1; for γ above 1, the share that was wrong before.
  ///
  /// - Parameters:
  ///   - head: The classifier.
  ///   - data: Examples of two classes.
  ///   - attackedHead: The classifier that the attack crosses; the same unless given. Another is what a defence
  ///     is measured by: the attack was made before the model was trained anew.
  public func robustAccuracy(
    of head: BinaryHead, on data: TabularDataSet<Double>, against attackedHead: BinaryHead? = nil
  ) throws -> Double {
    try head.accuracy(on: attacked(data, by: attackedHead ?? head))
  }
}
