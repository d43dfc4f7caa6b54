public import LinearAlgebra

/// Examples of which each belongs to a group, such as men and women.
public struct GroupedDataSet<Element: Scalar>: Sendable, Equatable {
  /// The examples.
  public let data: TabularDataSet<Element>
  /// The group of each example, from 0.
  public let groups: [Int]
}

extension GroupedDataSet {
  /// Makes a data set.
  ///
  /// - Throws: ``DataError`` if there is not one group per row, or one is negative.
  public init(_ data: TabularDataSet<Element>, groups: [Int]) throws(DataError) {
    guard groups.count == data.count else {
      throw .labelCount(rows: data.count, labels: groups.count)
    }
    if let row = groups.firstIndex(where: { $0 < 0 }) {
      throw .labelOutOfRange(row: row, label: groups[row], classCount: (groups.max() ?? 0) + 1)
    }
    self.init(data: data, groups: groups)
  }

  /// The number of examples n.
  public var count: Int { groups.count }

  /// The given examples, in the given order.
  ///
  /// - Parameter rows: Row numbers in 0 ..< ``count``.
  public func selecting(_ rows: [Int]) -> GroupedDataSet {
    GroupedDataSet(data: data.selecting(rows), groups: rows.map { groups[$0] })
  }

  /// Random, disjoint parts of the given sizes; see ``TabularDataSet/split(counts:seed:)``.
  public func split(counts: [Int], seed: UInt64) throws(DataError) -> [GroupedDataSet] {
    // Rows are found again by number, which the ids of a part need not be.
    let numbered = TabularDataSet<Element>(
      checked: data.features, labels: data.labels, classCount: data.classCount,
      ids: Array(0..<count))
    return try numbered.split(counts: counts, seed: seed).map { selecting($0.ids) }
  }

  /// A hash of features, labels, class count and groups; see ``TabularDataSet/fingerprint``.
  public var fingerprint: String {
    var hash = ContentHash(of: data)
    hash.update(groups)
    return hash.description
  }
}
