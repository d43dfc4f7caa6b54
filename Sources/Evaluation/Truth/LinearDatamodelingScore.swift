public import LinearAlgebra

/// The linear datamodeling score (LDS): whether sums of scores foretell what training on a subset gives.
///
///     g_qS = Σ_{i ∈ S} S_qi,     LDS_q = Spearman over subsets S of g_qS and f_qS
///
/// f is higher where the query does better: the mean over seeds of −loss, or of the margin, after training
/// on S (``SubsetTruth``). Ilyas et al., "Datamodels" (2022); Park et al., "TRAK" (2023), which takes
/// 100 random halves and 5 seeds. A query whose predictions or truth are constant has no correlation: it is
/// left out of the mean, and listed.
public struct LinearDatamodelingScore: Sendable, Equatable {
  /// Spearman's correlation of each query, from −1 to 1; nil where it is undefined.
  public let correlations: [Double?]
  /// The number M of subsets.
  public let subsetCount: Int

  /// Measures scores.
  ///
  /// - Parameters:
  ///   - scores: S, `m × n`, helpful-positive.
  ///   - subsets: M ≥ 2 lists of rows in 0 ..< n.
  ///   - truth: f, `m × M`.
  /// - Throws: `differentShapes`, `tooFewValues`, `rowOutOfRange`, `notFiniteScore`.
  /// - Complexity: O(m · Σ|S| + m M log M).
  public init(scores: Matrix<Double>, subsets: [[Int]], truth: Matrix<Double>) throws {
    guard truth.rows == scores.rows, truth.columns == subsets.count else {
      throw EvaluationError.differentShapes(
        rows: truth.rows, columns: truth.columns, otherRows: scores.rows,
        otherColumns: subsets.count)
    }
    guard subsets.count >= 2 else {
      throw EvaluationError.tooFewValues(count: subsets.count, needed: 2)
    }
    try truth.requireFinite(.second)
    let predictions = try Self.predictions(scores: scores, subsets: subsets)
    correlations = try Parallelism.map(scores.rows) { row in
      let predicted = Array(predictions[row: row])
      let actual = Array(truth[row: row])
      guard !Correlation.isConstant(predicted), !Correlation.isConstant(actual) else { return nil }
      return try Correlation.spearman(predicted, actual)
    }
    subsetCount = subsets.count
  }

  /// The sums of scores over each subset, `m × M`.
  ///
  /// - Parameters:
  ///   - scores: `m × n`.
  ///   - subsets: M lists of rows in 0 ..< n.
  /// - Throws: `rowOutOfRange`, `notFiniteScore`, also where a sum overflows.
  public static func predictions(
    scores: Matrix<Double>, subsets: [[Int]]
  ) throws(EvaluationError) -> Matrix<Double> {
    try scores.requireFinite(.first)
    for row in subsets.joined() where row < 0 || row >= scores.columns {
      throw .rowOutOfRange(index: row, count: scores.columns)
    }
    var sums = Matrix<Double>.zeros(scores.rows, subsets.count)
    for query in 0..<scores.rows {
      let row = Array(scores[row: query])
      for (place, subset) in subsets.enumerated() {
        sums[query, place] = subset.reduce(0) { $0 + row[$1] }
      }
    }
    try sums.requireFinite(.first)
    return sums
  }

  /// The queries without a correlation, ascending.
  public var undefinedQueries: [Int] { correlations.indices.filter { correlations[$0] == nil } }

  /// The mean over the other queries; nil where there is none.
  public var mean: Double? {
    let values = correlations.compactMap { $0 }
    return values.isEmpty ? nil : Moments.mean(values)
  }

  /// The interval of the mean over other queries of the same kind, with these subsets.
  ///
  /// - Parameter bootstrap: How it is resampled.
  /// - Throws: `tooFewValues` where fewer than 2 queries have a correlation, `levelOutOfRange`.
  public func interval(_ bootstrap: Bootstrap = Bootstrap()) throws -> ConfidenceInterval {
    try bootstrap.meanInterval(of: correlations.compactMap { $0 })
  }
}
