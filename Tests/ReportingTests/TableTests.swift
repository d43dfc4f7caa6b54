import Testing

import Reporting

@Suite("Tables")
struct TableTests {
  private func example() -> Table {
    var table = Table(columns: [
      .init("Method"), .init("Pearson", .decimals(3)), .init("Time", .seconds),
    ])
    table.append(["datainf", 0.912, 0.012])
    table.append(["hessian-free", 0.504, 0.00087])
    return table
  }

  @Test("Text stands left and numbers right, under a rule, without trailing blanks")
  func plainText() {
    #expect(
      example().plainText() == """
        Method       Pearson   Time
        ------------ ------- ------
        datainf        0.912  12 ms
        hessian-free   0.504 870 µs

        """)
  }

  @Test("A name wider than its cells, a missing number, a last column of text")
  func widths() {
    var table = Table(columns: [
      .init("n", .significant(digits: 3)), .init("λ", .significant(digits: 3)),
      .init("Memory", .bytes), .init("Remark"),
    ])
    table.append([4500, .number(nil), 1_200_000_000, "fits"])
    table.append([20, .number(0.0123), .missing, ""])
    #expect(
      table.plainText() == """
           n      λ Memory Remark
        ---- ------ ------ ------
        4500      – 1.2 GB fits
          20 0.0123      –

        """)
  }

  @Test("Characters beyond the basic plane are kept whole and counted as one")
  func characters() {
    var table = Table(columns: [.init("Text"), .init("n", .significant(digits: 3))])
    table.append(["🦙🦙", 1])
    table.append(["cafe\u{301}s", 2])
    #expect(
      table.plainText() == """
        Text  n
        ----- -
        🦙🦙    1
        cafe\u{301}s 2

        """)
  }

  @Test("A cell can neither break its line nor steer a terminal")
  func controls() {
    var table = Table(columns: [.init("Text")])
    table.append(["a\r\nb\t\u{1B}[31mred\u{2028}"])
    #expect(table.plainText().split(separator: "\n").last == #"a\r\nb\t\u{1B}[31mred\u{2028}"#)
  }

  @Test("A table without rows is its names")
  func noRows() {
    let table = Table(columns: [.init("Query"), .init("Score", .decimals(2))])
    #expect(table.plainText() == "Query Score\n----- -----\n")
    #expect(table.markdown() == "| Query | Score |\n|:------|------:|\n")
    #expect(table.csv() == "Query,Score\r\n")
  }

  @Test("Markdown marks the alignment and lines up its source")
  func markdown() {
    #expect(
      example().markdown() == """
        | Method       | Pearson |   Time |
        |:-------------|--------:|-------:|
        | datainf      |   0.912 |  12 ms |
        | hessian-free |   0.504 | 870 µs |

        """)
  }

  @Test("Markdown shows a cell as it is written")
  func markdownEscapes() {
    var table = Table(columns: [.init("x")])
    table.append(["a|b *c* <br> `d` \\ [e](f) & _g_\nh"])
    table.append(["q_proj.lora_A"])
    let lines = table.markdown().split(separator: "\n")
    #expect(lines[2] == #"| a\|b \*c\* \<br> \`d\` \\ \[e\](f) \& \_g\_ h |"#)
    #expect(lines[3].hasPrefix("| q_proj.lora_A "))
  }

  @Test(
    "Markdown shows a sentence as it is, but for names between backticks",
    arguments: [
      ("`lissa:depth=10` finds 5 *of* 10", #"`lissa:depth=10` finds 5 \*of\* 10"#),
      ("# no heading", "\\# no heading"), ("1. no list", #"1\. no list"#), ("- no", #"\- no"#),
      ("a\n\n# b", "a  # b"), ("`a` and `b", #"`a` and \`b"#), ("`x\u{1B}y`", #"`x\u{1B}y`"#),
      ("*\u{301}x*", "\\*\u{301}x\\*"), ("`a`\u{301}<b>`", "`a`\u{301}\\<b>\\`"),
      ("\u{202E}<script>", #"\\u{202E}\<script>"#), ("at -1.5 #2", "at -1.5 #2"),
    ])
  func markdownSentences(text: String, expected: String) {
    #expect(MarkdownText.sentence(text) == expected)
  }

  @Test("Negative numbers are touched by the escapes of no medium")
  func negativeNumbers() {
    var table = Table(columns: [.init("x", .decimals(1))])
    table.append([-1.5])
    #expect(table.csv() == "x\r\n-1.5\r\n")
    #expect(table.markdown().contains("| -1.5 |"))
    #expect(table.plainText().hasSuffix("-1.5\n"))
  }

  @Test("A cell of text is no formula in CSV, and turns nothing in what people read")
  func hostileCells() {
    var table = Table(columns: [.init("=id"), .init("text")])
    table.append(["=cmd|'/C calc'!A0", "a\u{202E}b\u{9B}c"])
    #expect(table.csv() == "'=id,text\r\n'=cmd|'/C calc'!A0,a\u{202E}b\u{9B}c\r\n")
    #expect(table.markdown().contains(#"a\\u{202E}b\\u{009B}c"#))
    #expect(table.plainText().contains(#"a\u{202E}b\u{009B}c"#))
  }

  @Test("CSV quotes what RFC 4180 wants quoted, and nothing else")
  func csvQuotes() {
    var table = Table(columns: [.init("id"), .init("text, quoted")])
    table.append(["plain text", "a,b"])
    table.append([" blanks ", "say \"hi\""])
    table.append(["two\nlines", "two\r\nlines"])
    table.append(["", .missing])
    table.append(["\"\u{301}", "e"])
    #expect(
      table.csv()
        == "id,\"text, quoted\"\r\n" + "plain text,\"a,b\"\r\n"
        + " blanks ,\"say \"\"hi\"\"\"\r\n" + "\"two\nlines\",\"two\r\nlines\"\r\n" + ",\r\n"
        + "\"\"\"\u{301}\",e\r\n")
  }

  @Test("CSV numbers read back as they were, in seconds and bytes")
  func csvNumbers() throws {
    var table = Table(columns: [
      .init("a", .decimals(1)), .init("b", .seconds), .init("c", .bytes),
    ])
    let value = 0.1 + 0.2
    table.append([.number(value), 0.012, 1_234_567])
    #expect(table.csv() == "a,b,c\r\n0.30000000000000004,0.012,1234567\r\n")
    #expect(Double("0.30000000000000004") == value)
  }

  @Test("An empty field alone is quoted, so its line is not lost")
  func csvEmptyLine() {
    var table = Table(columns: [.init("a")])
    table.append([.missing])
    #expect(table.csv() == "a\r\n\"\"\r\n")
  }

  @Test("A row that does not fill the columns stops the program")
  func wrongRow() async {
    await #expect(processExitsWith: .failure) {
      var table = Table(columns: [.init("a"), .init("b")])
      table.append(["only one"])
    }
  }
}
