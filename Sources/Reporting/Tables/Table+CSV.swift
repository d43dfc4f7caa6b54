import TensorFiles

extension Table {
  /// The table as comma-separated values after RFC 4180, with a line of names first.
  ///
  /// Numbers are written with the fewest digits that read back as the same `Double`, times in seconds,
  /// sizes in bytes; what is missing is an empty field. `CSVLine` says how fields are quoted.
  package func csv() -> String {
    CSVLine.text(columns.map(\.name))
      + rows.map { row in CSVLine.text(row.map(rawText)) }.joined()
  }

  private func rawText(of cell: Cell) -> String {
    switch cell {
    case .text(let text): text
    case .number(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .missing: ""
    }
  }
}
