internal import OrderedCollections

extension AdversarialDefence {
  struct Result: Codable, Sendable {
    /// The classifier as it is.
    var none: Accuracies
    /// The more frequent class, always.
    var majority: Accuracies
    /// A classifier that was trained on the attacked validation examples too.
    var trainOnValidation: Accuracies
    /// Rows scored by the attacked validation examples.
    var honest: Defended
    /// Rows scored by the attacked test examples, where that is asked for.
    var leaking: Defended?

    enum CodingKeys: String, CodingKey {
      case none, majority
      case trainOnValidation = "train-on-validation"
      case honest, leaking
    }
  }

  /// What each method reaches by each defence; draws of random scores are among the methods.
  typealias Defended = OrderedDictionary<String, OrderedDictionary<String, Accuracies>>

  /// The accuracies of one classifier on the test examples.
  struct Accuracies: Codable, Sendable {
    /// On all of them, a share of which was attacked.
    var attacked: Double
    /// On the attacked ones alone.
    var attackedRows: Double
    /// Before the attack.
    var clean: Double
  }

  static func draw(_ index: Int) -> String { "random-\(index)" }
}
