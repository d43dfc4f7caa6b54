internal import InfluenceKit

extension TabularDataSet {
  /// The most frequent class; of equals the lowest.
  var majorityLabel: Int {
    var counts = [Int](repeating: 0, count: classCount)
    for label in labels { counts[label] += 1 }
    return counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) } ?? 0
  }
}

/// How good, fair and robust a classifier is on examples, by hard predictions.
struct ClassifierQuality: Codable, Sendable {
  /// The share of predictions that are right.
  let accuracy: Double
  /// The mean log-loss, in nats.
  let logLoss: Double
  /// P(ŷ = 1 | group 1) − P(ŷ = 1 | group 0).
  let demographicParity: Double
  /// The same among examples of class 1.
  let equalOpportunity: Double
  /// The accuracy on examples that were moved across the boundary of the deployed classifier.
  let robustAccuracy: Double
  /// The mean way from an example to the classifier's own boundary, 0 where it is on the wrong side already:
  /// how far an attacker who knows the classifier has to go.
  let attackDistance: Double

  /// Measures a classifier.
  ///
  /// Accuracy under an attack of the classifier itself is not measured: beyond the boundary it is 1 − accuracy for
  /// any classifier, so it rewards mistakes.
  ///
  /// - Parameters:
  ///   - head: The classifier.
  ///   - examples: What it is measured on.
  ///   - deployed: The classifier that the attack was made against.
  ///   - attack: How far attacks go.
  init(
    of head: BinaryHead, on examples: GroupedDataSet<Double>, deployed: BinaryHead,
    attack: BoundaryAttack
  ) throws {
    let data = examples.data
    let scores = head.scores(of: data.features)
    let predictions = scores.map { $0 > 0 ? 1 : 0 }
    accuracy = try head.accuracy(on: data)
    logLoss = head.losses(of: data).reduce(0, +) / Double(data.count)
    demographicParity = try FairnessGap.demographicParity.value(
      predictions: predictions, labels: data.labels, groups: examples.groups)
    equalOpportunity = try FairnessGap.equalOpportunity.value(
      predictions: predictions, labels: data.labels, groups: examples.groups)
    robustAccuracy = try attack.robustAccuracy(of: head, on: data, against: deployed)
    let norm = head.weights.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard norm > 0 else { throw EvaluationError.noBoundary }
    let ways = zip(scores, data.labels).map { score, label in
      max(0, label == 1 ? score : -score) / norm
    }
    attackDistance = ways.reduce(0, +) / Double(ways.count)
  }
}
