public import LinearAlgebra

/// How well scores find the training examples of each query's own class.
///
/// DataInf's measure of influential data identification (Kwon et al. 2024, section 4.3): for each query
/// the area under ROC and the recall of its class among the training examples, by helpful-positive scores
/// (their −I). Recall is among the s highest, s the number of training examples of the class, so that 1
/// means that the class comes first, whole.
public struct ClassDetection: Sendable, Equatable {
  /// The result for one query.
  public struct Query: Sendable, Equatable {
    /// P(same class scores above another) + ½P(equal); nil where all training examples are of the class.
    public let areaUnderROC: Double?
    /// The share of the class among its s highest scores, from 0 to 1.
    public let recall: Double
    /// s ≥ 1.
    public let classCount: Int
  }

  /// Mean and spread of one measure over the queries that have it.
  public struct Summary: Sendable, Equatable {
    /// The mean.
    public let mean: Double
    /// The standard deviation of these queries as a whole population, √(Σ (x − x̄)²/m), as DataInf has it.
    public let deviation: Double
    /// The number m ≥ 1 of queries.
    public let count: Int
  }

  /// One entry per query; nil where no training example is of its class.
  public let queries: [Query?]

  /// Measures scores.
  ///
  /// - Parameters:
  ///   - scores: `m × n`, helpful-positive, a row for each query.
  ///   - trainingClasses: The class of each training example, n numbers.
  ///   - queryClasses: The class of each query, m numbers.
  /// - Throws: `differentLengths` where a list does not fit the scores, `notFiniteScore`.
  /// - Complexity: O(m n log n).
  public init(
    scores: Matrix<Double>, trainingClasses: [Int], queryClasses: [Int]
  ) throws {
    for (labels, count) in [(trainingClasses, scores.columns), (queryClasses, scores.rows)] {
      guard labels.count == count else {
        throw EvaluationError.differentLengths(labels.count, count)
      }
    }
    try scores.requireFinite(.first)
    var members: [Int: Set<Int>] = [:]
    for (row, label) in trainingClasses.enumerated() { members[label, default: []].insert(row) }
    let byClass = members
    queries = try Parallelism.map(scores.rows) { row in
      guard let positives = byClass[queryClasses[row]] else { return nil }
      let values = Array(scores[row: row])
      let curve = try Detection.detectionCurve(scores: values, positives: positives)
      return Query(
        areaUnderROC: positives.count < values.count
          ? try Detection.areaUnderROC(scores: values, positives: positives) : nil,
        recall: curve.recall(inspected: positives.count), classCount: positives.count)
    }
  }

  /// The queries without a training example of their class: they have no measure, and are in no mean.
  public var queriesWithoutClass: [Int] { queries.indices.filter { queries[$0] == nil } }

  /// The queries for which all training examples are of their class: they have no area under ROC.
  public var queriesWithoutOthers: [Int] {
    queries.indices.filter { queries[$0].map { $0.areaUnderROC == nil } ?? false }
  }

  /// The area under ROC over queries; nil where none has it.
  public var areaUnderROC: Summary? { summary(queries.compactMap { $0?.areaUnderROC }) }

  /// The recall over queries; nil where none has it.
  public var recall: Summary? { summary(queries.compactMap { $0?.recall }) }

  private func summary(_ values: [Double]) -> Summary? {
    guard !values.isEmpty else { return nil }
    return Summary(
      mean: Moments.mean(values), deviation: Moments.deviation(values, ofPopulation: true),
      count: values.count)
  }
}

extension Matrix<Double> {
  func requireFinite(_ input: EvaluationError.Input) throws(EvaluationError) {
    guard let index = elements.firstIndex(where: { !$0.isFinite }) else { return }
    throw .notFiniteScore(input, row: index / columns, column: index % columns)
  }
}
