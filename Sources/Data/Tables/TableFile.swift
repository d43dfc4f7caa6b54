public import Foundation
internal import SwiftCSV
internal import TensorFiles

/// A text table with a header, as cells of text: all rows are as long as the header.
public struct TableFile: Sendable, Equatable {
  /// Where it was read from; what errors name.
  public let path: String
  /// The names of the columns, all different.
  public let columns: [String]
  /// The cells of each row, without spaces around them unless these were asked for.
  public private(set) var rows: [[String]]
  private let firstLine: Int

  /// Reads a file, compressed by gzip or not.
  ///
  /// - Parameters:
  ///   - url: The file, in UTF-8.
  ///   - delimiter: Between cells; guessed among comma, semicolon and tab from the first line unless given.
  ///   - columns: The names of the columns, for a file without a header.
  ///   - keepsBlanks: Whether spaces around cells belong to them, as they do to texts.
  public init(
    reading url: URL, delimiter: Character? = nil, columns: [String]? = nil,
    keepsBlanks: Bool = false
  ) throws(DataFileError) {
    try self.init(
      text: DataFile.text(of: url), path: url.path, delimiter: delimiter, columns: columns,
      keepsBlanks: keepsBlanks)
  }

  /// Reads the text of a table.
  ///
  /// Cells may be quoted, doubled quotes inside. Spaces around a name of a column are removed, and around a cell unless
  /// asked otherwise. Empty lines at the end
  /// are no rows; one before is an error, as is a row that is not as long as the header. A first column whose
  /// name is empty, as pandas writes its index, is left out.
  ///
  /// - Parameters:
  ///   - text: The table.
  ///   - path: What errors name.
  ///   - delimiter: Between cells; guessed from the first line unless given.
  ///   - columns: The names of the columns, for a table without a header.
  ///   - keepsBlanks: Whether spaces around cells belong to them, as they do to texts.
  public init(
    text: String, path: String, delimiter: Character? = nil, columns: [String]? = nil,
    keepsBlanks: Bool = false
  ) throws(DataFileError) {
    // SwiftCSV drops an empty last cell where no line end follows it.
    let text = ByteOrderMark.removed(from: text)
    let ended = text.last?.isNewline == true || text.isEmpty ? text : text + "\n"
    let divider =
      delimiter.map { CSVDelimiter(unicodeScalarLiteral: $0) }
      ?? CSVDelimiter.guessed(string: text)
    var lines: [[String]] = []
    do {
      // Row by row: what the parser collects by itself fills rows that are too short.
      try EnumeratedCSV(string: ended, delimiter: divider, loadColumns: false, rowLimit: 0)
        .enumerateAsArray(startAt: 0, rowLimit: nil) { cells in
          let isName = lines.isEmpty && columns == nil
          lines.append(
            keepsBlanks && !isName ? cells : cells.map { $0.trimmingCharacters(in: .whitespaces) })
        }
    } catch {
      throw .notATable(path: path, line: lines.count + 1, reason: Self.reason(of: error))
    }
    while let last = lines.last, last == [""] { lines.removeLast() }
    let header = columns ?? lines.first ?? []
    for (index, name) in header.enumerated() where header[..<index].contains(name) {
      throw .repeatedColumn(path: path, name: name)
    }
    firstLine = columns == nil ? 2 : 1
    rows = Array(lines.dropFirst(firstLine - 1))
    guard !rows.isEmpty else { throw .noRows(path: path) }
    if let row = rows.firstIndex(where: { $0.count != header.count }) {
      throw .raggedRow(
        path: path, line: row + firstLine, expected: header.count, found: rows[row].count)
    }
    self.path = path
    let isIndexed = columns == nil && header.count > 1 && header[0].isEmpty
    self.columns = isIndexed ? Array(header.dropFirst()) : header
    if isIndexed { rows = rows.map { Array($0.dropFirst()) } }
  }

  /// The place of a column.
  ///
  /// - Throws: ``DataFileError/missingColumn(path:name:columns:)``.
  public func column(_ name: String) throws(DataFileError) -> Int {
    guard let index = columns.firstIndex(of: name) else {
      throw .missingColumn(path: path, name: name, columns: columns)
    }
    return index
  }

  /// The line of a row, from 1, where no cell has a line end in it.
  public func line(of row: Int) -> Int { row + firstLine }

  private static func reason(of error: any Error) -> String {
    switch error {
    case CSVParseError.generic(let message), CSVParseError.quotation(let message): message
    default: String(describing: error)
    }
  }
}
