internal import Evaluation
internal import OrderedCollections

extension LeastDisagreement {
  /// What is measured of one seed: of learning by one rule, or of the metric in one number of dimensions.
  enum Result: Codable, Sendable {
    case learning(Learning)
    case closedForm(ClosedForm)

    /// Reads either, by the field that only one of them has.
    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: ClosedForm.CodingKeys.self)
      self =
        fields.contains(.patiences)
        ? .closedForm(try ClosedForm(from: decoder)) : .learning(try Learning(from: decoder))
    }

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .learning(let learning): try learning.encode(to: encoder)
      case .closedForm(let form): try form.encode(to: encoder)
      }
    }
  }

  /// What comes of learning with the examples that one rule chooses; a number for each round.
  struct Learning: Codable, Sendable {
    /// On the test examples.
    var accuracies: [Double]
    /// The number of classes among the labelled examples.
    var classes: [Int]
    /// The rows that were labelled, in their order.
    var labelled: [Int]
  }

  /// The estimate for a linear rule against its closed form.
  struct ClosedForm: Codable, Sendable {
    /// How good the estimate is, by patience.
    var patiences: OrderedDictionary<String, Estimate>
    /// The closed form of each example.
    var exact: [Double]
    /// The estimate of each example with the most patience.
    var estimate: [Double]

    enum CodingKeys: String, CodingKey { case patiences, exact, estimate }
  }

  /// How good an estimate is.
  struct Estimate: Codable, Sendable {
    /// The number of changes that were tried.
    var draws: Int
    var meanError: Double
    /// The mean estimate by the mean of the closed form.
    var meanRatio: Double
    /// The rank correlation with the closed form.
    var spearman: Double
  }

  struct Costs: Codable, Sendable {
    var choosingSeconds: Double
  }
}

extension ExperimentResults<LeastDisagreement> {
  /// What was learned by a rule, one for each seed.
  func learning(by rule: QueryRule) -> [Kind.Learning] {
    values(at: .rule(rule)).compactMap { if case .learning(let value) = $0 { value } else { nil } }
  }

  /// The closed form in a number of dimensions, one for each seed.
  func closedForms(dimension: Int) -> [Kind.ClosedForm] {
    values(at: .closedForm(dimension: dimension)).compactMap {
      if case .closedForm(let value) = $0 { value } else { nil }
    }
  }
}
