import Foundation
import TensorFiles
import TestSupport

extension Malformed {
  /// A store of ours with a change to its `manifest.json`.
  private static func manifest(
    _ description: String, _ error: String, _ words: String..., replacing old: String,
    with new: String
  ) -> Malformed {
    Malformed(description, error, words) { folder in
      let url = try folder.writeStore("store", sample, provenance: ["seed": "7"])
      try folder.replace(old, with: new, in: "store/manifest.json")
      return url
    }
  }

  /// Stores of ours whose manifest is wrong.
  static let manifests: [Malformed] = [
    manifest(
      "a newer version", "invalidField", "version", "2",
      replacing: #""version": 1"#, with: #""version": 2"#),
    manifest(
      "version 0", "invalidField", "version",
      replacing: #""version": 1"#, with: #""version": 0"#),
    manifest(
      "another format", "invalidField", "format",
      replacing: "influencekit-gradients", with: "another"),
    manifest(
      "no rows", "invalidField", "rows", replacing: #""rows": 3,"#, with: ""),
    manifest(
      "negative rows", "invalidField", "rows", replacing: #""rows": 3"#, with: #""rows": -3"#),
    manifest(
      "rows as a string", "invalidField", "rows",
      replacing: #""rows": 3"#, with: #""rows": "3""#),
    manifest(
      "more rows than bytes", "invalidField", "files.gradients.bin",
      replacing: #""rows": 3"#, with: #""rows": 4"#),
    manifest(
      "2^62 rows", "invalidField", "rows",
      replacing: #""rows": 3"#, with: #""rows": 4611686018427387904"#),
    manifest(
      "complete a string", "invalidField", "complete",
      replacing: #""complete": true"#, with: #""complete": "yes""#),
    manifest(
      "an unknown dtype", "invalidField", "dtype", replacing: "float32", with: "float8"),
    manifest(
      "no blocks", "unrecognised", "manifest.json",
      replacing: #""blocks": ["#, with: #""blocks": [], "others": ["#),
    manifest(
      "blocks an object", "invalidField", "blocks",
      replacing: #""blocks": ["#, with: #""blocks": {}, "others": ["#),
    manifest(
      "a block without a shape", "invalidField", "blocks[0]",
      replacing: #""name": "a""#, with: #""title": "a""#),
    manifest(
      "a dimension as a string", "invalidField", "blocks[0].shape",
      replacing: "        2", with: #"        "2""#),
    manifest(
      "a negative dimension", "invalidField", "\"a\"", "[-2]",
      replacing: "        2", with: "        -2"),
    manifest(
      "a shape of 2^64", "invalidField", "\"a\"",
      replacing: "        2", with: "        4294967296, 4294967296"),
    manifest(
      "a name twice", "invalidField", "\"a\"",
      replacing: #""name": "b""#, with: #""name": "a""#),
    manifest(
      "no files", "invalidField", "files", replacing: #""files""#, with: #""others""#),
    manifest(
      "no size of gradients.bin", "invalidField", "files.gradients.bin",
      replacing: #""gradients.bin": 60,"#, with: ""),
    manifest(
      "no size of examples.jsonl", "invalidField", "files.examples.jsonl",
      replacing: #""examples.jsonl""#, with: #""examples.txt""#),
    manifest(
      "a negative size", "invalidField", "files.gradients.bin",
      replacing: #""gradients.bin": 60"#, with: #""gradients.bin": -60"#),
    manifest(
      "a checksum that is none", "invalidField", "gradients_crc32c",
      replacing: #""gradients_crc32c": ""#, with: #""gradients_crc32c": "+"#),
    manifest(
      "provenance an array", "invalidField", "provenance",
      replacing: #""provenance": {"#, with: #""provenance": [], "others": {"#),
    manifest(
      "provenance of numbers", "invalidField", "provenance.seed",
      replacing: #""7""#, with: "7"),
    manifest(
      "blocks of another name", "inconsistent", "info.json", "different blocks",
      replacing: #""name": "a""#, with: #""name": "c""#),
    manifest(
      "incomplete", "incomplete", "3 rows",
      replacing: #""complete": true"#, with: #""complete": false"#),
    manifest(
      "not JSON", "malformedJSON", "manifest.json", replacing: #""rows": 3,"#, with: "rows"),
    Malformed("blocks of other widths", "inconsistent", "info.json", "different blocks") {
      let url = try $0.writeStore("store", sample)
      try $0.replace(#""a": 2"#, with: #""a": 3"#, in: "store/info.json")
      try $0.replace(#""b": 3"#, with: #""b": 2"#, in: "store/info.json")
      return url
    },
    Malformed("blocks in another order", "inconsistent", "info.json", "different blocks") {
      let url = try $0.writeStore("store", sample)
      try $0.writeIndex("other", Sample(rows: 3, [("b", [3]), ("a", [2])]))
      try $0.write($0.bytes("other/info.json"), to: "store/info.json")
      return url
    },
    Malformed("another type in info.json", "inconsistent", "info.json", "bfloat16", "float16") {
      let url = try $0.writeStore("store", sample, as: .float16)
      try $0.replace("float16", with: "bfloat16", in: "store/info.json")
      return url
    },
    Malformed("other rows in info.json", "inconsistent", "info.json", "2 and 3 rows") {
      let url = try $0.writeStore("store", sample)
      try $0.replace(#""num_grads": 3"#, with: #""num_grads": 2"#, in: "store/info.json")
      return url
    },
    Malformed("a complete store cut short", "wrongSize", "gradients.bin") {
      let url = try $0.writeStore("store", sample)
      try $0.write($0.bytes("store/gradients.bin").dropLast(), to: "store/gradients.bin")
      return url
    },
    Malformed("a complete store with a row more", "wrongSize", "gradients.bin") {
      let url = try $0.writeStore("store", sample)
      try $0.write(
        $0.bytes("store/gradients.bin") + Array(repeating: 0, count: 20), to: "store/gradients.bin")
      return url
    },
    Malformed("no info.json", "notFound", "info.json") {
      let url = try $0.writeStore("store", sample)
      try FileManager.default.removeItem(at: $0.file("store/info.json"))
      return url
    },
    Malformed("no norms", "notFound", "squared_norms.bin") {
      let url = try $0.writeStore("store", sample)
      try FileManager.default.removeItem(at: $0.file("store/squared_norms.bin"))
      return url
    },
    Malformed("norms cut short", "wrongSize", "squared_norms.bin", "47", "48") {
      let url = try $0.writeStore("store", sample)
      try $0.write($0.bytes("store/squared_norms.bin").dropLast(), to: "store/squared_norms.bin")
      return url
    },
    Malformed("norms too long", "wrongSize", "squared_norms.bin", "49") {
      let url = try $0.writeStore("store", sample)
      try $0.write($0.bytes("store/squared_norms.bin") + [0], to: "store/squared_norms.bin")
      return url
    },
  ]
}
