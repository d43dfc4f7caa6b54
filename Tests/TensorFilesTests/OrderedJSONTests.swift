import OrderedCollections
import TensorFiles
import Testing

struct OrderedJSONTests {
  private func parse(_ text: String) throws -> OrderedJSON {
    try OrderedJSON(parsing: Array(text.utf8), path: "a.json")
  }

  @Test("keys keep their order, and integers every digit")
  func order() throws {
    let value = try parse(
      #" {"z": 1, "a": [true, false, null, -0.5e1], "m": {"y": 9007199254740993}} "#)
    #expect(value.object?.keys == ["z", "a", "m"])
    #expect(value["m"]?["y"]?.integer == 9_007_199_254_740_993)
    #expect(value["a"] == [true, false, nil, -5.0])
    #expect(value["z"]?.number == 1)
    #expect(value["a"]?.array?.first?.boolean == true)
    #expect(value["none"] == nil)
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("-9223372036854775808") == .integer(.min))
    #expect(try parse("9223372036854775808") == .number(0x1p63))
    #expect(try parse("1.0") == .number(1))
  }

  @Test("escapes and surrogate pairs")
  func strings() throws {
    #expect(try parse(#""a\"\\\/\b\f\n\r\té\ud83d\ude00é""#).string == "a\"\\/\u{8}\u{c}\n\r\té😀é")
    #expect(try parse(#""\u0041\u00e9""#).string == "Aé")
  }

  @Test(
    "text that is not JSON is refused at the right byte",
    arguments: [
      ("", 0), (" ", 1), ("{", 1), ("[1,]", 3), ("[1 2]", 3), (#"{"a"}"#, 4), (#"{"a":1,}"#, 7),
      (#"{a:1}"#, 1), ("01", 0), ("-", 1), ("1.", 2), ("1e", 2), ("+1", 0), (".5", 0), ("1e999", 0),
      ("nul", 0), ("True", 0), ("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("1 1", 2),
      ("[1]]", 3),
      ("\"a", 0), ("\"\n\"", 1), (#""\x""#, 1), (#""\u12g4""#, 5), (#""\ud83d""#, 1),
      (#""\ud83dA""#, 1), (#""\ude00""#, 1), ("'a'", 0), ("{\"a\":1 // no\n}", 7), ("\u{feff}1", 0),
      (#""\ud83d\u0041""#, 1), (#""\"#, 1), (#""\u00"#, 5),
    ])
  func malformed(text: String, offset: Int) throws {
    let error = #expect(throws: TensorFileError.self) { _ = try parse(text) }
    guard case .malformedJSON("a.json", let found, _) = error else {
      Issue.record("\(text): \(String(describing: error))")
      return
    }
    #expect(found == offset, "\(text)")
  }

  @Test("duplicate keys, depth and bad UTF-8 have errors of their own")
  func limits() throws {
    #expect(throws: TensorFileError.duplicateKey(path: "a.json", offset: 8, key: "a")) {
      _ = try parse(#"{"a": 1,"a": 2}"#)
    }
    #expect(throws: TensorFileError.duplicateKey(path: "a.json", offset: 7, key: "a")) {
      _ = try parse("{\"a\":1,\"\\u0061\":2}")
    }
    #expect(throws: TensorFileError.invalidUTF8(path: "b", offset: 101)) {
      _ = try OrderedJSON(parsing: [0x5b, 0x22, 0xff, 0x22, 0x5d], path: "b", offset: 100)
    }
    let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: Never.self) { _ = try parse(deepest) }
    #expect(throws: TensorFileError.self) { _ = try parse("[\(deepest)]") }
    #expect(throws: TensorFileError.self) {
      _ = try parse(String(repeating: "[{\"a\":", count: 100_000))
    }
  }

  @Test(
    "what is written parses to the same value", arguments: [OrderedJSON.Layout.compact, .indented])
  func roundTrip(layout: OrderedJSON.Layout) throws {
    let value: OrderedJSON = [
      "z": 1, "a": [0.1, -0.0, 1e300, .number(.leastNonzeroMagnitude), 1.0, nil, true],
      "": "\"\\\u{0}\u{1f}\u{7f}é😀\n",
      "empty": [[], [:]], "large": .integer(.min),
    ]
    let text = try value.serialized(layout)
    #expect(try parse(text) == value)
    #expect(try parse(text).serialized(layout) == text)
  }

  @Test("layouts")
  func layouts() throws {
    let value: OrderedJSON = ["b": [1, 2.0], "a": [:]]
    #expect(try value.serialized() == #"{"b":[1,2.0],"a":{}}"#)
    #expect(
      try value.serialized(.indented) == """
        {
          "b": [
            1,
            2.0
          ],
          "a": {}
        }
        """)
    #expect(throws: TensorFileError.unwritableNumber(path: "f", field: "a.b[1]")) {
      _ = try (["a": ["b": [1, .number(.nan)]]] as OrderedJSON).serialized(path: "f")
    }
  }
}
