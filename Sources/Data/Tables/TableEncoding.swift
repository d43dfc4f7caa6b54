internal import LinearAlgebra

/// How the rows of a table become features, labels and groups, fixed by the training table.
///
/// Numbers are standardised by the training rows' mean and deviation (a constant column becomes 0). A
/// categorical column of two categories is one feature, 1 for the second in alphabetical order; of any other
/// number, one feature a category, all of them: the penalty of the models makes their solution unique.
public struct TableEncoding: Sendable, Equatable {
  /// What each column is for.
  public let roles: TableRoles
  /// The categories of each categorical column, in alphabetical order.
  public let categories: [[String]]
  /// The means of the numeric columns.
  public let means: [Double]
  /// The deviations of the numeric columns, divided by the number of rows; 0 for a constant column.
  public let deviations: [Double]

  /// The category that stands for a missing value.
  public static let missingCategory = "missing"

  /// Fixes categories, means and deviations.
  ///
  /// - Parameters:
  ///   - table: The training rows.
  ///   - roles: What each column is for.
  /// - Throws: ``DataFileError`` where a column is missing or has no role, a cell does not fit its column, or
  ///   every row has a missing value.
  /// - Complexity: two passes over the cells.
  public init(fitting table: TableFile, roles: TableRoles) throws(DataFileError) {
    let columns = try Columns(table, roles)
    var values = roles.numeric.map { _ in [Double]() }
    var seen = roles.categorical.map { _ in Set<String>() }
    for row in table.rows.indices {
      guard let cells = try columns.cells(of: row) else { continue }
      for (index, number) in cells.numbers.enumerated() { values[index].append(number) }
      for (index, category) in cells.categories.enumerated() { seen[index].insert(category) }
    }
    guard let count = (values.first?.count ?? seen.first?.count), count > 0 else {
      throw .noRows(path: table.path)
    }
    self.roles = roles
    categories = seen.map { $0.sorted() }
    means = values.map { $0.reduce(0, +) / Double(count) }
    deviations = zip(values, means).map { column, mean in
      (column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
    }
  }

  /// What each feature is: a column's name, or `column=category`.
  public var featureNames: [String] {
    roles.numeric
      + zip(roles.categorical, categories).flatMap { column, categories in
        Self.shown(categories).map { "\(column)=\($0)" }
      }
  }

  /// Encodes a table of the same columns, in any order.
  ///
  /// - Throws: ``DataFileError`` that names line and column; ``DataError``.
  public func encode(_ table: TableFile) throws -> EncodedTable {
    let columns = try Columns(table, roles)
    let width = featureNames.count
    let places = categories.map { categories in
      let shown = Self.shown(categories)
      return Dictionary(
        uniqueKeysWithValues: categories.map { ($0, shown.firstIndex(of: $0)) })
    }
    var features: [Double] = []
    features.reserveCapacity(table.rows.count * width)
    var (labels, groups, ids) = ([Int](), [Int](), [Int]())
    var unseen: [String: Int] = [:]
    for row in table.rows.indices {
      guard let cells = try columns.cells(of: row) else { continue }
      for (index, number) in cells.numbers.enumerated() {
        let deviation = deviations[index]
        features.append(deviation > 0 ? (number - means[index]) / deviation : 0)
      }
      for (index, category) in cells.categories.enumerated() {
        let first = features.count
        features += [Double](repeating: 0, count: Self.shown(categories[index]).count)
        guard let place = places[index][category] else {
          guard roles.unseen == .noCategory else {
            throw DataFileError.unknownValue(
              path: table.path, line: table.line(of: row), column: roles.categorical[index],
              found: category, allowed: categories[index])
          }
          unseen[roles.categorical[index], default: 0] += 1
          continue
        }
        if let place { features[first + place] = 1 }
      }
      labels.append(cells.label)
      groups.append(cells.group)
      ids.append(row)
    }
    guard !labels.isEmpty else { throw DataFileError.noRows(path: table.path) }
    let data = try TabularDataSet(
      features: Matrix(rows: labels.count, columns: width, elements: features), labels: labels,
      classCount: 2, ids: ids)
    return EncodedTable(
      examples: GroupedDataSet(data: data, groups: groups), featureNames: featureNames,
      droppedRows: table.rows.count - labels.count, unseenCategories: unseen)
  }

  /// The categories that have a feature: of two, the second says all.
  private static func shown(_ categories: [String]) -> [String] {
    categories.count == 2 ? [categories[1]] : categories
  }

  /// Where the columns of one table are, and how its cells are read.
  private struct Columns {
    struct Cells {
      var numbers: [Double] = []
      var categories: [String] = []
      var label = 0
      var group = 0
    }

    let table: TableFile
    let roles: TableRoles
    let label: Int
    let sensitive: Int
    let numeric: [Int]
    let categorical: [Int]

    init(_ table: TableFile, _ roles: TableRoles) throws(DataFileError) {
      func places(_ names: [String]) throws(DataFileError) -> [Int] {
        var places: [Int] = []
        for name in names { places.append(try table.column(name)) }
        return places
      }
      self.table = table
      self.roles = roles
      label = try table.column(roles.label)
      sensitive = try table.column(roles.sensitive)
      numeric = try places(roles.numeric)
      categorical = try places(roles.categorical)
      _ = try places(roles.dropped)
      let known = Set(
        [roles.label, roles.sensitive] + roles.numeric + roles.categorical + roles.dropped)
      let strange = table.columns.filter { !known.contains($0) }
      guard strange.isEmpty else {
        throw .columnsWithoutRole(path: table.path, names: strange)
      }
    }

    /// The values of a row; nil where one is missing that may not be.
    func cells(of row: Int) throws(DataFileError) -> Cells? {
      let texts = table.rows[row]
      func isMissing(_ column: Int) -> Bool { roles.missingMarkers.contains(texts[column]) }
      guard !isMissing(label), !isMissing(sensitive), !numeric.contains(where: isMissing),
        roles.missing == .ownCategory || !categorical.contains(where: isMissing)
      else { return nil }
      var cells = Cells()
      for column in numeric { cells.numbers.append(try number(row, column)) }
      for column in categorical {
        cells.categories.append(
          isMissing(column) ? TableEncoding.missingCategory : texts[column])
      }
      var answer = texts[label]
      if roles.stripsFullStop, answer.hasSuffix(".") { answer.removeLast() }
      switch answer {
      case roles.positive: cells.label = 1
      case roles.negative: cells.label = 0
      default: throw unknown(row, label, [roles.negative, roles.positive])
      }
      cells.group = try group(row)
      return cells
    }

    private func group(_ row: Int) throws(DataFileError) -> Int {
      let text = table.rows[row][sensitive]
      switch roles.group {
      case .values(let one, let zero):
        if one.contains(text) { return 1 }
        if zero.contains(text) { return 0 }
        throw unknown(row, sensitive, zero.sorted() + one.sorted())
      case .oneOf(let values): return values.contains(text) ? 1 : 0
      case .atLeast(let bound): return try number(row, sensitive) >= bound ? 1 : 0
      }
    }

    private func number(_ row: Int, _ column: Int) throws(DataFileError) -> Double {
      guard let value = Double(table.rows[row][column]), value.isFinite else {
        throw .notANumber(
          path: table.path, line: table.line(of: row), column: table.columns[column],
          found: table.rows[row][column])
      }
      return value
    }

    private func unknown(_ row: Int, _ column: Int, _ allowed: [String]) -> DataFileError {
      .unknownValue(
        path: table.path, line: table.line(of: row), column: table.columns[column],
        found: table.rows[row][column], allowed: allowed)
    }
  }
}
