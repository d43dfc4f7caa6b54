import Foundation
import TensorFiles
import TestSupport
import Testing

/// Comma-separated values, written and read again.
@Suite("CSV")
struct CSVTests {
  private func read(_ text: String) throws -> [[String]] {
    let folder = try TemporaryDirectory()
    var reader = CSVReader(try MemoryMap(opening: folder.write(text, to: "table.csv")))
    var records: [[String]] = []
    while let fields = try reader.next() {
      records.append(fields)
      #expect(reader.line == records.count)
    }
    return records
  }

  @Test(
    "Fields come back as they were written",
    arguments: [
      ["a", "b"], [""], ["", ""], ["a,b", "c"], ["\"", "say \"no\""], ["two\r\nlines", "x"],
      ["é, ü", "λ"], ["\"\u{301}"],
    ])
  func roundTrip(fields: [String]) throws {
    #expect(try read(CSVLine.text(fields) + CSVLine.text(["end"])) == [fields, ["end"]])
  }

  @Test("Lines end with CR LF, and only fields that need marks have them")
  func text() {
    #expect(CSVLine.text(["a", "b c", "d,e"]) == "a,b c,\"d,e\"\r\n")
    #expect(CSVLine.text(["say \"no\""]) == "\"say \"\"no\"\"\"\r\n")
  }

  @Test("Lines of other programs are read: LF alone, and no end of the last line")
  func others() throws {
    #expect(try read("a,b\n1,2") == [["a", "b"], ["1", "2"]])
    #expect(try read("") == [])
  }

  @Test(
    "What a spreadsheet would compute is written behind an apostrophe, and read without it",
    arguments: [
      ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"), ("+1+1", "'+1+1"), ("-A1", "'-A1"),
      ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "\"'\r=1\""), ("＝1", "'＝1"),
      ("'=1", "''=1"), ("''@x", "'''@x"), ("=\u{301}1", "'=\u{301}1"), ("-", "'-"),
      ("-1.5", "-1.5"), ("+2e-5", "+2e-5"), ("-inf", "-inf"), ("'quoted'", "'quoted'"),
      ("'", "'"), ("a=1", "a=1"), ("", ""),
    ])
  func formulas(field: String, written: String) throws {
    let text = CSVLine.text(["first", field])
    #expect(text == "first,\(written)\r\n")
    #expect(try read(text)[0].map(CSVLine.unguarded) == ["first", field])
  }
}
