internal import Evaluation
internal import Influence
internal import LinearAlgebra
internal import OrderedCollections
internal import TensorFiles

extension ApproximationError {
  struct Result: Codable, Sendable {
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The agreement of each method with exact influence; of exact itself too.
    var methods: OrderedDictionary<String, Agreement>
  }

  /// How close the scores of a method are to exact ones.
  struct Agreement: Codable, Sendable {
    /// Of the scores of the mean validation query.
    @NullWhenNil var meanQueryPearson: Double?
    @NullWhenNil var meanQuerySpearman: Double?
    /// Means over the validation queries.
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    @NullWhenNil var top10PercentOverlap: Double?
    /// How well the scores find wrong labels.
    @NullWhenNil var flippedAUC: Double?
    /// The median residual of the method's solutions.
    @NullWhenNil var residual: Double?
    /// The score of each training example for the mean validation query.
    var meanQueryScores: [Double]

    init(_ entry: MethodComparison.Entry) {
      meanQueryPearson = entry.meanQueryAgreement.meanPearson
      meanQuerySpearman = entry.meanQueryAgreement.meanSpearman
      pearson = entry.agreement.meanPearson
      spearman = entry.agreement.meanSpearman
      top10PercentOverlap = entry.agreement.meanTopOverlap
      flippedAUC = entry.detection?.areaUnderROC
      residual = entry.medianResidual
      meanQueryScores = entry.scores.values.meanRow().elements
    }
  }

  typealias Costs = OrderedDictionary<String, Seconds>

  struct Seconds: Codable, Sendable {
    var fitSeconds: Double
    var scoreSeconds: Double
  }
}
