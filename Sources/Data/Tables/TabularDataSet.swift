public import LinearAlgebra

/// Labelled examples for classification: each has a row of numbers and a class.
public struct TabularDataSet<Element: Scalar>: Sendable, Equatable {
  /// The features, `n × inputs`, one row per example; all finite.
  public let features: Matrix<Element>
  /// The class of each example, in 0 ..< ``classCount``.
  public let labels: [Int]
  /// The number of classes; not all need occur.
  public let classCount: Int
  /// Where each example came from: its row in the set that this one was first taken from.
  public let ids: [Int]

  /// Makes a data set, and checks once what every user of it relies on.
  ///
  /// - Parameters:
  ///   - features: `n × inputs`, n at least 1, all finite.
  ///   - labels: n classes in 0 ..< `classCount`.
  ///   - classCount: The number of classes, at least 2.
  ///   - ids: Where each example came from; 0 ..< n unless given.
  /// - Throws: ``DataError`` that names the row that is at fault.
  public init(
    features: Matrix<Element>, labels: [Int], classCount: Int, ids: [Int]? = nil
  ) throws(DataError) {
    guard features.rows > 0 else { throw .noExamples }
    guard features.rows == labels.count else {
      throw .labelCount(rows: features.rows, labels: labels.count)
    }
    try DataError.check(classCount >= 2, "class count", classCount, "at least 2")
    if let row = labels.firstIndex(where: { $0 < 0 || $0 >= classCount }) {
      throw .labelOutOfRange(row: row, label: labels[row], classCount: classCount)
    }
    if let index = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .featureNotFinite(row: index / features.columns, column: index % features.columns)
    }
    self.init(
      checked: features, labels: labels, classCount: classCount, ids: ids ?? Array(labels.indices))
  }

  /// Makes a data set of parts that are known to fit.
  package init(checked features: Matrix<Element>, labels: [Int], classCount: Int, ids: [Int]) {
    self.features = features
    self.labels = labels
    self.classCount = classCount
    self.ids = ids
  }

  /// The number of examples n.
  public var count: Int { labels.count }

  /// The given examples, in the given order; an example may come more than once.
  ///
  /// - Parameter rows: Row numbers in 0 ..< ``count``.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func selecting(_ rows: [Int]) -> TabularDataSet {
    var elements: [Element] = []
    elements.reserveCapacity(rows.count * features.columns)
    for row in rows { elements.append(contentsOf: features[row: row]) }
    return TabularDataSet(
      checked: Matrix(rows: rows.count, columns: features.columns, elements: elements),
      labels: rows.map { labels[$0] }, classCount: classCount, ids: rows.map { ids[$0] })
  }

  /// The same examples with other labels.
  ///
  /// - Throws: ``DataError`` if a label is missing or out of range.
  public func relabelled(_ labels: [Int]) throws(DataError) -> TabularDataSet {
    try TabularDataSet(features: features, labels: labels, classCount: classCount, ids: ids)
  }
}
