internal import SwiftCSV
internal import TensorFiles

/// The cells of a table with a header line, separated by commas, semicolons or tabs as the header tells.
///
/// A first column without a name, as pandas writes its index, is left out.
struct CSVTable {
  /// The names of the columns.
  let columns: [String]
  private let rows: [[String]]

  /// Divides a text into cells.
  init(_ text: String) throws(DataError) {
    let table: EnumeratedCSV
    do {
      let text = ByteOrderMark.removed(from: text)
      table = try EnumeratedCSV(
        string: text, delimiter: CSVDelimiter.guessed(string: text), loadColumns: false)
    } catch {
      throw .unreadableTable(line: 1, column: "all", found: String(describing: error))
    }
    let isIndexed = table.header.count > 1 && table.header[0].allSatisfy(\.isWhitespace)
    columns = Array(table.header.dropFirst(isIndexed ? 1 : 0))
    rows = isIndexed ? table.rows.map { Array($0.dropFirst()) } : table.rows
  }

  /// The number of rows below the header.
  var count: Int { rows.count }

  /// Where a column stands.
  func index(of column: String) throws(DataError) -> Int {
    guard let index = columns.firstIndex(of: column) else {
      throw .missingColumn(name: column, columns: columns)
    }
    return index
  }

  /// Reads the cells row by row, in order.
  ///
  /// - Parameter read: Takes a cell of a column; false where it cannot be what the column asks for.
  /// - Throws: ``DataError/unreadableTable(line:column:found:)`` for a row with more or fewer cells than the
  ///   header, and for a cell that is not read.
  func forEachCell(_ read: (_ column: Int, _ cell: String) -> Bool) throws(DataError) {
    for (row, cells) in rows.enumerated() {
      guard cells.count == columns.count else {
        throw .unreadableTable(
          line: row + 2, column: "\(cells.count + 1)", found: cells.joined(separator: ","))
      }
      for (column, cell) in cells.enumerated() where !read(column, cell) {
        throw .unreadableTable(line: row + 2, column: columns[column], found: cell)
      }
    }
  }
}
