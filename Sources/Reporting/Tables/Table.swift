/// A table of results: named columns and rows of cells, written as aligned text, Markdown or CSV.
///
/// Cells keep their values; a column says how people read them. Text and Markdown are for people and
/// round; CSV is for programs and does not.
package struct Table: Equatable, Sendable {
  package struct Column: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
      /// Text, aligned left. All other kinds are aligned right.
      case text
      /// Numbers to some significant digits, as `NumberFormat.significant(_:digits:)`.
      case significant(digits: Int)
      /// Numbers to a fixed number of decimals, as `NumberFormat.decimals(_:_:)`.
      case decimals(Int)
      /// Times in seconds, as `NumberFormat.seconds(_:)`.
      case seconds
      /// Sizes in bytes, as `NumberFormat.bytes(_:)`.
      case bytes
    }

    package let name: String
    package let kind: Kind

    package init(_ name: String, _ kind: Kind = .text) {
      self.name = name
      self.kind = kind
    }
  }

  package enum Cell: Equatable, Sendable {
    case text(String)
    case number(Double)
    /// A whole number, shown with all its digits except as a time or size.
    case integer(Int)
    /// Nothing: "–" for people, an empty field in CSV.
    case missing

    /// A number, or `missing` for nil.
    package static func number(_ value: Double?) -> Cell {
      value.map { .number($0) } ?? .missing
    }
  }

  /// One or more.
  package let columns: [Column]
  /// The rows, from top to bottom; each has a cell for every column.
  package private(set) var rows: [[Cell]] = []

  package init(columns: [Column]) {
    precondition(!columns.isEmpty, "a table needs a column")
    self.columns = columns
  }

  /// Adds a row at the bottom, which has a cell for every column.
  package mutating func append(_ row: [Cell]) {
    precondition(
      row.count == columns.count, "\(row.count) cells do not fill \(columns.count) columns")
    rows.append(row)
  }
}

extension Table.Cell: ExpressibleByStringLiteral, ExpressibleByFloatLiteral,
  ExpressibleByIntegerLiteral
{
  package init(stringLiteral value: String) { self = .text(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
}

extension Table.Column {
  /// Whether the cells are aligned left.
  package var isLeading: Bool { kind == .text }

  /// What people read in a cell of this column.
  package func text(of cell: Table.Cell) -> String {
    switch (cell, kind) {
    case (.text(let text), _): text
    case (.missing, _): NumberFormat.missing
    case (.number(let value), .significant(let digits)):
      NumberFormat.significant(value, digits: digits)
    case (.number(let value), .decimals(let decimals)): NumberFormat.decimals(value, decimals)
    case (.number(let value), .seconds): NumberFormat.seconds(value)
    case (.number(let value), .bytes) where value.magnitude < 0x1p62:
      NumberFormat.bytes(Int(value.rounded()))
    case (.number(let value), _): NumberFormat.significant(value)
    case (.integer(let value), .seconds): NumberFormat.seconds(Double(value))
    case (.integer(let value), .bytes): NumberFormat.bytes(value)
    case (.integer(let value), _): String(value)
    }
  }
}
