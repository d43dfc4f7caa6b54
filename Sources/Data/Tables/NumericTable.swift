public import LinearAlgebra

/// A comma-separated table of numbers, one column of which is the target of a regression.
public struct NumericTable: Sendable, Equatable {
  /// The columns but the target's, `n × d`; all finite.
  public let features: Matrix<Double>
  /// The target of each row, n finite numbers.
  public let targets: [Double]
  /// The names of the feature columns.
  public let columns: [String]

  /// Reads a table with a header line.
  ///
  /// - Parameters:
  ///   - csv: The text of the table.
  ///   - target: The name of the target's column.
  /// - Throws: ``DataError`` that names line and column.
  public init(csv: String, target: String) throws(DataError) {
    let table = try CSVTable(csv)
    let place = try table.index(of: target)
    var elements: [Double] = []
    var targets: [Double] = []
    try table.forEachCell { column, cell in
      guard let value = Double(cell), value.isFinite else { return false }
      if column == place { targets.append(value) } else { elements.append(value) }
      return true
    }
    guard !targets.isEmpty else { throw .noExamples }
    features = Matrix(
      rows: targets.count, columns: table.columns.count - 1, elements: elements)
    self.targets = targets
    columns = table.columns.enumerated().filter { $0.offset != place }.map(\.element)
  }
}
