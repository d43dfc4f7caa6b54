internal import OrderedCollections

extension OutlierGradients {
  struct Result: Codable, Sendable {
    /// The test accuracy after training on all examples.
    var all: Double
    /// The test accuracy after training on the examples whose labels are right.
    var rightLabels: Double
    var wrongShare: Double
    /// The share of the wrong labels that the model predicts.
    var wrongLabelsLearned: Double
    /// What each ranking finds, and random orders.
    var rankings: OrderedDictionary<String, Ranking>
    /// The rows of the wrong labels, where scores are kept.
    var wrongRows: [Int]?
  }

  /// What one order of the examples finds; lists have a number for each share that is left out.
  struct Ranking: Codable, Sendable {
    var auc: Double
    /// The shares of the wrong labels that are left out.
    var recalls: [Double]
    /// The test accuracies after training without the highest.
    var accuracies: [Double]
    /// The score of each example, where scores are kept.
    var scores: [Double]?
  }

  typealias Costs = OrderedDictionary<String, Double>
}

extension OutlierGradients.Ranking {
  init(meanOf draws: [Self]) {
    func mean(_ value: (Self) -> Double) -> Double {
      draws.reduce(0) { $0 + value($1) } / Double(draws.count)
    }
    func means(_ values: (Self) -> [Double]) -> [Double] {
      (draws.first.map(values) ?? []).indices.map { place in mean { values($0)[place] } }
    }
    self.init(auc: mean(\.auc), recalls: means(\.recalls), accuracies: means(\.accuracies))
  }
}
