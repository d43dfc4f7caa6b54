internal import OrderedCollections

extension FairnessRobustness {
  struct Result: Codable, Sendable {
    /// The value of each functional on the validation examples, before trimming.
    var functionals: OrderedDictionary<String, Double>
    /// The quality of the classifier on the validation examples, before trimming.
    var validation: ClassifierQuality
    /// The test accuracy of always saying the more frequent class.
    var majority: Double
    /// What trimming does, by functional and then by method; by `random` and then by draw.
    var trimmed: OrderedDictionary<String, OrderedDictionary<String, Curve>>
  }

  /// What trimming by one list of scores does.
  struct Curve: Codable, Sendable {
    var test: Qualities
    var validation: Qualities
  }

  /// The qualities of the classifiers after trimming: a number for each budget.
  struct Qualities: Codable, Sendable {
    var accuracy: [Double]
    var logLoss: [Double]
    var demographicParity: [Double]
    var equalOpportunity: [Double]
    var robustAccuracy: [Double]
    var attackDistance: [Double]

    init(_ qualities: [ClassifierQuality]) {
      accuracy = qualities.map(\.accuracy)
      logLoss = qualities.map(\.logLoss)
      demographicParity = qualities.map(\.demographicParity)
      equalOpportunity = qualities.map(\.equalOpportunity)
      robustAccuracy = qualities.map(\.robustAccuracy)
      attackDistance = qualities.map(\.attackDistance)
    }
  }
}
