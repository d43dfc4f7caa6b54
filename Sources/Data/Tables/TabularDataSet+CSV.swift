internal import LinearAlgebra

extension TabularDataSet {
  /// The most classes that the labels of a file can name.
  public static var largestClassCount: Int { 1 << 16 }

  /// Reads a comma-separated table of numbers with a header line.
  ///
  /// - Parameters:
  ///   - csv: The text of the table.
  ///   - labelColumn: The name of the column that holds the class, an integer from 0. All other
  ///     columns are features, in their order.
  ///   - featureDivisor: Every feature is divided by this; 1 leaves them as they are.
  /// - Throws: ``DataError`` that names line and column. The class count is the largest label
  ///   plus one.
  public init(csv: String, labelColumn: String, featureDivisor: Double = 1) throws(DataError) {
    let table = try CSVTable(csv)
    let place = try table.index(of: labelColumn)
    var features: [Element] = []
    var labels: [Int] = []
    features.reserveCapacity(table.count * (table.columns.count - 1))
    try table.forEachCell { column, cell in
      if column == place {
        guard let label = Int(cell) else { return false }
        labels.append(label)
      } else {
        guard let value = Double(cell) else { return false }
        features.append(Element(value / featureDivisor))
      }
      return true
    }
    // What is allocated for each class must not follow from one cell of a file.
    if let row = labels.firstIndex(where: { $0 >= Self.largestClassCount }) {
      throw .labelOutOfRange(row: row, label: labels[row], classCount: Self.largestClassCount)
    }
    try self.init(
      features: Matrix(
        rows: labels.count, columns: table.columns.count - 1, elements: features),
      labels: labels, classCount: max(2, (labels.max() ?? 0) + 1))
  }
}
