internal import InfluenceKit

/// A functional of a classifier on some examples: a query whose influence is that of training rows on it.
struct FunctionalQuery: Sendable {
  /// Which functional, by the name that files and tables use.
  enum Kind: String, CaseIterable, Sendable {
    /// The log-loss.
    case utility
    /// The difference of the groups' mean probabilities of class 1.
    case demographicParity = "demographic-parity"
    /// The difference of the groups' mean log-losses on examples of class 1.
    case equalOpportunity = "equal-opportunity"
    /// The log-loss on examples that were attacked.
    case robustness

    /// The gap of hard predictions that the functional stands for, where it stands for one.
    var gap: FairnessGap? {
      switch self {
      case .demographicParity: .demographicParity
      case .equalOpportunity: .equalOpportunity
      case .utility, .robustness: nil
      }
    }
  }

  let kind: Kind
  /// The functional, at the examples below.
  let functional: ClassifierFunctional
  /// The examples as they are evaluated: attacked ones where the functional is robustness.
  let examples: GroupedDataSet<Double>

  /// Makes a query.
  ///
  /// Robustness is the loss on examples that were moved across the boundary of the deployed classifier, and
  /// that stay where they are when the classifier changes, as `ClassifierFunctional` differentiates it.
  ///
  /// - Parameters:
  ///   - kind: The functional.
  ///   - examples: What it is measured on.
  ///   - deployed: The classifier that attacks cross.
  ///   - attack: How far attacks go.
  init(
    _ kind: Kind, on examples: GroupedDataSet<Double>, deployed: BinaryHead,
    attack: BoundaryAttack
  ) throws {
    self.kind = kind
    switch kind {
    case .utility:
      functional = .utility()
      self.examples = examples
    case .demographicParity:
      functional = .demographicParity
      self.examples = examples
    case .equalOpportunity:
      functional = .equalOpportunity
      self.examples = examples
    case .robustness:
      functional = .utility()
      self.examples = try GroupedDataSet(
        attack.attacked(examples.data, by: deployed), groups: examples.groups)
    }
  }

  /// f of a classifier.
  func value(of head: BinaryHead) throws -> Double { try functional.value(of: head, on: examples) }

  /// ∇f by w and b.
  func gradient(of head: BinaryHead) throws -> [Double] {
    try functional.gradient(of: head, on: examples)
  }
}
