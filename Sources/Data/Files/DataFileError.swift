internal import TensorFiles

/// Why a data file could not be read or encoded; each case names the file and the place in it.
public enum DataFileError: Error, Equatable, Sendable {
  /// There is no such file, neither with nor without `.gz`.
  case notFound(path: String)
  /// The system could not read the file.
  case unreadable(path: String, reason: String)
  /// The file, unpacked if it is compressed, has more bytes than its format or the memory allows.
  case tooLarge(path: String, limit: Int, reason: String)
  /// The compressed file is damaged or cut off.
  case damagedArchive(path: String, reason: String)
  /// The file does not begin as its format does.
  case wrongFormat(path: String, expected: String, found: String)
  /// The file is shorter or longer than its header, or the size of a row, says.
  case wrongSize(path: String, expected: String, found: Int)
  /// A label is not a class; rows count from 0.
  case labelOutOfRange(path: String, row: Int, label: Int, classCount: Int)
  /// Two files that belong together have different numbers of rows.
  case differentCounts(path: String, count: Int, otherPath: String, otherCount: Int)
  /// Images of this size cannot be cut in the way that was asked for.
  case imagesDoNotFit(path: String, size: [Int], needed: String)
  /// The file has no row of data.
  case noRows(path: String)
  /// The text is no table: not UTF-8, or its quotes do not match; lines count from 1.
  case notATable(path: String, line: Int, reason: String)
  /// A row has more or fewer cells than the header; lines count from 1.
  case raggedRow(path: String, line: Int, expected: Int, found: Int)
  /// The table has no column of that name.
  case missingColumn(path: String, name: String, columns: [String])
  /// The table has two columns of one name.
  case repeatedColumn(path: String, name: String)
  /// Columns of the table that have no role in its encoding.
  case columnsWithoutRole(path: String, names: [String])
  /// A cell is no finite number.
  case notANumber(path: String, line: Int, column: String, found: String)
  /// A cell holds a value that its column may not have.
  case unknownValue(path: String, line: Int, column: String, found: String, allowed: [String])
  /// The rows of a table are not numbered 0, 1, 2, ….
  case wrongIndex(path: String, line: Int, expected: Int, found: String)
  /// A JSON file has neither an array of examples nor one under a usual key.
  case noExamples(path: String, keys: [String])
  /// An example has no field of that name; rows count from 0.
  case missingField(path: String, row: Int, field: String, found: String)
  /// A field of an example holds what it may not; rows count from 0.
  case wrongField(path: String, row: Int, field: String, expected: String, found: String)
  /// Two examples have one name; rows count from 0.
  case repeatedID(path: String, row: Int, field: String, id: String, firstRow: Int)
}

extension DataFileError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .notFound(let path):
      "\(path) does not exist, neither as it is nor with or without .gz; docs/data.md says where data sets are had"
    case .unreadable(let path, let reason):
      "\(path) cannot be read: \(reason); check that it is a file that you may read"
    case .tooLarge(let path, let limit, let reason):
      "\(path) holds more than \(limit) bytes, unpacked if it is compressed, and \(reason); check that it is the file that you mean"
    case .damagedArchive(let path, let reason):
      "\(path) is damaged: \(reason); download it again"
    case .wrongFormat(let path, let expected, let found):
      "\(path) begins with \(found) where \(expected) is expected; give a file of that format"
    case .wrongSize(let path, let expected, let found):
      "\(path) has \(found) bytes where \(expected) are expected; download it again"
    case .labelOutOfRange(let path, let row, let label, let classCount):
      "\(path), row \(row): label \(label) is not a class in 0 ..< \(classCount); check that this is the file of that data set"
    case .differentCounts(let path, let count, let otherPath, let otherCount):
      "\(path) has \(count) rows and \(otherPath) has \(otherCount); give files that belong together"
    case .imagesDoNotFit(let path, let size, let needed):
      "\(path): images of \(size.map(String.init).joined(separator: " × ")) do not fit; \(needed)"
    case .noRows(let path):
      "\(path) has no rows of data; give a file with at least one"
    case .notATable(let path, let line, let reason):
      "\(path), line \(line): \(reason); save the table as UTF-8 text with matching quotes"
    case .raggedRow(let path, let line, let expected, let found):
      "\(path), line \(line): \(found) cells where the header has \(expected); check the delimiter and the row"
    case .missingColumn(let path, let name, let columns):
      "\(path) has no column \"\(name)\"; its columns are \(columns.joined(separator: ", "))"
    case .repeatedColumn(let path, let name):
      "\(path) has two columns \"\(name)\"; rename one"
    case .columnsWithoutRole(let path, let names):
      "\(path) has columns without a role: \(names.joined(separator: ", ")); name each as numeric, categorical or dropped"
    case .notANumber(let path, let line, let column, let found):
      "\(path), line \(line), column \"\(column)\": \"\(found)\" is no finite number; correct it, mark it as missing, or name the column as categorical"
    case .unknownValue(let path, let line, let column, let found, let allowed):
      "\(path), line \(line), column \"\(column)\": \"\(found)\" is none of \(allowed.map { "\"\($0)\"" }.joined(separator: ", ")); correct it or the encoding"
    case .wrongIndex(let path, let line, let expected, let found):
      "\(path), line \(line): index \"\(found)\" where \(expected) is expected; rows must be in the order of the training set, none left out"
    case .noExamples(let path, let keys):
      "\(path): there is neither an array of examples nor one under \(keys.joined(separator: ", ")); give one example per row"
    case .missingField(let path, let row, let field, let found):
      "\(path), row \(row): there is no field \(field.quoted), but \(found); name a field that every example has"
    case .wrongField(let path, let row, let field, let expected, let found):
      "\(path), row \(row): the field \(field.quoted) is \(found.legible) where \(expected) is expected; correct it, or name another field"
    case .repeatedID(let path, let row, let field, let id, let firstRow):
      "\(path), row \(row): the field \(field.quoted) is \(id.quoted), as in row \(firstRow); give each example a name of its own, or leave names out"
    }
  }
}
