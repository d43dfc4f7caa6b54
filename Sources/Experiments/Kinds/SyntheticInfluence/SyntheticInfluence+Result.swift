internal import OrderedCollections

extension SyntheticInfluence {
  /// What is measured of one seed and shape.
  struct Result: Codable, Sendable {
    /// On the validation points.
    var accuracy: Double
    /// The value of each functional.
    var functionals: OrderedDictionary<String, Double>
    /// Where the training points lie.
    var x: [Double]
    var y: [Double]
    /// Their classes.
    var labels: [Int]
    /// The lines of the decision boundary: x and y of each point in turn.
    var boundary: [[Double]]
    /// The change of each measure on leaving a point out.
    var truth: Measures
    /// The scores of each method.
    var scores: OrderedDictionary<String, Measures>
  }

  /// A number for each training point, by measure.
  typealias Measures = OrderedDictionary<String, [Double]>
}
