import OrderedCollections
import TensorFiles
import Testing

/// Text from other people's files, shown on a terminal or written as JSON.
@Suite("Inert text")
struct InertTextTests {
  static let active: [(text: String, shown: String)] = [
    ("\u{1B}[31mred", "\\u{1B}[31mred"), ("a\0b", "a\\0b"), ("\u{7}", "\\u{07}"),
    ("a\r\nb\tc", "a\\r\\nb\\tc"), ("\u{7F}\u{85}\u{9B}2J", "\\u{7F}\\u{0085}\\u{009B}2J"),
    ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
    ("\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}", "\\u{202A}\\u{202B}\\u{202C}\\u{202D}\\u{202E}"),
    ("\u{2066}\u{2067}\u{2068}\u{2069}", "\\u{2066}\\u{2067}\\u{2068}\\u{2069}"),
    ("\u{200E}\u{200F}\u{61C}", "\\u{200E}\\u{200F}\\u{061C}"),
  ]

  @Test("What acts on a terminal is written as an escape", arguments: active)
  func escapes(text: String, shown: String) {
    #expect(text.inert == shown)
    #expect("a \(text) b".legible == "a \(shown) b")
  }

  @Test(
    "All other text stays: letters of any script, families, accents, backslashes",
    arguments: ["größer λ ≥ 0", "🧑‍🧑‍🧒‍🧒", "cafe\u{301}", "שלום", "C:\\n", "a\u{A0}b", ""])
  func stays(text: String) {
    #expect(text.inert == text)
    #expect(text.quoted == "\"\(text)\"")
  }

  @Test("Legible text is cut to 200 scalars, and then made inert")
  func cut() {
    let text = String(repeating: "\u{1B}", count: 201)
    #expect(text.legible == String(repeating: "\\u{1B}", count: 200) + "…")
  }

  @Test("JSON holds it as escapes, which read back as they were", arguments: active)
  func json(text: String, shown: String) throws {
    let value: OrderedJSON = .object([text: .string(text)])
    let written = try value.serialized()
    #expect(written.inert == written)
    #expect(try OrderedJSON(parsing: Array(written.utf8), path: "test") == value)
  }
}
