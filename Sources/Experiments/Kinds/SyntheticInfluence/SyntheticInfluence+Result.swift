internal import OrderedCollections

extension SyntheticInfluence {
  struct Result: Codable, Sendable {
    /// On the validation points.
    var accuracy: Double
    var functionals: OrderedDictionary<String, Double>
    var x: [Double]
    var y: [Double]
    var labels: [Int]
    /// The lines of the decision boundary: x and y of each point in turn.
    var boundary: [[Double]]
    /// The change of each measure on leaving a point out.
    var truth: Measures
    var scores: OrderedDictionary<String, Measures>
  }

  /// A number for each training point, by measure.
  typealias Measures = OrderedDictionary<String, [Double]>
}
