/// Why examples could not be read, split or changed: a property of data or settings that a person chose.
public enum DataError: Error, Equatable, Sendable {
  /// The data set has no examples.
  case noExamples
  /// There are not as many labels as rows of features.
  case labelCount(rows: Int, labels: Int)
  /// A label is not in 0 ..< `classCount`.
  case labelOutOfRange(row: Int, label: Int, classCount: Int)
  /// A feature is NaN or infinite.
  case featureNotFinite(row: Int, column: Int)
  /// A line of a CSV file could not be read; lines and columns count from 1, the header is line 1.
  case unreadableTable(line: Int, column: String, found: String)
  /// A CSV file has no column of that name.
  case missingColumn(name: String, columns: [String])
  /// A split asks for more examples than there are, or for a negative number.
  case splitTooLarge(requested: [Int], available: Int)
  /// A number in the settings is out of its range.
  case badSetting(name: String, value: Double, allowed: String)
}

extension DataError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .noExamples:
      "the data set is empty; give at least one example"
    case .labelCount(let rows, let labels):
      "\(labels) labels for \(rows) rows of features; give one label a row"
    case .labelOutOfRange(let row, let label, let classCount):
      "label \(label) of row \(row) is not a class in 0 ..< \(classCount); number the classes from 0 or raise the class count"
    case .featureNotFinite(let row, let column):
      "the feature in row \(row), column \(column) is NaN or infinite; remove or fill in missing values"
    case .unreadableTable(let line, let column, let found):
      "line \(line), column \(column): expected a number, found \"\(found)\"; encode the column as numbers first"
    case .missingColumn(let name, let columns):
      "there is no column \"\(name)\"; the columns are \(columns.joined(separator: ", "))"
    case .splitTooLarge(let requested, let available):
      "a split into \(requested) is not possible with \(available) examples; ask for fewer"
    case .badSetting(let name, let value, let allowed):
      "\(name) is \(value); choose \(allowed)"
    }
  }
}

extension DataError: SettingError {}
