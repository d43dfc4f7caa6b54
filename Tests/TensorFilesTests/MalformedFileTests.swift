import Foundation
import LinearAlgebra
import TensorFiles
import Testing

/// A file that must not open, and the error that says why.
struct MalformedFile: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let expected: String

  init(_ name: String, _ bytes: [UInt8], _ expected: String) {
    testDescription = name
    self.bytes = bytes
    self.expected = expected
  }

  /// A `.npy` file with any of its three fields replaced.
  static func numpy(
    _ name: String, descr: String = "'<f4'", order: String = "False", shape: String = "(1,)",
    data: [UInt8] = [0, 0, 0, 0], _ expected: String
  ) -> MalformedFile {
    let header = "{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }"
    return MalformedFile(name, numpyFile(header, data: data), expected)
  }

  /// A `.safetensors` file with one tensor of four bytes, any of its fields replaced.
  static func tensor(
    _ name: String, dtype: String = "\"F32\"", shape: String = "[1]", offsets: String = "[0,4]",
    data: [UInt8] = [0, 0, 0, 0], _ expected: String
  ) -> MalformedFile {
    let header = "{\"t\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
    return MalformedFile(name, safetensorsFile(header, data: data), expected)
  }
}

struct MalformedFileTests {
  private static let ok = "'fortran_order': False, 'shape': (1,)"

  static let numpyFiles: [MalformedFile] = [
    .init("empty", [], "truncated"),
    .init("half a magic", [0x93, 0x4e], "truncated"),
    .init("wrong magic", Array("PK\u{3}\u{4}aaaaaaaaaaaaa".utf8), "wrongFormat"),
    .init("short wrong magic", [1], "wrongFormat"),
    .init("version 4", numpyFile("{}", version: [4, 0]), "unsupportedVersion"),
    .init("version 1.1", numpyFile("{}", version: [1, 1]), "unsupportedVersion"),
    .init("version 0", numpyFile("{}", version: [0, 0]), "unsupportedVersion"),
    .init("no length", Array(numpyFile("").prefix(9)), "truncated"),
    .init("short length", Array(numpyFile("", version: [2, 0]).prefix(11)), "truncated"),
    .init("header past the end", Array(numpyFile("{'descr'").dropLast(3)), "truncated"),
    .init(
      "header of 4 GB", Array(numpyFile("", version: [3, 0]).prefix(8)) + [255, 255, 255, 255],
      "headerTooLong"),
    .init("no dictionary", numpyFile(""), "malformedHeader"),
    .init("no end", numpyFile("{'descr': '<f4'"), "malformedHeader"),
    .init("unfinished string", numpyFile("{'desc"), "malformedHeader"),
    .init("empty dictionary", numpyFile("{}"), "missingField"),
    .init("no shape", numpyFile("{'descr': '<f4', 'fortran_order': False}"), "missingField"),
    .init("no order", numpyFile("{'descr': '<f4', 'shape': (1,)}"), "missingField"),
    .init("no descr", numpyFile("{\(ok)}"), "missingField"),
    .init("unknown key", numpyFile("{'descr': '<f4', \(ok), 'x': 1}"), "malformedHeader"),
    .init(
      "duplicate key", numpyFile("{'descr': '<f4', 'descr': '<f4', \(ok)}"), "duplicateKey"),
    .init("text after it", numpyFile("{'descr': '<f4', \(ok)} x"), "malformedHeader"),
    .init("two commas", numpyFile("{'descr': '<f4',, \(ok)}"), "malformedHeader"),
    .init("not ASCII", numpyFile("{'dé': '<f4'}"), "malformedHeader"),
    .init("an escape", numpyFile("{'descr': '<f\\x34'}"), "malformedHeader"),
    .numpy("big-endian complex numbers", descr: "'>c8'", "unsupportedElementType"),
    .numpy("objects", descr: "'|O'", "unsupportedElementType"),
    .numpy("records", descr: "[('a', '<f4')]", "unsupportedElementType"),
    .numpy("sub-arrays", descr: "('<f4', (2,))", "unsupportedElementType"),
    .numpy("truth values", descr: "'|b1'", "unsupportedElementType"),
    .numpy("small integers", descr: "'|u1'", "unsupportedElementType"),
    .numpy("complex numbers", descr: "'<c8'", "unsupportedElementType"),
    .numpy("a name for a descr", descr: "'float32'", "unsupportedElementType"),
    .numpy("no descr string", descr: "4", "malformedHeader"),
    .numpy("order not a truth value", order: "0", "malformedHeader"),
    .numpy("order in lower case", order: "false", "malformedHeader"),
    .numpy("shape a number", shape: "1", "malformedHeader"),
    .numpy("shape without comma", shape: "(1)", "malformedHeader"),
    .numpy("shape a list", shape: "[1]", "malformedHeader"),
    .numpy("negative dimension", shape: "(-1,)", "malformedHeader"),
    .numpy("fraction", shape: "(1.0,)", "malformedHeader"),
    .numpy("dimension of 2^63", shape: "(9223372036854775808,)", "malformedHeader"),
    .numpy("only a comma", shape: "(,)", "malformedHeader"),
    .numpy("product overflow", shape: "(4294967296, 4294967296)", "shapeOverflow"),
    .numpy(
      "product overflow around a zero", shape: "(4294967296, 0, 4294967296)", "shapeOverflow"),
    .numpy("byte overflow", shape: "(4611686018427387904,)", "shapeOverflow"),
    .numpy("data cut short", data: [0, 0, 0], "byteCountMismatch"),
    .numpy("huge but legal", shape: "(1000000000000,)", "byteCountMismatch"),
    .numpy("data too long", data: [0, 0, 0, 0, 0], "trailingBytes"),
  ]

  static let safetensorsFiles: [MalformedFile] = [
    .init("empty", [], "truncated"),
    .init("seven bytes", [1, 0, 0, 0, 0, 0, 0], "truncated"),
    .init("header past the end", [9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d], "truncated"),
    .init("header of 2^64", [UInt8](repeating: 255, count: 8), "headerTooLong"),
    .init("header above the limit", [1, 225, 245, 5, 0, 0, 0, 0], "headerTooLong"),
    .init("header at the limit", [0, 225, 245, 5, 0, 0, 0, 0], "truncated"),
    .init("no header", safetensorsFile(""), "malformedJSON"),
    .init("not JSON", safetensorsFile("{a}"), "malformedJSON"),
    .init("not UTF-8", safetensorsFile(bytes: Array("{\"".utf8) + [0xff, 0x22]), "invalidUTF8"),
    .init("too deep", safetensorsFile(String(repeating: "[", count: 99)), "malformedJSON"),
    .init("an array", safetensorsFile("[]"), "invalidField"),
    .init("a number", safetensorsFile("3"), "invalidField"),
    .init("metadata not an object", safetensorsFile(#"{"__metadata__":[]}"#), "invalidField"),
    .init("metadata not text", safetensorsFile(#"{"__metadata__":{"a":1}}"#), "invalidField"),
    .init("tensor not an object", safetensorsFile(#"{"t":1}"#), "invalidField"),
    .init(
      "duplicate tensor", safetensorsFile(#"{"t":1,"t":1}"#),
      "duplicateKey"),
    .init(
      "duplicate field", safetensorsFile(#"{"t":{"dtype":"F32","dtype":"F32"}}"#), "duplicateKey"),
    .init(
      "no dtype", safetensorsFile(#"{"t":{"shape":[0],"data_offsets":[0,0]}}"#), "missingField"),
    .init(
      "no shape", safetensorsFile(#"{"t":{"dtype":"F32","data_offsets":[0,0]}}"#), "missingField"),
    .init("no offsets", safetensorsFile(#"{"t":{"dtype":"F32","shape":[0]}}"#), "missingField"),
    .init("trailing bytes", safetensorsFile("{}", data: [0]), "trailingBytes"),
    .tensor("unknown dtype", dtype: "\"F33\"", "unknownElementType"),
    .tensor("dtype not text", dtype: "32", "invalidField"),
    .tensor("shape not an array", shape: "1", "invalidField"),
    .tensor("negative dimension", shape: "[-1]", "invalidField"),
    .tensor("fraction", shape: "[1.0]", "invalidField"),
    .tensor("text for a dimension", shape: "[\"1\"]", "invalidField"),
    .tensor("dimension of 2^63", shape: "[9223372036854775808]", "invalidField"),
    .tensor("product overflow", shape: "[4294967296,4294967296]", "shapeOverflow"),
    .tensor("overflow around a zero", shape: "[4294967296,0,4294967296]", "shapeOverflow"),
    .tensor("bit overflow", shape: "[4611686018427387903]", "shapeOverflow"),
    .tensor("one offset", offsets: "[0]", "invalidField"),
    .tensor("three offsets", offsets: "[0,4,4]", "invalidField"),
    .tensor("negative offset", offsets: "[-4,0]", "invalidField"),
    .tensor("offset of 2^64", offsets: "[0,18446744073709551616]", "invalidField"),
    .tensor("reversed offsets", offsets: "[4,0]", "reversedOffsets"),
    .tensor("offsets past the end", offsets: "[1,5]", "offsetsOutOfRange"),
    .tensor("offsets far past the end", offsets: "[0,9223372036854775807]", "offsetsOutOfRange"),
    .tensor("too few bytes", shape: "[2]", "byteCountMismatch"),
    .tensor(
      "too many bytes", shape: "[]", offsets: "[0,5]", data: [0, 0, 0, 0, 0], "byteCountMismatch"),
    .tensor("hole at the start", offsets: "[1,5]", data: [0, 0, 0, 0, 0], "unclaimedBytes"),
    .tensor("bytes after the last", data: [0, 0, 0, 0, 0], "trailingBytes"),
    .init(
      "overlap",
      safetensorsFile(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
          + #""b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, data: [0, 0, 0]),
      "overlappingTensors"),
    .init(
      "hole between",
      safetensorsFile(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
          + #""b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#, data: [0, 0, 0]),
      "unclaimedBytes"),
  ]

  @Test("malformed .npy files", arguments: numpyFiles)
  func numpy(file: MalformedFile) throws {
    let folder = try TemporaryFolder()
    let url = try folder.file(file.bytes)
    let error = #expect(throws: TensorFileError.self) { _ = try NumpyFile(opening: url) }
    try check(error, file, url)
  }

  @Test("malformed .safetensors files", arguments: safetensorsFiles)
  func safetensors(file: MalformedFile) throws {
    let folder = try TemporaryFolder()
    let url = try folder.file(file.bytes)
    let error = #expect(throws: TensorFileError.self) { _ = try SafetensorsFile(opening: url) }
    try check(error, file, url)
  }

  private func check(_ error: TensorFileError?, _ file: MalformedFile, _ url: URL) throws {
    let error = try #require(error)
    #expect(caseName(error) == file.expected, "\(error)")
    #expect(error.path == url.path)
    #expect(error.description.hasPrefix(url.path))
    #expect(!error.description.contains("\n") && error.description.hasSuffix("."))
  }

  @Test("an error stays on one line of reasonable length, however hostile the file")
  func hostileDescriptions() throws {
    let folder = try TemporaryFolder()
    let name = String(repeating: "\\u001b[31m\\n", count: 10_000)
    let url = try folder.file(safetensorsFile("{\"\(name)\":{}}"))
    let error = #expect(throws: TensorFileError.self) { _ = try SafetensorsFile(opening: url) }
    let text = try #require(error).description
    #expect(!text.contains("\u{1b}") && !text.contains("\n") && text.count < 2000)
  }
}
