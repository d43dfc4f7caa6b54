import Reporting

/// A column of a table, and what stands in it for each of the things that the table lists.
struct TableField<Row> {
  fileprivate let column: Table.Column
  fileprivate let cell: (Row) -> Table.Cell

  static func field(
    _ name: String, _ kind: Table.Column.Kind = .text, _ cell: @escaping (Row) -> Table.Cell
  ) -> TableField {
    TableField(column: .init(name, kind), cell: cell)
  }
}

extension Table {
  /// A table with one row per thing that is listed; fields that are nil are left out.
  init<Row>(of rows: some Sequence<Row>, _ fields: TableField<Row>?...) {
    let fields = fields.compactMap(\.self)
    self.init(columns: fields.map(\.column))
    for row in rows { append(fields.map { $0.cell(row) }) }
  }
}
