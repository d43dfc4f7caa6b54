internal import Evaluation
internal import OrderedCollections

extension MislabelledData {
  struct Result: Codable, Sendable {
    var wrongLabels: Int
    var examples: Int
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The share of the wrong labels that the model predicts.
    var wrongLabelsLearned: Double
    /// Rankings by harm to the mean validation query, by method.
    var harm: OrderedDictionary<String, Ranking> = [:]
    /// Rankings by self-influence, by method.
    var own: OrderedDictionary<String, Ranking> = [:]
    /// Rankings that need no gradients, by name.
    var baselines: OrderedDictionary<String, Ranking> = [:]
    /// What a method warned of, by method.
    var warnings: OrderedDictionary<String, [String]> = [:]
    /// The rows of the wrong labels, where scores are kept.
    var wrongRows: [Int]?

    enum CodingKeys: String, CodingKey {
      case wrongLabels, examples, columns, testAccuracy, wrongLabelsLearned, harm
      case own = "self"
      case baselines, warnings, wrongRows
    }

    var wrongShare: Double { Double(wrongLabels) / Double(examples) }
  }

  /// How well one order of the examples finds the wrong labels.
  struct Ranking: Codable, Sendable {
    var auc: Double
    /// The shares of wrong labels among the first 10 % and 20 % of the examples.
    var recall10: Double
    var recall20: Double
    /// Whether all scores are the same by construction, so that they give no order.
    var constant: Bool
    /// The share of wrong labels that is found at each of ``MislabelledData/shares``.
    var curve: [Double]
    /// The score of each example, where scores are kept.
    var scores: [Double]?

    init(_ scores: [Double], _ wrong: Set<Int>) throws {
      // Rounding would make an order of scores that are the same by construction.
      constant = HarmScores.isConstant(scores)
      let found = try Detection.detectionCurve(scores: scores, positives: wrong)
      guard !constant else {
        (auc, recall10, recall20, curve) = (0.5, 0.1, 0.2, MislabelledData.shares)
        return
      }
      auc = try Detection.areaUnderROC(scores: scores, positives: wrong)
      recall10 = try found.recall(atFraction: 0.1)
      recall20 = try found.recall(atFraction: 0.2)
      curve = MislabelledData.shares.map { share in
        found.recall(inspected: Int((share * Double(scores.count)).rounded()))
      }
    }

    init(meanOf all: [Ranking]) {
      func mean(_ value: (Ranking) -> Double) -> Double {
        all.map(value).reduce(0, +) / Double(all.count)
      }
      auc = mean(\.auc)
      recall10 = mean(\.recall10)
      recall20 = mean(\.recall20)
      constant = false
      curve = MislabelledData.shares.indices.map { index in mean { $0.curve[index] } }
    }
  }

  typealias Costs = OrderedDictionary<String, Seconds>

  struct Seconds: Codable, Sendable {
    var fitSeconds: Double
    var harmSeconds: Double
    /// Nil where self-influence was not asked for.
    var selfSeconds: Double?
  }
}
