public import LinearAlgebra

/// A table as numbers, with account of what was left out.
public struct EncodedTable: Sendable, Equatable {
  /// The examples and their groups; ``TabularDataSet/ids`` are rows of the table.
  public let examples: GroupedDataSet<Double>
  /// What each feature is: a column's name, or `column=category`.
  public let featureNames: [String]
  /// How many rows were dropped because a value is missing.
  public let droppedRows: Int
  /// How many cells of each column hold a category that the fitted table does not have.
  public let unseenCategories: [String: Int]

  /// The features and labels.
  public var data: TabularDataSet<Double> { examples.data }
  /// The group of each example.
  public var groups: [Int] { examples.groups }
}
