internal import OrderedCollections
internal import TensorFiles

extension LeaveOneOutAgreement {
  struct Result: Codable, Sendable {
    /// The numbers of training examples and of queries.
    var training: Int
    var queries: Int
    /// The norm of the gradient of the loss at the minimum.
    var gradientNorm: Double
    /// On the queries.
    var accuracy: Double
    /// The agreement of each method with the truth; of random scores too.
    var methods: OrderedDictionary<String, Agreement>
    var warnings: [String]
    /// The true changes of the first query's loss, for a sample of the training examples.
    var firstQueryTruth: [Double]
    /// The same as each method foretells it.
    var firstQuery: OrderedDictionary<String, [Double]>
  }

  /// How well one method foretells the truth; means over queries.
  struct Agreement: Codable, Sendable {
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    @NullWhenNil var top10PercentOverlap: Double?
    /// What S/n must be multiplied by to be nearest to the truth.
    var slope: Double
    /// The number of queries whose scores or changes are constant.
    var undefinedQueries: Int
  }
}
