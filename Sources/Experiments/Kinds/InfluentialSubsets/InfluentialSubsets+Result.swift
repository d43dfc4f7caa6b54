internal import OrderedCollections
internal import TensorFiles

extension InfluentialSubsets {
  struct Result: Codable, Sendable {
    var points: [Watched]
    /// The effects of sets of 1, 2, … among few examples, by search, for each point.
    var small: [OrderedDictionary<String, [Double]>]
  }

  /// What is found for one point.
  struct Watched: Codable, Sendable {
    /// What each search finds, and what removing at random does.
    var searches: OrderedDictionary<String, Search>
    /// The number of examples that determine a direction alone and cannot be candidates.
    var fixed: Int
    /// How far effects by the formula are from those of fitting anew; of least squares alone.
    @NullWhenNil var refitError: Double?
  }

  /// What one search finds: a number for each size of a set.
  struct Search: Codable, Sendable {
    /// The effects that the search adds up; nil where nothing is searched.
    var predicted: [Double]?
    /// The effects after training again.
    var actual: [Double]
    /// The rows of the largest set, in the order in which they were found, where rows are kept.
    var rows: [Int]?
  }
}
