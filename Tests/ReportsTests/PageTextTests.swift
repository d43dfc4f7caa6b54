import InfluenceKit
import Reports
import Testing

@Suite("Text in HTML")
struct PageTextTests {
  @Test("what ends a text or an attribute is written as a reference")
  func escaped() {
    #expect(HTMLText.escaped("<a href=\"x\">'&") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;")
    #expect(HTMLText.escaped("plain – text") == "plain – text")
    #expect(HTMLText.escaped("a\0b") == "a\u{FFFD}b")
  }

  @Test("a combining mark hides no quote and no bracket", arguments: ["\"", "<", ">", "&", "'"])
  func combining(mark: String) {
    for follower in ["\u{301}", "\u{338}", "\u{FE0F}", "\u{200D}"] {
      let escaped = HTMLText.escaped(mark + follower)
      #expect(escaped.hasPrefix("&"))
      #expect(!escaped.unicodeScalars.dropFirst().contains { "\"<>'".unicodeScalars.contains($0) })
    }
  }

  @Test("templates escape in the same way, in partials too")
  func template() {
    let hostile = "\"\u{301} onmouseover=alert(1) <\u{338}b"
    let page = PageFiles.rendered(
      "text", ["tokens": false, "head": .string(hostile), "rest": false])
    #expect(page == HTMLText.escaped(hostile))
    let row = PageFiles.rendered(
      "suspect",
      [
        "i": 3, "k": 1, "text": ["tokens": false, "head": .string(hostile), "rest": false],
        "id": false, "flip": false, "label": .string(hostile), "other": false, "same": false,
        "cells": .array([]), "mean": "1",
      ])
    #expect(!row.unicodeScalars.contains("\u{338}") || row.contains("&lt;\u{338}b"))
    #expect(row.contains("&quot;\u{301} onmouseover"))
  }

  @Test("JSON in a script element holds nothing that ends it")
  func embedded() throws {
    let json: OrderedJSON = ["a": "</script><!--", "b": "&amp;"]
    let text = HTMLText.embedded(json: try json.serialized())
    #expect(!text.contains("<") && !text.contains(">") && !text.contains("&"))
    #expect(try OrderedJSON(parsing: Array(text.utf8), path: "page") == json)
  }

  @Test("only what the project has escaped itself is put into a page as it is")
  func unescaped() {
    let allowed: Set = ["style", "script", "data", "agreement", "dimension", "picture", "svg"]
    for name in PageFiles.templateNames {
      let pieces = PageFiles.template(name).split(separator: "{{{").dropFirst()
      for piece in pieces { #expect(allowed.contains(String(piece.prefix { $0 != "}" }))) }
      #expect(!PageFiles.template(name).contains("{{&"))
    }
  }

  @Test("the hash is that of FIPS 180-4's examples")
  func hash() {
    func hex(_ text: String) -> String {
      SHA256.hash(of: Array(text.utf8)).map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
    }
    #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      hex(String(repeating: "a", count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
