/// Why no rows can be removed from a regression on a table.
public enum TableRemovalError: Error, Equatable, Sendable {
  /// The table of the point has other columns than the training table.
  case differentColumns
  /// The training table holds the point alone.
  case nothingToTrainOn
  /// The columns, with the intercept's, depend on each other.
  case dependentColumns
  /// The target of a row is neither 0 nor 1; of the row that is the point, or of a training row.
  case notAClass(row: Int, value: Double, isPoint: Bool)
}

extension TableRemovalError: CustomStringConvertible {
  /// What is wrong with the table, with what to do about it.
  public var description: String {
    switch self {
    case .differentColumns:
      "the columns of the point's table differ from those of the training table; give both the same columns in the same order"
    case .nothingToTrainOn:
      "there is one row, which is the point; add training rows"
    case .dependentColumns:
      "the columns with the intercept depend on each other, so least squares has no single answer; give a penalty such as 1e-3, or leave out constant and repeated columns"
    case .notAClass(let row, let value, let isPoint):
      "the label of \(isPoint ? "the point, row" : "row") \(row) is \(value), and logistic regression has the classes 0 and 1; encode the column"
    }
  }
}
