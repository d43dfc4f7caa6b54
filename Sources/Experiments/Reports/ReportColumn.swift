internal import Reporting

/// What stands above a column of a report's table, and in each of its rows; two columns for a number with its interval.
struct ReportColumn<Row> {
  let headers: [Table.Column]
  let cells: (Row) throws -> [Table.Cell]

  static func text(_ name: String, _ value: @escaping (Row) -> String) -> Self {
    Self(headers: [.init(name)]) { [.text(value($0))] }
  }

  static func integer(_ name: String, _ value: @escaping (Row) -> Int) -> Self {
    Self(headers: [.init(name, .significant(digits: 4))]) { [.integer(value($0))] }
  }

  static func number(
    _ name: String, _ kind: Table.Column.Kind, _ value: @escaping (Row) throws -> Double?
  ) -> Self {
    Self(headers: [.init(name, kind)]) { [.number(try value($0))] }
  }

  /// The mean, and half of the width of its interval; both are missing for nil.
  static func statistic(
    _ name: String, decimals: Int = 3, _ value: @escaping (Row) throws -> SeedStatistic?
  ) -> Self {
    Self(
      headers: [.init(name, .decimals(decimals)), .init("± \(name)", .decimals(decimals))]
    ) { row in
      let statistic = try value(row)
      return [.number(statistic?.mean), .number(statistic?.halfWidth)]
    }
  }
}

extension Table {
  /// A table with one row per element of a list.
  init<Row>(of rows: some Sequence<Row>, _ columns: [ReportColumn<Row>]) throws {
    self.init(columns: columns.flatMap(\.headers))
    for row in rows { append(try columns.flatMap { try $0.cells(row) }) }
  }
}
