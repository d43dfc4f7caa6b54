import Data
import Foundation
import LinearAlgebra
import TestSupport
import Testing

@Suite("Tables of numbers and categories")
struct TableEncodingTests {
  private let text = """
    "age";"job";"sex";"note";"y"
    20;"a; b";"F";x;"yes"
    30;"c";"M";x;"no"
    40;?;"M";x;"no."
    50;"d";"F";x;"yes"

    """
  private let roles = TableRoles(
    label: "y", positive: "yes", negative: "no", stripsFullStop: true, sensitive: "sex",
    group: .values(one: ["M"], zero: ["F"]), numeric: ["age"], categorical: ["job", "sex"],
    dropped: ["note"])

  private func table(_ text: String) throws -> TableFile { try TableFile(text: text, path: "t") }

  @Test("delimiter, quotes, names and lines")
  func parsing() throws {
    let table = try table(text)
    #expect(table.columns == ["age", "job", "sex", "note", "y"])
    #expect(table.rows.count == 4 && table.rows[0] == ["20", "a; b", "F", "x", "yes"])
    #expect(table.line(of: 3) == 5)
    let plain = try TableFile(text: "1, ?\n2,", path: "t", columns: ["a", "b"])
    #expect(plain.rows == [["1", "?"], ["2", ""]] && plain.line(of: 0) == 1)
  }

  @Test("malformed tables are refused by line")
  func malformed() {
    #expect(throws: DataFileError.raggedRow(path: "t", line: 3, expected: 2, found: 1)) {
      try table("a,b\n1,2\n3\n4,5\n")
    }
    #expect(throws: DataFileError.raggedRow(path: "t", line: 2, expected: 2, found: 3)) {
      try table("a,b\n1,2,3\n")
    }
    #expect(throws: DataFileError.raggedRow(path: "t", line: 3, expected: 2, found: 1)) {
      try table("a,b\n1,2\n\n4,5\n")
    }
    #expect(throws: DataFileError.noRows(path: "t")) { try table("a,b\n") }
    #expect(throws: DataFileError.noRows(path: "t")) { try table("") }
    #expect(throws: DataFileError.repeatedColumn(path: "t", name: "a")) { try table("a,a\n1,2\n") }
    #expect(throws: DataFileError.self) { try table("a,b\n\"x\"y,2\n") }
  }

  @Test("rows with missing values are dropped and counted; two categories make one feature")
  func dropping() throws {
    let encoding = try TableEncoding(fitting: table(text), roles: roles)
    #expect(encoding.categories == [["a; b", "c", "d"], ["F", "M"]])
    #expect(encoding.featureNames == ["age", "job=a; b", "job=c", "job=d", "sex=M"])
    let encoded = try encoding.encode(table(text))
    #expect(encoded.droppedRows == 1 && encoded.data.ids == [0, 1, 3])
    #expect(encoded.data.labels == [1, 0, 1] && encoded.groups == [0, 1, 0])
    // Ages 20, 30, 50: mean 100/3, deviation √(1400/9).
    let deviation = (1400.0 / 9).squareRoot()
    let expected = Matrix<Double>(
      rows: 3, columns: 5,
      elements: [
        (20 - 100.0 / 3) / deviation, 1, 0, 0, 0, (30 - 100.0 / 3) / deviation, 0, 1, 0, 1,
        (50 - 100.0 / 3) / deviation, 0, 0, 1, 0,
      ])
    expectClose(encoded.data.features, expected, bound: .backward(order: 4))
  }

  @Test("missing as a category of its own")
  func ownCategory() throws {
    var roles = roles
    roles.missing = .ownCategory
    let encoding = try TableEncoding(fitting: table(text), roles: roles)
    let encoded = try encoding.encode(table(text))
    #expect(encoded.droppedRows == 0 && encoded.data.count == 4)
    #expect(encoded.featureNames.contains("job=missing"))
    #expect(encoded.data.labels[2] == 0)
  }

  @Test("a test table has the training table's features, whatever its columns' order")
  func testTable() throws {
    let encoding = try TableEncoding(fitting: table(text), roles: roles)
    let other = try table("y,note,sex,job,age\nno,x,M,e,20\nyes,x,F,c,30\n")
    let encoded = try encoding.encode(other)
    #expect(encoded.unseenCategories == ["job": 1])
    let first = Array(encoded.data.features[row: 0])
    #expect(Array(first[1...]) == [0, 0, 0, 1])
    let training = try encoding.encode(table(text)).data
    #expect(first[0] == training.features[0, 0])
    #expect(encoded.data.features[1, 2] == 1)

    var strict = roles
    strict.unseen = .refuse
    let refusing = try TableEncoding(fitting: table(text), roles: strict)
    #expect(
      throws: DataFileError.unknownValue(
        path: "t", line: 2, column: "job", found: "e", allowed: ["a; b", "c", "d"])
    ) { try refusing.encode(other) }
  }

  @Test("errors of columns and cells name line and column")
  func badCells() throws {
    func error(_ text: String, _ change: (inout TableRoles) -> Void = { _ in }) -> DataFileError? {
      var roles = roles
      change(&roles)
      return #expect(throws: DataFileError.self) {
        try TableEncoding(fitting: table(text), roles: roles)
      }
    }
    let header = "age,job,sex,note,y\n"
    #expect(
      error(header + "1,a,F,x,maybe\n")
        == .unknownValue(path: "t", line: 2, column: "y", found: "maybe", allowed: ["no", "yes"]))
    #expect(
      error(header + "1,a,F,x,no\n1,a,Q,x,no\n")
        == .unknownValue(path: "t", line: 3, column: "sex", found: "Q", allowed: ["F", "M"]))
    for number in ["old", "inf", "nan"] {
      #expect(
        error(header + "\(number),a,F,x,no\n")
          == .notANumber(path: "t", line: 2, column: "age", found: number))
    }
    #expect(
      error("age,job,sex,y\n1,a,F,no\n")
        == .missingColumn(path: "t", name: "note", columns: ["age", "job", "sex", "y"]))
    #expect(
      error(header + "1,a,F,x,no\n") { $0.dropped = [] }
        == .columnsWithoutRole(path: "t", names: ["note"]))
    #expect(error(header + "?,a,F,x,no\n") == .noRows(path: "t"))
  }

  @Test("a group by a bound, and a constant column")
  func bound() throws {
    var roles = roles
    roles.sensitive = "age"
    roles.group = .atLeast(30)
    let table = try table("age,job,sex,note,y\n30,a,F,x,no\n29.5,a,M,x,yes\n")
    let encoded = try TableEncoding(fitting: table, roles: roles).encode(table)
    #expect(encoded.groups == [1, 0])
    #expect(encoded.featureNames == ["age", "job=a", "sex=M"])
    roles.numeric = []
    roles.categorical = ["job", "sex"]
    #expect(try TableEncoding(fitting: table, roles: roles).featureNames == ["job=a", "sex=M"])
    roles.numeric = ["age"]
    let constant = try self.table("age,job,sex,note,y\n7,a,F,x,no\n7,a,M,x,yes\n")
    let flat = try TableEncoding(fitting: constant, roles: roles).encode(constant)
    #expect(flat.data.features[0, 0] == 0 && flat.data.features[1, 0] == 0)
  }
}
