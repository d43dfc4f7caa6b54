public import Data
public import Influence
import LinearAlgebra
import Models

/// Which rows of a table, removed together, move a regression's answer at one point the most.
///
/// The regression is trained on the table, with an intercept, which is a column of ones. The effect of a set is exact:
/// what training again without the set changes.
///
///     let removal = try TableRemoval(table, point: 17)
///     let outcome = try removal.influentialSubset(size: 5, of: .leastSquares(penalty: 0))
public struct TableRemoval: Sendable {
  /// The regressions.
  public enum Model: Sendable {
    /// ½‖y − Xθ‖² + (penalty/2)·‖θ‖²; the answer is the prediction.
    case leastSquares(penalty: Double)
    /// The mean loss + (penalty/2)·‖θ‖², for targets of 0 and 1; the answer is the measure.
    case logistic(penalty: Double, measure: LogisticRemoval.Measure)
  }

  /// What a search has found, its rows numbered as in the table.
  public struct Outcome: Sendable {
    /// The set.
    public let subset: InfluentialSubset
    /// The targets of the rows of the set.
    public let targets: [Double]
    /// The answer at the point before rows are removed.
    public let answer: Double
  }

  /// The number of training rows.
  public var count: Int { targets.count }
  private var features: Matrix<Double>
  private let targets: [Double]
  /// The number of each training row in the table.
  private let numbers: [Int]
  private var point: [Double]
  private let pointTarget: Double
  private let pointRow: Int

  /// Takes the training rows and the point.
  ///
  /// - Parameters:
  ///   - table: The training rows.
  ///   - point: The row at which the answer is watched.
  ///   - points: The table that has this row; without one it is a row of `table`, which is then not trained on.
  ///   - standardizes: Whether every feature is brought to mean 0 and deviation 1 first, as the training rows have them.
  /// - Throws: ``TableRemovalError``, or `DataError`.
  public init(
    _ table: NumericTable, point: Int, of points: NumericTable? = nil, standardizes: Bool = false
  ) throws {
    if let points, points.columns != table.columns { throw TableRemovalError.differentColumns }
    let source = points ?? table
    precondition(source.targets.indices.contains(point), "row \(point) of \(source.targets.count)")
    numbers = table.targets.indices.filter { points != nil || $0 != point }
    guard !numbers.isEmpty else { throw TableRemovalError.nothingToTrainOn }
    features = table.features.selecting(rows: numbers)
    targets = numbers.map { table.targets[$0] }
    self.point = Array(source.features[row: point])
    pointTarget = source.targets[point]
    pointRow = point
    guard standardizes else { return }
    let training = try TabularDataSet(
      features: features, labels: numbers.map { _ in 0 }, classCount: 2)
    let one = try TabularDataSet(
      features: Matrix(rows: 1, columns: self.point.count, elements: self.point), labels: [0],
      classCount: 2)
    features = training.standardized().features
    self.point = one.standardized(by: training).features.elements
  }

  /// Trains the regression, and searches for the set of k rows with the largest effect; see `RemovalAlgorithm`.
  ///
  /// - Parameters:
  ///   - size: k, from 1 to ``count`` − 1.
  ///   - model: The regression.
  ///   - algorithm: The search.
  ///   - step: How many rows `adaptive` takes per round.
  ///   - direction: Whether the answer is to rise or to fall.
  ///   - progress: Called with the share that is done.
  /// - Throws: ``TableRemovalError``, `ModelError`, or `InfluenceError.invalidGroup(reason:)`.
  public func influentialSubset(
    size: Int, of model: Model, algorithm: RemovalAlgorithm = .adaptive, step: Int = 1,
    direction: RemovalDirection = .raise, progress: ((Double) -> Void)? = nil
  ) throws -> Outcome {
    let (removal, answer): (any RemovalModel, Double)
    switch model {
    case .leastSquares(let penalty):
      let model = try leastSquares(penalty)
      (removal, answer) = (model, model.prediction)
    case .logistic(let penalty, let measure):
      let model = try logistic(penalty, measure)
      (removal, answer) = (model, model.value)
    }
    var subset = try RemovalSearch.run(
      removal, size: size, algorithm: algorithm, step: step, direction: direction,
      progress: progress)
    let targets = subset.rows.map { self.targets[$0] }
    subset.rows = subset.rows.map { numbers[$0] }
    subset.fixedRows = subset.fixedRows.map { numbers[$0] }
    return Outcome(subset: subset, targets: targets, answer: answer)
  }

  private func leastSquares(_ penalty: Double) throws -> LeastSquaresRemoval {
    do {
      return try LeastSquaresRemoval(
        features: features.appendingOnes(), targets: targets, penalty: penalty, point: point + [1])
    } catch is FactorizationError {
      throw TableRemovalError.dependentColumns
    }
  }

  private func logistic(
    _ penalty: Double, _ measure: LogisticRemoval.Measure
  ) throws -> LogisticRemoval {
    func label(_ value: Double, row: Int, isPoint: Bool) throws(TableRemovalError) -> Int {
      guard value == 0 || value == 1 else {
        throw .notAClass(row: row, value: value, isPoint: isPoint)
      }
      return Int(value)
    }
    let labels = try zip(targets, numbers).map { try label($0, row: $1, isPoint: false) }
    let training = try TabularDataSet(features: features, labels: labels, classCount: 2)
    let one = try TabularDataSet(
      features: Matrix(rows: 1, columns: point.count, elements: point),
      labels: [label(pointTarget, row: pointRow, isPoint: true)], classCount: 2)
    let model = try LogisticRegression(
      trainedOn: training, settings: NewtonSettings(regularization: penalty))
    return try LogisticRemoval(model, point: one, measure: measure)
  }
}
