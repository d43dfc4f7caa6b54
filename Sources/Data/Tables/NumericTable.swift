public import LinearAlgebra
internal import SwiftCSV

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
    let table: EnumeratedCSV
    do {
      table = try EnumeratedCSV(string: csv, delimiter: .comma, loadColumns: false)
    } catch {
      throw .unreadableTable(line: 1, column: "all", found: String(describing: error))
    }
    guard let place = table.header.firstIndex(of: target) else {
      throw .missingColumn(name: target, columns: table.header)
    }
    var elements: [Double] = []
    var targets: [Double] = []
    for (row, cells) in table.rows.enumerated() {
      guard cells.count == table.header.count else {
        throw .unreadableTable(
          line: row + 2, column: "\(cells.count + 1)", found: cells.joined(separator: ","))
      }
      for (column, cell) in cells.enumerated() {
        guard let value = Double(cell), value.isFinite else {
          throw .unreadableTable(line: row + 2, column: table.header[column], found: cell)
        }
        if column == place { targets.append(value) } else { elements.append(value) }
      }
    }
    guard !targets.isEmpty else { throw .noExamples }
    features = Matrix(
      rows: targets.count, columns: table.header.count - 1, elements: elements)
    self.targets = targets
    columns = table.header.enumerated().filter { $0.offset != place }.map(\.element)
  }
}
