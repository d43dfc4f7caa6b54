internal import Evaluation
internal import LinearAlgebra
internal import OrderedCollections
internal import TensorFiles

extension NetworkTruth {
  struct Result: Codable, Sendable {
    var parameters: Int
    var trainingAccuracy: Double
    var validationAccuracy: Double
    /// The agreement of each method with both truths; of random scores and of another training too.
    var methods: OrderedDictionary<String, Agreement>
    var warnings: [String]
  }

  /// How well one method foretells what training anew does.
  struct Agreement: Codable, Sendable {
    /// With leaving one out where the order of the examples is kept, means over queries.
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    /// With leaving one out where the order changes.
    @NullWhenNil var shuffledSpearman: Double?
    /// The number of queries whose scores or changes are constant.
    var undefinedQueries: Int
    /// The linear datamodeling score of each query; nil where it is not defined.
    var lds: [Double?]

    /// Compares scores with both ways of leaving one out, all `m × rows`.
    init(
      leavingOut scores: Matrix<Double>, _ kept: Matrix<Double>, _ shuffled: Matrix<Double>,
      lds: [Double?]
    ) throws {
      let agreement = try ScoreAgreement(of: scores, with: kept)
      let ordinary = try ScoreAgreement(of: scores, with: shuffled)
      pearson = agreement.meanPearson
      spearman = agreement.meanSpearman
      shuffledSpearman = ordinary.meanSpearman
      undefinedQueries = agreement.undefinedRows.count + ordinary.undefinedRows.count
      self.lds = lds
    }
  }
}
