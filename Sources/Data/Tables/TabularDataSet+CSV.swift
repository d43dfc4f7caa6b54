internal import LinearAlgebra
internal import SwiftCSV

extension TabularDataSet {
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
    let table: EnumeratedCSV
    do {
      table = try EnumeratedCSV(string: csv, delimiter: .comma, loadColumns: false)
    } catch {
      throw .unreadableTable(line: 1, column: "all", found: String(describing: error))
    }
    guard let labelIndex = table.header.firstIndex(of: labelColumn) else {
      throw .missingColumn(name: labelColumn, columns: table.header)
    }
    var features: [Element] = []
    var labels: [Int] = []
    features.reserveCapacity(table.rows.count * (table.header.count - 1))
    for (row, cells) in table.rows.enumerated() {
      guard cells.count == table.header.count else {
        throw .unreadableTable(
          line: row + 2, column: "\(cells.count + 1)", found: cells.joined(separator: ","))
      }
      for (column, cell) in cells.enumerated() {
        if column == labelIndex {
          guard let label = Int(cell) else {
            throw .unreadableTable(line: row + 2, column: labelColumn, found: cell)
          }
          labels.append(label)
        } else {
          guard let value = Double(cell) else {
            throw .unreadableTable(line: row + 2, column: table.header[column], found: cell)
          }
          features.append(Element(value / featureDivisor))
        }
      }
    }
    let width = table.header.count - 1
    try self.init(
      features: Matrix(rows: labels.count, columns: width, elements: features), labels: labels,
      classCount: max(2, (labels.max() ?? 0) + 1))
  }
}
