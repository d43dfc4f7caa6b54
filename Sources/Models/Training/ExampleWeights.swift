internal import Data

/// Weights of examples in a loss.
package enum ExampleWeights {
  /// Refuses weights that are not one number of 0 or more an example, with one above 0.
  package static func check(_ weights: [Double]?, count: Int) throws(ModelError) {
    guard let weights else { return }
    precondition(weights.count == count, "\(weights.count) weights for \(count) examples")
    for weight in weights {
      try ModelError.check(
        weight >= 0 && weight.isFinite, "example weight", weight, "a number of 0 or more")
    }
    try ModelError.check(
      weights.contains { $0 > 0 }, "sum of example weights", 0.0, "weights of which one is positive"
    )
  }

  /// Σ wᵢ·xᵢ; all weights 1 unless given.
  static func sum(_ values: [Double], _ weights: [Double]?) -> Double {
    guard let weights else { return values.reduce(0, +) }
    return zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 }
  }
}
