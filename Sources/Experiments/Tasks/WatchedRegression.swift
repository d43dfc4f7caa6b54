internal import InfluenceKit

/// A regression of two classes whose answer at one point is watched while examples are removed.
struct WatchedRegression {
  /// The regressions by the names that files use.
  enum Kind: String, CaseIterable, Decodable, Sendable {
    case leastSquares = "least-squares"
    case logistic
  }

  private let removal: any RemovalModel

  /// Trains on all examples.
  ///
  /// - Parameters:
  ///   - point: The row of `points` at which the answer is watched: the prediction of ±1 of least squares, the margin of
  ///     the point's own class of logistic regression.
  ///   - penalty: α on the sum of squares, or on the mean loss.
  init(
    _ kind: Kind, training: TabularDataSet<Double>, points: TabularDataSet<Double>, point: Int,
    penalty: Double
  ) throws {
    switch kind {
    case .leastSquares:
      removal = try LeastSquaresRemoval(
        features: training.features.appendingOnes(), targets: Self.targets(training),
        penalty: penalty, point: Array(points.features[row: point]) + [1])
    case .logistic:
      let model = try LogisticRegression(
        trainedOn: training, settings: NewtonSettings(regularization: penalty))
      removal = try LogisticRemoval(model, point: points.selecting([point]))
    }
  }

  /// −1 and 1 for the classes.
  static func targets(_ data: TabularDataSet<Double>) -> [Double] {
    data.labels.map { Double(2 * $0 - 1) }
  }

  /// The set of k examples that a search finds.
  func subset(
    _ size: Int, _ algorithm: RemovalAlgorithm, step: Int = 1, _ direction: RemovalDirection
  ) throws -> InfluentialSubset {
    try RemovalSearch.run(
      removal, size: size, algorithm: algorithm, step: step, direction: direction, progress: nil)
  }

  /// What removing the examples does to the answer, after training without them.
  func effect(ofRemoving rows: [Int]) throws -> Double {
    // In one order, so that equal sets have equal effects to the last bit.
    try removal.effect(ofRemoving: rows.sorted())
  }
}
