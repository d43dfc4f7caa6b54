import Foundation
import TestSupport
import Testing

/// Something that is not a gradient store, with the error that opening it must give.
struct Malformed: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// The case of the error.
  let error: String
  /// What the message must mention: the field, the file, the block.
  let words: [String]
  /// Puts it into a folder; gives what to open.
  let make: @Sendable (TemporaryDirectory) throws -> URL

  init(
    _ description: String, _ error: String, _ words: String...,
    make: @escaping @Sendable (TemporaryDirectory) throws -> URL
  ) {
    testDescription = description
    self.error = error
    self.words = words
    self.make = make
  }

  static let sample = Sample(rows: 3, [("a", [2]), ("b", [3])])

  /// bergson's directory with a change to its `info.json`.
  private static func index(
    _ description: String, _ error: String, _ words: String..., replacing old: String,
    with new: String
  ) -> Malformed {
    Malformed(description, error, words) { folder in
      let url = try folder.writeIndex("store", sample)
      try folder.replace(old, with: new, in: "store/info.json")
      return url
    }
  }

  init(
    _ description: String, _ error: String, _ words: [String],
    _ make: @escaping @Sendable (TemporaryDirectory) throws -> URL
  ) {
    testDescription = description
    self.error = error
    self.words = words
    self.make = make
  }

  /// `info.json` and `gradients.bin` as another tool writes them.
  static let indexes: [Malformed] = [
    Malformed("gradients.bin a byte short", "wrongSize", "gradients.bin", "59", "60") {
      let url = try $0.writeIndex("store", sample)
      try $0.write($0.bytes("store/gradients.bin").dropLast(), to: "store/gradients.bin")
      return url
    },
    Malformed("gradients.bin a row short", "wrongSize", "gradients.bin", "40") {
      let url = try $0.writeIndex("store", sample)
      try $0.write($0.bytes("store/gradients.bin").dropLast(20), to: "store/gradients.bin")
      return url
    },
    Malformed("gradients.bin a byte long", "wrongSize", "gradients.bin", "61") {
      let url = try $0.writeIndex("store", sample)
      try $0.write($0.bytes("store/gradients.bin") + [0], to: "store/gradients.bin")
      return url
    },
    Malformed("no gradients.bin", "notFound", "gradients.bin") {
      let url = try $0.writeIndex("store", sample)
      try FileManager.default.removeItem(at: $0.file("store/gradients.bin"))
      return url
    },
    Malformed("gradients.bin a folder", "notRegularFile", "gradients.bin") {
      let url = try $0.writeIndex("store", sample)
      try FileManager.default.removeItem(at: $0.file("store/gradients.bin"))
      try $0.write("", to: "store/gradients.bin/file")
      return url
    },
    Malformed("info.json a folder", "notRegularFile", "info.json") {
      try $0.write("", to: "store/info.json/file")
      return $0.file("store")
    },
    index(
      "no count of rows", "invalidField", "num_grads",
      replacing: #""num_items": 3, "num_grads": 3, "#, with: ""),
    index(
      "rows as a string", "invalidField", "num_grads",
      replacing: #""num_grads": 3"#, with: #""num_grads": "3""#),
    index(
      "negative rows", "invalidField", "num_grads",
      replacing: #""num_grads": 3"#, with: #""num_grads": -3"#),
    index(
      "2^63 rows", "invalidField", "num_grads",
      replacing: #""num_grads": 3"#, with: #""num_grads": 9223372036854775808"#),
    index(
      "half a row", "invalidField", "num_grads",
      replacing: #""num_grads": 3"#, with: #""num_grads": 3.5"#),
    index(
      "rows null", "invalidField", "num_grads",
      replacing: #""num_grads": 3"#, with: #""num_grads": null"#),
    index(
      "2^62 rows", "wrongSize", "gradients.bin",
      replacing: #""num_grads": 3"#, with: #""num_grads": 4611686018427387904"#),
    index(
      "2^62 rows of no columns", "unrecognised", "info.json", "no columns",
      replacing: #""num_grads": 3, "grad_sizes": {"a": 2, "b": 3}"#,
      with: #""num_grads": 4611686018427387904, "grad_sizes": {"a": 0, "b": 0}"#),
    index(
      "no blocks", "unrecognised", "info.json", "no columns",
      replacing: #"{"a": 2, "b": 3}"#, with: "{}"),
    index(
      "no grad_sizes", "invalidField", "grad_sizes",
      replacing: "grad_sizes", with: "sizes"),
    index(
      "grad_sizes an array", "invalidField", "grad_sizes",
      replacing: #"{"a": 2, "b": 3}"#, with: #"["a", 2, "b", 3]"#),
    index(
      "a negative width", "invalidField", "grad_sizes.b",
      replacing: #""b": 3"#, with: #""b": -3"#),
    index(
      "a width as a string", "invalidField", "grad_sizes.b",
      replacing: #""b": 3"#, with: #""b": "3""#),
    index(
      "a width of 2^63", "invalidField", "grad_sizes.b",
      replacing: #""b": 3"#, with: #""b": 9223372036854775808"#),
    index(
      "a width of 2^63 - 1", "invalidField", "\"b\"", "2147483647",
      replacing: #""b": 3"#, with: #""b": 9223372036854775807"#),
    index(
      "2^31 columns in one block", "invalidField", "\"b\"", "2147483647",
      replacing: #""a": 2, "b": 3"#, with: #""b": 2147483648"#),
    index(
      "2^31 columns in two blocks", "invalidField", "\"b\"", "2147483647",
      replacing: #""b": 3"#, with: #""b": 2147483646"#),
    index(
      "a name twice", "duplicateKey", "\"a\"",
      replacing: #""b": 3"#, with: #""a": 3"#),
    index(
      "a hostile name", "invalidField", #"\u{1B}[2Jx"#,
      replacing: #""b": 3"#, with: #""\u001b[2Jx": -1"#),
    index(
      "no base_dtype", "invalidField", "base_dtype", "bergson",
      replacing: #", "base_dtype": "float32""#, with: ""),
    index(
      "base_dtype a number", "invalidField", "base_dtype",
      replacing: #""float32""#, with: "32"),
    index(
      "integers", "invalidField", "base_dtype", "int32",
      replacing: "float32", with: "int32"),
    index(
      "big-endian numbers", "invalidField", "base_dtype", ">f4",
      replacing: "float32", with: ">f4"),
    index(
      "the wrong type", "wrongSize", "gradients.bin",
      replacing: "float32", with: "float16"),
    index(
      "info.json cut short", "malformedJSON", "info.json", replacing: #""float32"}"#, with: ""),
    index(
      "text after info.json", "malformedJSON", "info.json",
      replacing: #""float32"}"#, with: #""float32"}{"#),
    index(
      "info.json of levels", "malformedJSON", "info.json",
      replacing: "false", with: String(repeating: "[", count: 100_000)),
    Malformed("info.json empty", "malformedJSON", "info.json") {
      let url = try $0.writeIndex("store", sample)
      try $0.write("", to: "store/info.json")
      return url
    },
    Malformed("info.json an array", "invalidField", "num_grads") {
      let url = try $0.writeIndex("store", sample)
      try $0.write("[]", to: "store/info.json")
      return url
    },
    Malformed("info.json not UTF-8", "invalidUTF8", "info.json") {
      let url = try $0.writeIndex("store", sample)
      try $0.write([0x22, 0xFF, 0xFE, 0x22], to: "store/info.json")
      return url
    },
    Malformed("info.json of random bytes", "malformedJSON", "info.json") {
      let url = try $0.writeIndex("store", sample)
      try $0.write([0x93, 0x12, 0x00, 0xFF], to: "store/info.json")
      return url
    },
  ]
}
