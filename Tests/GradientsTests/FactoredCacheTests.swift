import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Caches of dattri-LLM, and folders of LESS")
struct FactoredCacheTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test("Factors are multiplied while rows are read, and an example at two steps is told")
  func cache() throws {
    let url = try DattriLLMBuilder().write(to: folder)
    let store = try GradientStore(opening: url)
    try expect(store, holds: DattriLLMBuilder.sample)
    #expect(try store.exampleIDs() == ["x", "y", "x"])
    #expect(store.origin?.known.last?.hasPrefix("1 rows are of examples that have a row") == true)
    try FileManager.default.moveItem(at: folder.file("d/rank_0"), to: folder.file("e"))
    // The paths of files count from the folder of all ranks.
    #expect(throws: TensorFileError.self) { try GradientStore(opening: folder.file("e")) }
  }

  @Test("Tokens may come first, and what was captured dense is read as it is")
  func layouts() throws {
    var first = DattriLLMBuilder()
    first.change = { _, layer in layer[3].1 = .truth(false) }
    first.changePart = { part in
      // One token: [examples, 1, d] and [1, examples, d] are the same bytes.
      guard case .list(let shape) = part[2].1 else { return }
      part[2].1 = .list([shape[1], shape[0], shape[2]])
    }
    try expect(
      GradientStore(opening: first.write(to: folder)), holds: DattriLLMBuilder.sample)
    var dense = DattriLLMBuilder()
    dense.change = { record, layer in
      guard case .dictionary(let parts) = layer[1].1 else { return }
      layer = [("kind", .text("dense")), ("parts", .dictionary([("data", parts[1].1)]))]
    }
    let error = #expect(throws: GradientStoreError.self) {
      try GradientStore(opening: dense.write(to: folder))
    }
    // Of tokens, as the builder says.
    #expect("\(try #require(error))".contains("leave this layer out"))
    dense.indexing = "batch"
    let read = try GradientStore(opening: dense.write(to: folder))
    let numbers = DattriLLMBuilder.sample.matrix(rows: 0..<3, columns: 0..<3, as: Double.self)
    #expect(read.layout.blocks[0].shape == [1, 3])
    #expect(
      try Matrix(read.rows(0..<3, of: 0, as: Double.self)).elements
        == numbers.elements.map { $0 / 2 })
  }

  private static func cache(
    _ description: String, _ error: String, _ words: String...,
    change: @escaping @Sendable (inout DattriLLMBuilder) -> Void
  ) -> Malformed {
    Malformed("dattri-LLM: " + description, error, words) { folder in
      var builder = DattriLLMBuilder()
      change(&builder)
      return try builder.write(to: folder)
    }
  }

  private static func part(
    _ description: String, _ error: String, _ words: String..., member: Int,
    _ value: TorchBuilder.Value
  ) -> Malformed {
    Malformed("dattri-LLM: " + description, error, words) { folder in
      try DattriLLMBuilder(changePart: { $0[member].1 = value }).write(to: folder)
    }
  }

  static let caches: [Malformed] = [
    cache("another version", "invalidField", "format") {
      $0.settings = $0.settings.replacing("2", with: "1")
    },
    cache("a dictionary of another version", "invalidField", "format") { $0.format = 3 },
    cache("an index cut short", "inconsistent", "cut short") {
      $0.log = String($0.log.dropLast(9))
    },
    cache("an empty index", "unrecognised", "empty") { $0.log = "" },
    cache("an index that is no JSON", "malformedJSON", "index.jsonl") { $0.log = "{\n" },
    cache("no records", "invalidField", "line 1.records") {
      $0.log = $0.log.replacing("records", with: "record")
    },
    cache("a record without examples", "invalidField", "records[0]") {
      $0.log = $0.log.replacing(#"["x","y"]"#, with: "[]")
    },
    cache("a negative number", "invalidField", "records[0]") {
      $0.log = $0.log.replacing(#""idx":0"#, with: #""idx":-1"#)
    },
    cache("a record that is not there", "invalidField", "records[7]") {
      $0.log = $0.log.replacing(#""idx":1"#, with: #""idx":7"#)
    },
    cache("more examples than rows", "invalidField", "2 examples") {
      $0.log = $0.log.replacing(#"["x"]"#, with: #"["x","z"]"#)
    },
    cache("a path that leads elsewhere", "inconsistent", "elsewhere") {
      $0.log = $0.log.replacing("rank_0/", with: "../d/rank_0/")
    },
    cache("a pickle of objects", "inconsistent", "memmap") {
      $0.log = $0.log.replacing(".mmap", with: ".pt")
    },
    cache("a file that is not there", "notFound", "batch_000001") {
      $0.log = $0.log.replacing("batch_000000", with: "batch_000001")
    },
    cache("numbers cut short", "invalidField", "not in the file") { $0.left = 8 },
    cache("factors of a convolution", "invalidField", "nn.Conv2d", "materialized") {
      $0.kind = "nn.Conv2d"
    },
    cache("no layers of one kind", "invalidField", "materialized") { $0.kind = "" },
    cache("other layers in a step", "inconsistent", "record 1") {
      $0.change = { record, layer in
        if record == 1 { layer[2].1 = .dictionary([("has_bias", .truth(true))]) }
      }
    },
    cache("factors that are missing", "invalidField", "says not where") {
      $0.change = { _, layer in layer[1].1 = .dictionary([]) }
    },
    cache("another layout of factors", "invalidField", "examples") {
      $0.change = { _, layer in layer[3].1 = .truth(false) }
    },
    part("integers", "invalidField", "int64", member: 3, .text("int64")),
    part("half the bytes", "invalidField", "not those of its shape", member: 1, .integer(4)),
    part("a negative offset", "invalidField", "where its numbers", member: 0, .integer(-8)),
    part(
      "an offset past the end", "invalidField", "not in the file", member: 0, .integer(1 << 40)),
    part(
      "a shape that overflows", "invalidField", "impossible", member: 2,
      .list([.integer(1 << 62), .integer(4), .integer(4)])),
    part("no rows", "invalidField", "impossible", member: 2, .list([.integer(0), .integer(3)])),
    part(
      "a shape of texts", "invalidField", "not those of its shape", member: 2, .list([.text("a")])),
  ]

  /// A folder of LESS with rows 0 ..< 2 and 2 ..< 5, any file of which can be replaced.
  private static func less(
    _ description: String, _ error: String, _ words: String...,
    change: @escaping @Sendable (TemporaryDirectory) throws -> Void
  ) -> Malformed {
    Malformed("LESS: " + description, error, words) { folder in
      try folder.write(TorchBuilder([1, 2, 3, 4], shape: [2, 2]).bytes, to: "d/dim2/grads-2.pt")
      try folder.write(
        TorchBuilder([1, 2, 3, 4, 5, 6], shape: [3, 2]).bytes, to: "d/dim2/grads-5.pt")
      try change(folder)
      return folder.file("d/dim2")
    }
  }

  private static func replaced(
    _ description: String, _ error: String, _ words: String..., by bytes: [UInt8]
  ) -> Malformed {
    Malformed("LESS: " + description, error, words) { folder in
      try folder.write(TorchBuilder([1, 2, 3, 4], shape: [2, 2]).bytes, to: "d/grads-2.pt")
      try folder.write(bytes, to: "d/grads-5.pt")
      return folder.file("d")
    }
  }

  private static let good = TorchBuilder([1, 2, 3, 4, 5, 6], shape: [3, 2])

  static let folders: [Malformed] = [
    less("the first file is missing", "inconsistent", "row 5") {
      try FileManager.default.removeItem(at: $0.file("d/dim2/grads-2.pt"))
    },
    less("a file between is missing", "inconsistent", "row 9") {
      try $0.write(good.bytes, to: "d/dim2/grads-9.pt")
    },
    less("a file too many", "inconsistent", "row 5") {
      try $0.write(TorchBuilder([1, 2], shape: [1, 2]).bytes, to: "d/dim2/grads-3.pt")
    },
    less("a file of another store", "inconsistent", "may be different") {
      try $0.write(good.bytes, to: "d/dim2/query.pt")
    },
    less("a number that is too large", "inconsistent", "may be different") {
      try $0.write(good.bytes, to: "d/dim2/grads-99999999999999999999.pt")
    },
    less("a folder for a file", "unrecognised", "grads-7.pt") {
      try $0.write("", to: "d/dim2/grads-7.pt/file")
    },
    replaced("a file cut short", "malformedArchive", by: Array(good.bytes.dropLast(3))),
    replaced("an empty file", "unrecognised", by: []),
    replaced("a text", "unrecognised", by: Array("gradients".utf8)),
    replaced(
      "a plain pickle", "inconsistent", "pickle",
      by: [0x80, 2, 0x7D, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x4B, 1, 0x73, 0x2E]),
    replaced(
      "other columns", "inconsistent", "blocks",
      by: TorchBuilder([1, 2, 3], shape: [3, 1]).bytes),
    replaced(
      "integers", "unrecognised", "no tensors",
      by: TorchBuilder(
        .tensor(type: "Long", shape: [3, 1], bytes: [UInt8](repeating: 0, count: 24))
      ).bytes),
    replaced(
      "a single number", "invalidBlock", "single number", by: TorchBuilder([1], shape: []).bytes),
    replaced(
      "a dictionary of other blocks", "inconsistent", "blocks",
      by: TorchBuilder(.dictionary([("a", .floats([1, 2, 3, 4, 5, 6], [3, 2]))])).bytes),
    replaced("no tensors", "unrecognised", "no tensors", by: TorchBuilder(.text("rows")).bytes),
    replaced(
      "damaged numbers", "wrongChecksum",
      by: {
        var builder = good
        builder.hasWrongChecksums = true
        return builder.bytes
      }()),
  ]

  @Test("What is damaged is refused with its place", arguments: caches + folders)
  func refused(_ malformed: Malformed) throws {
    let url = try malformed.make(folder)
    let error = #expect(throws: (any Error).self) { try GradientStore(opening: url) }
    expect(
      try #require(error), is: malformed.error, about: url.path, mentioning: malformed.words)
  }

  @Test("Each reader of another tool's files has at least 15 that it refuses")
  func counts() {
    let all =
      Self.caches + Self.folders + ChunkedStoreTests.refusals + OtherToolsTests.refusals
      + KronfluenceFactorsTests.refusals
    for tool in ["dattri-LLM", "LESS", "dattri", "logix", "LoRIF", "TRAK", "kronfluence"] {
      let count = all.count { $0.testDescription.hasPrefix("\(tool): ") }
      #expect(count >= 15, "\(tool): \(count)")
    }
    #expect(Malformed.indexes.count >= 15 && Malformed.torchFiles.count >= 15)
  }
}
