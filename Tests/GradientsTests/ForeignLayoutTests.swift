import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// Gradients as other programs lay them out.
@Suite("Gradients in others' layouts")
struct ForeignLayoutTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Numbers of a block in Fortran order: the first index runs fastest.
  private func inFortranOrder(_ sample: Sample) -> Matrix<Double> {
    let shape = [sample.rows] + sample.parameters[0].shape
    let numbers = sample.matrix(
      rows: 0..<sample.rows, columns: 0..<sample.width, as: Double.self)
    var ordered: [Double] = []
    for place in 0..<numbers.elements.count {
      var (rest, index) = (place, [Int]())
      for dimension in shape {
        index.append(rest % dimension)
        rest /= dimension
      }
      let flat = zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
      ordered.append(numbers.elements[flat])
    }
    return Matrix(rows: 1, columns: ordered.count, elements: ordered)
  }

  @Test(
    "Arrays in either order of bytes and of dimensions",
    arguments: [ElementType.float16, .float32, .float64], [[7], [2, 3], [2, 3, 2]])
  func arrays(type: ElementType, shape: [Int]) throws {
    let sample = Sample([("gradients", shape)])
    let descriptor = try #require(type.numpyDescriptor)
    for isBig in [false, true] {
      for isFortran in [false, true] {
        let numbers =
          isFortran
          ? inFortranOrder(sample)
          : sample.matrix(rows: 0..<5, columns: 0..<sample.width, as: Double.self)
        var bytes = Bytes.of(numbers, as: type)
        if isBig {
          for first in stride(from: 0, to: bytes.count, by: type.byteCount) {
            bytes[first..<first + type.byteCount].reverse()
          }
        }
        let url = try folder.writeArray(
          "\(isBig)\(isFortran).npy", descriptor: isBig ? ">" + descriptor.dropFirst() : descriptor,
          shape: [5] + shape, isFortranOrder: isFortran, bytes)
        let store = try GradientStore(opening: url)
        #expect(store.layout.blocks.map(\.shape) == [shape] && store.elementTypes == [type])
        try expect(store, holds: sample)
        let part = try store[rows: 1..<4].rows(1..<3, of: 0, columns: 2..<6, as: Double.self)
        #expect(Matrix(part) == sample.matrix(rows: 2..<4, columns: 2..<6))
        #expect(try store.squaredNorms().totals.allSatisfy { $0 > 0 })
      }
    }
  }

  @Test("Integers may be big-endian")
  func integers() throws {
    let url = try folder.writeArray(
      "offsets.npy", descriptor: ">i8", shape: [3],
      [0, 258, 7].flatMap { Bytes.littleEndian(UInt64($0)).reversed() })
    #expect(try NumpyFile(opening: url).integers() == [0, 258, 7])
  }

  private let whole = Sample([("b", [3]), ("a", [2, 2]), ("c", [1])])

  private func write(_ blocks: [Int], to name: String) throws {
    try folder.writeTensors(
      name,
      blocks.map { block in
        let numbers = whole.matrix(rows: 0..<5, columns: whole.columns(block), as: Double.self)
        let parameter = whole.parameters[block]
        return (parameter.name, "F32", [5] + parameter.shape, Bytes.of(numbers, as: .float32))
      })
  }

  @Test("Blocks in several files, by their index, by the index's folder, or by numbers alone")
  func index() throws {
    try write([0, 2], to: "m/model-00001-of-00002.safetensors")
    try write([1], to: "m/model-00002-of-00002.safetensors")
    let map = """
      {"metadata": {"total_size": 160}, "weight_map": {"b": "model-00001-of-00002.safetensors",
      "a": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}
      """
    try folder.write([0xEF, 0xBB, 0xBF] + Array(map.utf8), to: "m/model.safetensors.index.json")
    for path in ["m", "m/model.safetensors.index.json"] {
      let store = try GradientStore(opening: folder.file(path))
      #expect(store.kind == .safetensors)
      try expect(store, holds: whole)
      #expect(try #require(try store.checksum()).split(separator: "+").count == 2)
    }
    try FileManager.default.removeItem(at: folder.file("m/model.safetensors.index.json"))
    // What lies beside gradients is none.
    try folder.writeTensors(
      "m/representations.safetensors", [("features", "F32", [1], [0, 0, 0, 0])])
    let store = try GradientStore(opening: folder.file("m"))
    #expect(store.layout.blocks.map(\.name) == ["b", "c", "a"] && store.count == 5)
  }

  @Test("Files of the same blocks hold rows, in the order of the numbers in their names")
  func rowShards() throws {
    for (name, value) in [("rank_10", 3), ("rank_9", 2), ("rank_1", 1)] as [(String, Float)] {
      let numbers = Matrix(rows: 2, columns: 2, elements: [value, value, value, value])
      try folder.writeTensors(
        "rows/\(name).safetensors",
        [("a", "F32", [2, 2], Bytes.of(Matrix<Double>(converting: numbers), as: .float32))])
    }
    let store = try GradientStore(opening: folder.file("rows"))
    let rows = Matrix(try store.rows(0..<6, of: 0, columns: 0..<1, as: Float.self))
    #expect(rows.elements == [1, 1, 2, 2, 3, 3])
    _ = try StoreCopy(of: store, to: folder.file("copy")).run()
    #expect(try GradientStore(opening: folder.file("copy")).count == 6)
  }

  @Test(
    "Files that may be different stores, and indexes that do not agree with their files, are refused",
    arguments: [
      ("names", "may be different stores"), ("leaves", "leaves out \"c\""),
      ("lacks", "does not hold it"), ("path", "expected the name of a file beside the index"),
      ("json", "JSON without a weight_map"), ("two", "2 indexes"),
    ])
  func refused(case name: String, message: String) throws {
    try write([0, 2], to: "m/train.safetensors")
    func index(_ text: String, _ file: String = "a") throws {
      try folder.write("{\"weight_map\": {\(text)}}", to: "m/\(file).safetensors.index.json")
    }
    switch name {
    case "names": try write([0, 2], to: "m/query.safetensors")
    case "leaves": try index(#""b": "train.safetensors""#)
    case "lacks": try index(#""x": "train.safetensors""#)
    case "path": try index(#""b": "../m/train.safetensors""#)
    case "json": try folder.write("{}", to: "m/a.safetensors.index.json")
    default:
      try index("")
      try index("", "b")
    }
    let error = #expect(throws: (any Error).self) { try GradientStore(opening: folder.file("m")) }
    let isOfFiles = ["leaves", "lacks", "path"].contains(name)
    #expect(isOfFiles ? error is TensorFileError : error is GradientStoreError)
    #expect("\(try #require(error))".contains(message))
  }

  /// A store as bergson writes it with `attribute_tokens`: examples of 2, 0 and 3 tokens.
  private func writeTokens(offsets: [Int] = [0, 2, 2, 5]) throws -> Matrix<Double> {
    let tokens = Matrix(rows: 5, columns: 3, elements: (0..<15).map { Double($0 * $0 % 7) - 2 })
    try folder.write(Bytes.of(tokens, as: .float16), to: "tokens/gradients.bin")
    try folder.write(
      """
      {"attribute_tokens": true, "num_items": 3, "num_grads": 5, \
      "grad_sizes": {"a": 2, "b": 1}, "base_dtype": "float16"}
      """, to: "tokens/info.json")
    try folder.writeArray(
      "tokens/offsets.npy", descriptor: "<i8", shape: [offsets.count],
      offsets.flatMap { Bytes.littleEndian(UInt64($0)) })
    return tokens
  }

  @Test("Gradients of tokens are told from those of examples, and can be summed")
  func tokens() throws {
    let tokens = try writeTokens()
    let url = folder.file("tokens")
    #expect(
      throws: GradientStoreError.perToken(path: url.path, tokens: 5, examples: 3)
    ) { try GradientStore(opening: url) }
    let store = try GradientStore(opening: url, summingTokens: true)
    #expect(store.count == 3 && store.sufficientElementType == .float32)
    for (block, columns) in [(0, 0..<2), (1, 2..<3)] {
      for (row, part) in [0..<2, 2..<2, 2..<5].enumerated() {
        let expected = columns.map { column in part.reduce(0) { $0 + tokens[$1, column] } }
        let found = try store[rows: row..<3].rows(0..<1, of: block, as: Double.self)
        #expect(Matrix(found).elements == expected)
      }
    }
    _ = try StoreCopy(of: store, to: folder.file("sums")).run()
    let sums = try GradientStore(opening: folder.file("sums"))
    #expect(sums.count == 3 && sums.commonElementType == .float32)
    #expect(try sums.squaredNorms().totals == store.squaredNorms().totals)
  }

  @Test(
    "Offsets that do not divide the tokens are refused",
    arguments: [[0, 2, 5], [0, 3, 2, 5], [0, 2, 2, 4], [1, 2, 2, 5]])
  func offsets(offsets: [Int]) throws {
    _ = try writeTokens(offsets: offsets)
    let error = #expect(throws: GradientStoreError.self) {
      try GradientStore(opening: folder.file("tokens"), summingTokens: true)
    }
    #expect("\(try #require(error))".contains("does not divide 5 tokens into 3 examples"))
  }

  @Test(
    "Ids are read from a file that another program wrote, with marks, blank lines and rows or without"
  )
  func ids() throws {
    try folder.writeIndex("index", Sample(rows: 3))
    func ids(_ text: String) throws -> [String?]? {
      try folder.write([0xEF, 0xBB, 0xBF] + Array(text.utf8), to: "index/examples.jsonl")
      return try GradientStore(opening: folder.file("index")).exampleIDs()
    }
    #expect(try ids("{\"id\": \"a\"}\r\n\r\n{\"id\": 7}\r\n{\"text\": \"x\"}") == ["a", "7", nil])
    #expect(try ids("{\"row\": 1, \"id\": \"b\"}\n{\"id\": \"c\"}\n") == [nil, "b", "c"])
    for text in ["{\"row\": 1, \"id\": 1}\n{\"row\": 0, \"id\": 2}\n", "[1]\n"] {
      #expect(throws: (any Error).self) { try ids(text) }
    }
    // Lines that are of other rows, or of more or fewer.
    let line = "{\"id\": \"a\"}\n"
    for (text, messages) in [
      (String(repeating: line, count: 4), ["4 lines", "3 rows"]),
      (String(repeating: line, count: 2), ["2 lines", "3 rows"]),
      ("{\"row\": 3, \"id\": 1}\n", ["row 3", "3 rows"]),
      ("{\"row\": 1, \"id\": 1}\n{\"row\": 1000, \"id\": 1}\n", ["row 1000", "3 rows"]),
    ] {
      let error = #expect(throws: GradientStoreError.self) { try ids(text) }
      for message in messages { #expect(error?.description.contains(message) == true) }
    }
    #expect(try ids("{\"row\": 2, \"id\": \"c\"}\n") == [nil, nil, "c"])
    #expect(try ids("\n") == nil)
    _ = try ids("{\"id\": \"a\"}\n{\"id\": \"b\"}\n{\"id\": \"c\"}\n")
    let part = try GradientStore(opening: folder.file("index"))[rows: 1..<2]
    #expect(try part.exampleIDs() == ["b"])
    _ = try StoreCopy(
      of: GradientStore(opening: folder.file("index")), rows: 1..<3, to: folder.file("copy")
    ).run()
    #expect(try GradientStore(opening: folder.file("copy")).exampleIDs() == ["b", "c"])
  }
}

@Suite("Blocks by name")
struct BlockSelectionTests {
  private func store(_ names: [String]) -> GradientStore {
    GradientStore(
      blocks: names.enumerated().map { index, name in
        (name, [1], Matrix<Float>(repeating: Float(index), rows: 2, columns: 1))
      })
  }

  @Test(
    "Patterns fit names as stored or shortened",
    arguments: [
      (["*"], "", ["m.a.w", "m.b.w", "m.b.v"]), (["*.w"], "", ["m.a.w", "m.b.w"]),
      (["m.?.v"], "", ["m.b.v"]), (["b.*"], "m.", ["b.w", "b.v"]),
      ([], "m.", ["a.w", "b.w", "b.v"]),
      (["m.a*", "*v"], "m.", ["a.w", "b.v"]), (["m**w"], "", ["m.a.w", "m.b.w"]),
    ] as [([String], String, [String])])
  func patterns(patterns: [String], prefix: String, expected: [String]) throws {
    let names = ["m.a.w", "m.b.w", "m.b.v"]
    let found = try store(names).selectingBlocks(matching: patterns, strippingPrefix: prefix)
    #expect(found.layout.blocks.map(\.name) == expected)
    for (index, name) in expected.enumerated() {
      let rows = Matrix(try found.rows(0..<2, of: index, as: Float.self))
      let place = try #require(names.firstIndex { $0 == name || $0 == prefix + name })
      #expect(rows.elements == [Float(place), Float(place)])
    }
  }

  @Test("Patterns and prefixes that fit nothing, and names that would meet, are refused")
  func refused() throws {
    let store = store(["m.a", "a", "m.b"])
    for (patterns, prefix, message) in [
      (["x*"], "", "fits \"x*\""), ([], "q.", "begins with \"q.\""),
      ([], "m.", "would both be \"a\""),
      (["*"], "m.", "would both be \"a\""),
      (["a?"], "", "fits \"a?\""),
    ] as [([String], String, String)] {
      let error = #expect(throws: GradientStoreError.self) {
        try store.selectingBlocks(matching: patterns, strippingPrefix: prefix)
      }
      #expect("\(try #require(error))".contains(message))
    }
  }

  @Test("One beginning that all names of one side have is the one difference")
  func prefixes() throws {
    let peft = store(["base_model.model.a.w", "base_model.model.b.w"]).layout
    let plain = store(["b.w", "a.w"]).layout
    for (first, second) in [(peft, plain), (plain, peft)] {
      let differences = first.differences(from: second)
      #expect(differences.count == 1 && differences[0].contains("\"base_model.model.\""))
    }
    // Another name, and none in common: that is said, and no beginning is taken for the cause.
    let apart = peft.differences(from: store(["a.w", "c.w"]).layout)
    #expect(apart.count == 1 && apart[0].hasPrefix("no block of train is in query"))
    let some = store(["base_model.model.a.w", "c.w"]).layout
    #expect(peft.differences(from: some).count == 2)
    // An adapter's name stands inside, at the end, or nowhere; some names begin otherwise too.
    let saved = store(["q.lora_A.weight", "q.lora_B.weight", "e.lora_embedding_A", "head"])
    let named = [
      "q.lora_A.default.weight", "q.lora_B.default.weight", "e.lora_embedding_A.default", "head",
    ]
    for prefix in ["", "base_model.model."] {
      let long = store(named.map { prefix + $0 })
      for (first, second) in [(long, saved), (saved, long)] {
        let differences = first.layout.differences(from: second.layout)
        #expect(differences.count == 1 && differences[0].contains("the part \"default\""))
        #expect(differences[0].contains("\"base_model.model.\"") == !prefix.isEmpty)
      }
      let short = try long.selectingBlocks(strippingPrefix: prefix, strippingPart: "default")
      #expect(short.layout.differences(from: saved.layout).isEmpty)
    }
    // Names that would meet are not the others'.
    #expect(
      store(["a.x.w", "a.w"]).layout.differences(from: store(["a.w", "b"]).layout).count == 2)
    #expect(plain.differences(from: plain).isEmpty)
  }
}

@Suite("Labels of representations")
struct RepresentationLabelTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func labels(_ type: String, _ data: [UInt8]) throws -> [Int] {
    let features = Bytes.of(Matrix(rows: 3, columns: 1, elements: [1, 2, 3]), as: .float32)
    let url = try folder.writeTensors(
      "r.safetensors", [("features", "F32", [3, 1], features), ("labels", type, [3], data)])
    return try Representations(opening: url).labels
  }

  @Test("Integers of every size, and truth values")
  func integers() throws {
    #expect(
      try labels("I64", [0, 258, 1].flatMap { Bytes.littleEndian(UInt64($0)) }) == [0, 258, 1])
    #expect(try labels("I32", [0, 7, 1].flatMap { Bytes.littleEndian(UInt32($0)) }) == [0, 7, 1])
    #expect(
      try labels("U16", [0, 300, 1].flatMap { Bytes.littleEndian(UInt16($0)) }) == [0, 300, 1])
    #expect(try labels("U8", [0, 255, 1]) == [0, 255, 1])
    #expect(try labels("BOOL", [0, 1, 1]) == [0, 1, 1])
    for (type, data) in [("I8", [0, 255, 1]), ("U64", Array(repeating: 255, count: 24))]
      as [(String, [UInt8])]
    {
      #expect(throws: (any Error).self) { try labels(type, data) }
    }
  }

  @Test("Names of classes, in the order that the file gives")
  func names() throws {
    func labels(_ metadata: String) throws -> [Int] {
      let header = """
        {"__metadata__":{\(metadata)},"features":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]}}
        """
      let length = Bytes.littleEndian(UInt64(header.utf8.count))
      return try Representations(
        opening: folder.write(
          length + Array(header.utf8) + [UInt8](repeating: 0, count: 12), to: "n.safetensors")
      ).labels
    }
    let names = #""labels":"[\"dog\",\"cat\",\"dog\"]""#
    #expect(try labels(names + #","classes":"[\"cat\",\"dog\"]""#) == [1, 0, 1])
    for classes in [
      "", #","classes":"[\"cat\"]""#, #","classes":"[\"cat\",\"cat\",\"dog\"]""#,
      #","classes":"cat""#,
    ] {
      #expect(throws: GradientStoreError.self) { try labels(names + classes) }
    }
  }
}
