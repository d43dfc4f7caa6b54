/// A column of a table, and what stands in it for each of the things that the table lists; two columns for a
/// number with its interval.
package struct TableField<Row> {
  fileprivate let columns: [Table.Column]
  fileprivate let cells: (Row) throws -> [Table.Cell]

  package init(_ columns: [Table.Column], _ cells: @escaping (Row) throws -> [Table.Cell]) {
    self.columns = columns
    self.cells = cells
  }

  /// A column of any cells.
  package static func field(
    _ name: String, _ kind: Table.Column.Kind = .text, _ cell: @escaping (Row) throws -> Table.Cell
  ) -> Self {
    Self([.init(name, kind)]) { [try cell($0)] }
  }

  package static func text(_ name: String, _ value: @escaping (Row) throws -> String) -> Self {
    field(name) { .text(try value($0)) }
  }

  package static func integer(_ name: String, _ value: @escaping (Row) throws -> Int) -> Self {
    field(name, .significant(digits: 4)) { .integer(try value($0)) }
  }

  /// A column of numbers, which are missing where they are nil.
  package static func number(
    _ name: String, _ kind: Table.Column.Kind, _ value: @escaping (Row) throws -> Double?
  ) -> Self {
    field(name, kind) { .number(try value($0)) }
  }
}

extension Table {
  /// A table with one row per thing that is listed.
  package init<Row>(of rows: some Sequence<Row>, _ fields: [TableField<Row>]) throws {
    self.init(columns: fields.flatMap(\.columns))
    for row in rows { append(try fields.flatMap { try $0.cells(row) }) }
  }

  /// A table with one row per thing that is listed; fields that are nil are left out.
  package init<Row>(of rows: some Sequence<Row>, _ fields: TableField<Row>?...) throws {
    try self.init(of: rows, fields.compactMap(\.self))
  }
}
