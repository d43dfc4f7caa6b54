import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Stores of other tools in chunks")
struct ChunkedStoreTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test("dattri's batches are put in the order of their rows, whichever chunk they are in")
  func dattri() throws {
    let url = try DattriBuilder().write(to: folder)
    for place in [url, folder.file("d/grad")] {
      let store = try GradientStore(opening: place)
      try expect(store, holds: DattriBuilder.sample)
      #expect(store.kind == .dattri)
      let line = try #require(store.origin?.description)
      #expect(line.contains("multiplied by the number of examples in its batch; not precond"))
    }
    _ = try StoreCopy(of: GradientStore(opening: url), to: folder.file("copy")).run()
    try expect(GradientStore(opening: folder.file("copy")), holds: DattriBuilder.sample)
    try FileManager.default.removeItem(at: folder.file("d/grad/chunk_gradients_1_2_metadata.json"))
    #expect(
      throws: GradientStoreError.incomplete(path: folder.file("d/grad").path, committedRows: 2)
    ) {
      try GradientStore(opening: url)
    }
    #expect(try GradientStore(opening: url, allowingIncomplete: true).count == 2)
  }

  @Test("logix's chunks are taken by rank and number, with the ids of examples")
  func logix() throws {
    let url = try LogixBuilder().write(to: folder)
    let store = try GradientStore(opening: url)
    try expect(store, holds: LogixBuilder.sample)
    #expect(store.kind == .logix && store.layout.blocks[0].shape == [2, 2])
    #expect(try store.exampleIDs() == (0..<5).map { "id \($0)" })
    _ = try StoreCopy(of: store, to: folder.file("copy")).run()
    #expect(try GradientStore(opening: folder.file("copy")).exampleIDs()?.last == "id 4")
    try FileManager.default.removeItem(at: folder.file("d/log_rank_1_chunk_0_metadata.json"))
    let error = #expect(throws: GradientStoreError.self) { try GradientStore(opening: url) }
    #expect("\(try #require(error))".contains("has not finished this chunk"))
    #expect(try GradientStore(opening: url, allowingIncomplete: true).count == 4)
    try LogixBuilder(change: { $0.replacing("id 4", with: "id 1") }).write(to: folder)
    let repeated = try GradientStore(opening: url)
    #expect(repeated.origin?.known.last?.hasPrefix("1 rows have the id of another") == true)
  }

  @Test("LoRIF's factors are multiplied while rows are read")
  func lorif() throws {
    let store = try GradientStore(opening: LorifBuilder().write(to: folder))
    try expect(store, holds: LorifBuilder.sample)
    #expect(store.kind == .lorif && store.layout.blocks[0].shape == [1, 3])
    #expect(store.origin?.known.contains { $0.contains("seed 7") } == true)
    // Two inputs, and a rank of two: parts of a row that begin within an input.
    let left = Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 4] as [Float])
    let right = Matrix(rows: 3, columns: 2, elements: [1, -1, 0, 2, 5, 3] as [Float])
    try folder.write(
      TorchBuilder(
        .dictionary([
          ("left", .floats(left.elements, [1, 2, 2])),
          ("right", .floats(right.elements, [1, 3, 2])),
        ])
      ).bytes, to: "d/layers/layer-0000/shard-00000.pt")
    var builder = LorifBuilder().manifest.replacing(
      #""factor_rank": 1"#, with: #""factor_rank": 2"#)
    builder = builder.replacing(#""projected_input_dim": 1"#, with: #""projected_input_dim": 2"#)
      .replacing(#""end": 3}, {"index": 1, "start": 3, "end": 5}"#, with: #""end": 1}"#)
      .replacing(#""num_examples": 5"#, with: #""num_examples": 1"#)
    try folder.write(builder, to: "d/manifest.json")
    let two = try GradientStore(opening: folder.file("d"))
    let expected: [Double] = [-1, 4, 11, -1, 8, 27]
    #expect(Matrix(try two.rows(0..<1, of: 0, as: Double.self)).elements == expected)
    for columns in [0..<1, 1..<5, 2..<3, 3..<6, 4..<6] {
      let part = try two.rows(0..<1, of: 0, columns: columns, as: Float.self)
      #expect(Matrix(part).elements == expected[columns].map { Float($0) })
    }
  }

  private static func dattri(
    _ description: String, _ error: String, _ words: String...,
    change: @escaping @Sendable (inout DattriBuilder) -> Void
  ) -> Malformed {
    Malformed("dattri: " + description, error, words) { folder in
      var builder = DattriBuilder()
      change(&builder)
      return try builder.write(to: folder)
    }
  }

  private static func logix(
    _ description: String, _ error: String, _ words: String..., replacing old: String,
    with new: String
  ) -> Malformed {
    Malformed("logix: " + description, error, words) { folder in
      try LogixBuilder(change: { $0.replacing(old, with: new) }).write(to: folder)
    }
  }

  private static func lorif(
    _ description: String, _ error: String, _ words: String..., replacing old: String,
    with new: String
  ) -> Malformed {
    Malformed("LoRIF: " + description, error, words) { folder in
      var builder = LorifBuilder()
      builder.manifest = builder.manifest.replacing(old, with: new)
      return try builder.write(to: folder)
    }
  }

  static let refusals: [Malformed] = [
    dattri("a chunk a byte short", "wrongSize", "chunk_gradients_1_2.mmap", "59") { $0.left = 1 },
    dattri("an empty chunk", "wrongSize", "60") { $0.left = 60 },
    dattri("no JSON", "malformedJSON", "batch_metadata.json") { $0.plan = "{" },
    dattri("a chunk's list that is none", "invalidField", "storage_dtype") { $0.first = "[]" },
    dattri("not finished", "invalidField", "layer_dims", "not finished") {
      $0.plan = $0.plan.replacing("[2,3]", with: "null")
    },
    dattri("too few widths", "invalidField", "layer_dims") {
      $0.plan = $0.plan.replacing("[2,3]", with: "[5]")
    },
    dattri("a negative width", "invalidField", "\"b\"") {
      $0.plan = $0.plan.replacing("[2,3]", with: "[8,-3]")
    },
    dattri("widths past a row", "invalidField", "2147483647") {
      $0.plan = $0.plan.replacing("[2,3]", with: "[9223372036854775807,3]")
    },
    dattri("another sum", "invalidField", "total_proj_dim") {
      $0.plan = $0.plan.replacing("dim\":5", with: "dim\":6")
    },
    dattri("two layers of one name", "invalidField", "two blocks") {
      $0.plan = $0.plan.replacing("\"b\"", with: "\"a\"")
    },
    dattri("batches that overlap", "invalidField", "overlaps") {
      $0.plan = $0.plan.replacing("\"start_idx\":2", with: "\"start_idx\":1")
    },
    dattri("2^62 examples in a batch", "invalidField", "batch_info.1") {
      $0.plan = $0.plan.replacing(
        "\"start_idx\":2,\"sample_count\":2",
        with: "\"start_idx\":2,\"sample_count\":4611686018427387904")
    },
    dattri("half an example", "invalidField", "total_samples") {
      $0.plan = $0.plan.replacing("samples\":5", with: "samples\":5.5")
    },
    dattri("an unknown type", "invalidField", "storage_dtype") {
      $0.first = $0.first.replacing("float32", with: "int8")
    },
    dattri("another width", "invalidField", "shape") {
      $0.first = $0.first.replacing("[3,5]", with: "[3,6]")
    },
    dattri("2^62 rows", "wrongSize", "mmap") {
      $0.first = $0.first.replacing("[3,5]", with: "[4611686018427387904,5]")
    },
    dattri("a batch past the rows", "invalidField", "batches[1]") {
      $0.first = $0.first.replacing("\"end_row\":3", with: "\"end_row\":4")
    },
    dattri("a batch that nobody promised", "invalidField", "batches[0]") {
      $0.first = $0.first.replacing("\"batch_idx\":2", with: "\"batch_idx\":7")
    },
    dattri("a batch twice", "inconsistent", "batch 0") {
      $0.first = $0.first.replacing("\"batch_idx\":1", with: "\"batch_idx\":0")
    },
    dattri("a batch of other rows", "inconsistent", "batch 1") {
      $0.first = $0.first.replacing("\"end_row\":3", with: "\"end_row\":2")
    },
    Malformed("logix: a chunk a byte short", "wrongSize", "log_rank_0_chunk_2.mmap", "55") {
      try LogixBuilder(left: 1).write(to: $0)
    },
    logix("no JSON", "malformedJSON", "metadata.json", replacing: "[{", with: "[[{"),
    Malformed("logix: an object", "inconsistent", "no list") {
      try LogixBuilder(change: { "{\"x\": \($0)}" }).write(to: $0)
    },
    Malformed("logix: no examples", "inconsistent", "no list") {
      try LogixBuilder(change: { _ in "[]" }).write(to: $0)
    },
    logix("integers", "invalidField", "dtype", "int8", replacing: "float32", with: "int8"),
    logix("a type as a number", "invalidField", "dtype", replacing: "\"float32\"", with: "32"),
    logix("a wider type", "invalidField", "offset", replacing: "float32", with: "float64"),
    logix("activations", "invalidField", "path", replacing: "\"grad\"", with: "\"forward\""),
    logix(
      "a path that is none", "invalidField", "path", replacing: "[\"a\", \"grad\"]", with: "\"a\""),
    logix("a shape too few", "invalidField", "shape", replacing: "[[2, 2], [3]]", with: "[[2, 2]]"),
    logix("half a column", "invalidField", "\"b\"", replacing: "[3]]", with: "[\"3\"]]"),
    logix("a negative shape", "invalidField", "\"a\"", replacing: "[2, 2]", with: "[-2, -2]"),
    logix(
      "shapes that overflow", "invalidField", "\"a\"", replacing: "[2, 2]",
      with: "[4611686018427387904, 4]"),
    logix(
      "another size", "invalidField", "block_size", replacing: "\"block_size\": 7",
      with: "\"block_size\": 8"),
    logix(
      "an offset elsewhere", "invalidField", "[1].offset", replacing: "\"offset\": 28",
      with: "\"offset\": 27"),
    logix(
      "an offset past the end", "invalidField", "offset", replacing: "\"offset\": 28",
      with: "\"offset\": 9223372036854775807"),
    logix(
      "two modules of one name", "invalidField", "two blocks", replacing: "[\"b\"", with: "[\"a\""),
    logix(
      "other modules in a chunk", "inconsistent", "modules",
      replacing: "\"id 4\", \"path\": [[\"a\"",
      with: "\"id 4\", \"path\": [[\"c\""),
    lorif(
      "another version", "invalidField", "format_version", replacing: "version\": 1",
      with: "version\": 2"),
    lorif(
      "no JSON", "malformedJSON", "manifest.json", replacing: "{\"format\"", with: "{{\"format\""),
    lorif(
      "layers that are none", "unrecognised", "no columns", replacing: "\"layers\": [",
      with: "\"layers\": [], \"x\": ["),
    lorif(
      "no dimensions", "invalidField", "layers[0]", replacing: "projected_input_dim", with: "x"),
    lorif(
      "a negative dimension", "invalidField", "layers[0]", replacing: "input_dim\": 1",
      with: "input_dim\": -1"),
    lorif(
      "a dimension of 2^31", "invalidField", "layers[0]", replacing: "input_dim\": 1",
      with: "input_dim\": 2147483648"),
    lorif(
      "a row past 2^31", "invalidField", "2147483647", replacing: "input_dim\": 1",
      with: "input_dim\": 2147483647"),
    lorif("no rank", "invalidField", "layers[0]", replacing: "rank\": 1", with: "rank\": 0"),
    lorif("another rank", "inconsistent", "left", replacing: "rank\": 1", with: "rank\": 2"),
    lorif(
      "another width", "inconsistent", "right", replacing: "output_dim\": 3",
      with: "output_dim\": 4"),
    lorif(
      "a path that leads elsewhere", "inconsistent", "elsewhere", replacing: "layers/layer-0000",
      with: "layers/../../x"),
    lorif(
      "an absolute path", "inconsistent", "elsewhere", replacing: "layers/layer-0000",
      with: "/layers"),
    lorif(
      "a path that is not there", "notFound", "shard-00000.pt", replacing: "layer-0000",
      with: "layer-0001"),
    lorif(
      "a shard left out", "invalidField", "shards[1]", replacing: "\"index\": 1",
      with: "\"index\": 2"),
    lorif(
      "shards that overlap", "invalidField", "shards[1]", replacing: "\"start\": 3",
      with: "\"start\": 2"),
    lorif(
      "a shard of other rows", "inconsistent", "left", replacing: "\"end\": 5", with: "\"end\": 6"),
    lorif(
      "another count", "invalidField", "num_examples", replacing: "num_examples\": 5",
      with: "num_examples\": 6"),
  ]

  @Test("What is damaged is refused with its place", arguments: refusals)
  func refused(_ malformed: Malformed) throws {
    let url = try malformed.make(folder)
    let error = #expect(throws: (any Error).self) { try GradientStore(opening: url) }
    expect(
      try #require(error), is: malformed.error, about: url.path, mentioning: malformed.words)
  }
}
