public import Data
public import LinearAlgebra

/// A number f that says how good, fair or robust a trained classifier of two classes is on a validation set, with
/// its gradient by the classifier's parameters: the query row whose influence is that of examples on f.
///
/// With p = σ(wᵀx + b), label y, group s, and the log-loss ℓ:
///
/// | functional | f | ∇f by (w, b), x̃ = (x, 1) |
/// |---|---|---|
/// | utility | Σ ℓ | Σ (p − y)·x̃ |
/// | demographic parity | mean over s = 1 of p − mean over s = 0 of p | the same difference of p(1 − p)·x̃ |
/// | equal opportunity | mean over s = 0, y = 1 of ℓ − mean over s = 1, y = 1 of ℓ | the same of (p − y)·x̃ |
/// | robustness | Σ ℓ(x', y), x' after the attack | Σ (p' − y)·x̃', x' held fixed |
///
/// The two fairness functionals are signed, and positive where group 1 is favoured; the order of equal opportunity is
/// reversed since a lower loss is a higher rate. After Li and Liu, "Achieving Fairness at No Utility Cost via Data
/// Reweighing with Influence" (ICML 2022) and Chhabra et al., "What Data Benefits My Classifier?" (ICLR
/// 2024), who take sums for utility and robustness.
public enum ClassifierFunctional: Sendable, Hashable {
  /// What becomes of the losses of the examples.
  public enum Reduction: String, Sendable, CaseIterable {
    /// The losses are added, as in the papers.
    case sum
    /// The losses are averaged, as in the queries of the other methods here.
    case mean
  }

  /// The log-loss.
  case utility(Reduction = .sum)
  /// The difference of the groups' mean probabilities of class 1.
  case demographicParity
  /// The difference of the groups' mean log-losses on examples of class 1.
  case equalOpportunity
  /// The log-loss on attacked examples.
  case robustness(BoundaryAttack = .standard, Reduction = .sum)

  /// The value of the functional.
  ///
  /// - Parameters:
  ///   - head: The classifier.
  ///   - examples: What it is measured on, with the features that the head reads.
  /// - Throws: ``EvaluationError`` if a group that the functional needs is empty, labels are not of two classes, or
  ///   w = 0 is attacked.
  /// - Complexity: O(nd).
  public func value(
    of head: BinaryHead, on examples: GroupedDataSet<Double>
  ) throws(EvaluationError) -> Double {
    let (features, shares) = try terms(head, examples)
    let values: [Double]
    if case .demographicParity = self {
      values = head.probabilities(of: features)
    } else {
      values = head.losses(
        scores: head.scores(of: features), labels: examples.data.labels)
    }
    return zip(values, shares).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The gradient ∇f by w and then b, d + 1 numbers: the order of `LogisticRegression.parameters`.
  ///
  /// - Parameters:
  ///   - head: The classifier.
  ///   - examples: What it is measured on.
  /// - Throws: As `value(of:on:)`.
  /// - Complexity: O(nd).
  public func gradient(
    of head: BinaryHead, on examples: GroupedDataSet<Double>
  ) throws(EvaluationError) -> [Double] {
    let (features, shares) = try terms(head, examples)
    let probabilities = head.probabilities(of: features)
    let slopes: [Double]
    if case .demographicParity = self {
      slopes = probabilities.map { $0 * (1 - $0) }
    } else {
      slopes = zip(probabilities, examples.data.labels).map { $0 - Double($1) }
    }
    let factors = zip(slopes, shares).map { $0 * $1 }
    let row = Matrix(rows: 1, columns: factors.count, elements: factors)
    return Matrix(product: row.view, features.view).elements + [factors.reduce(0, +)]
  }

  /// What the functional is evaluated at, and each example's factor in its sum.
  private func terms(
    _ head: BinaryHead, _ examples: GroupedDataSet<Double>
  ) throws(EvaluationError) -> (features: Matrix<Double>, shares: [Double]) {
    try BinaryHead.check(examples.data)
    let features = examples.data.features
    func equal(_ reduction: Reduction) -> [Double] {
      let share = reduction == .sum ? 1 : 1 / Double(examples.count)
      return [Double](repeating: share, count: examples.count)
    }
    switch self {
    case .utility(let reduction): return (features, equal(reduction))
    case .robustness(let attack, let reduction):
      return (try attack.attacked(features, by: head), equal(reduction))
    case .demographicParity:
      return (features, try Self.difference(examples, favoured: 1, label: nil))
    case .equalOpportunity:
      return (features, try Self.difference(examples, favoured: 0, label: 1))
    }
  }

  /// 1/count for the examples of one group and −1/count for those of the other, of one label or all; 0 for the rest.
  private static func difference(
    _ examples: GroupedDataSet<Double>, favoured: Int, label: Int?
  ) throws(EvaluationError) -> [Double] {
    func members(_ group: Int) throws(EvaluationError) -> [Int] {
      let rows = (0..<examples.count).filter {
        examples.groups[$0] == group && (label == nil || examples.data.labels[$0] == label)
      }
      guard !rows.isEmpty else { throw .noExampleInGroup(group, label: label) }
      return rows
    }
    if let strange = examples.groups.first(where: { $0 > 1 }) { throw .notTwoGroups(strange) }
    var shares = [Double](repeating: 0, count: examples.count)
    let (plus, minus) = (try members(favoured), try members(1 - favoured))
    for row in plus { shares[row] = 1 / Double(plus.count) }
    for row in minus { shares[row] = -1 / Double(minus.count) }
    return shares
  }
}
