import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("A store of factors of low rank")
struct FactoredStoreTests {
  let folder: TemporaryDirectory
  /// Factors of rank 2 are fewer numbers than the first two, as many as the third or more, and none of the last.
  static let layout = BlockLayout([
    ("a", [6, 20]), ("kernel", [10, 4, 5]), ("small", [3, 4]), ("bias", [7]),
  ])
  static let rows = 23
  static let types: [ElementType] = [.float16, .bfloat16, .float32, .float64, .int8]
  private static let files = [
    "info.json", "manifest.json", "gradients.bin", "squared_norms.bin", "examples.jsonl",
  ]

  init() throws { folder = try TemporaryDirectory() }

  /// Rows with falling singular values; the fourth is zero in the first block, and later ones are larger.
  static func gradients(_ rows: Int = rows) -> [Matrix<Double>] {
    var generator = SeededGenerator(seed: 8)
    return layout.blocks.map { block in
      var matrix = Matrix<Double>.zeros(rows, block.width)
      let outputs = block.shape[0]
      for row in 0..<rows {
        for index in 0..<3 {
          let left = Matrix<Double>.normal(outputs, 1, using: &generator)
          let right = Matrix<Double>.normal(1, block.width / outputs, using: &generator)
          let product = Naive.product(left, right).elements
          let size = pow(0.3, Double(index)) * Double(row == 3 && block.name == "a" ? 0 : row + 1)
          for (place, value) in product.enumerated() { matrix[row, place] += size * value }
        }
      }
      return Matrix(converting: Matrix<Float>(converting: matrix))
    }
  }

  @discardableResult
  private func write(
    _ name: String, rank: Int = 2, as type: ElementType = .float16, steps: [Int] = [],
    rows: Int = rows
  ) throws -> GradientStore {
    let blocks = Self.gradients(rows)
    let writer = try GradientStoreWriter(
      creating: folder.file(name), layout: Self.layout, elementType: type, factorRank: rank,
      rowsPerChecksum: 6)
    for end in steps + [rows] {
      let part = writer.count..<end
      try writer.append(
        blocks.map { Matrix($0.view[rows: part]) }, ids: part.map { "example \($0)" })
      try writer.commit()
    }
    try writer.finish()
    return try GradientStore(opening: folder.file(name))
  }

  /// The best approximation of each row, from the definition.
  private static func best(_ rows: Matrix<Double>, _ factors: BlockFactors) throws
    -> Matrix<Double>
  {
    var result = rows
    for row in 0..<rows.rows {
      let matrix = Matrix(
        rows: factors.outputs, columns: factors.inputs, elements: Array(rows[row: row]))
      let gram = Naive.eigendecomposition(Naive.product(matrix, Naive.transpose(matrix)))
      let top = gram.vectors.selecting(rows: (0..<factors.rank).map { matrix.rows - 1 - $0 })
      result[row: row] =
        Naive.product(Naive.product(Naive.transpose(top), top), matrix).elements[...]
    }
    return result
  }

  /// Of a number that a type stores, in parts of the largest of its vector.
  private static func unit(_ type: ElementType) -> Double {
    switch type {
    case .float16: 0x1p-11
    case .bfloat16: 0x1p-8
    case .float32: 0x1p-24
    case .float64: 0x1p-53
    case .int8: 1.0 / 254
    }
  }

  @Test(
    "Rows are the best of rank c, to the rounding of the type; the rest is kept", arguments: types)
  func numbers(type: ElementType) throws {
    let store = try write("store", as: type)
    let factors = try #require(store.factors)
    #expect(factors.rank == 2 && store.factorType == type)
    #expect(factors.blocks.map { $0?.width } == [52, 60, nil, nil])
    for (index, block) in Self.layout.blocks.enumerated() {
      let source = Self.gradients()[index]
      let exact = try factors.blocks[index].map { try Self.best(source, $0) } ?? source
      let found = Matrix(try store.rows(0..<Self.rows, of: index, as: Double.self))
      let singles = Matrix(try store.rows(0..<Self.rows, of: index, as: Float.self))
      for row in 0..<Self.rows {
        // Two products, each of two rounded numbers, of which the largest are at most ‖g‖ together.
        let size = Naive.norm(Array(source[row: row]))
        let slack = 8 * (Self.unit(type) + 1e-13) * size + (type == .float16 ? 1e-6 : 0)
        expectClose(
          Array(found[row: row]), Array(exact[row: row]), bound: .absolute(slack),
          "\(block.name) row \(row)")
        expectClose(
          singles[row: row].map { Double($0) }, Array(found[row: row]),
          bound: .absolute(0x1p-21 * size))
      }
      // Any part of it is the same numbers.
      let part = Matrix(
        try store.rows(3..<9, of: index, columns: 1..<block.width - 1, as: Double.self))
      #expect(part == Matrix(found.view[rows: 3..<9, columns: 1..<block.width - 1]))
      expectClose(
        Array(try store.squaredNorms().norms(ofBlock: index)),
        Naive.rowNorms(found).map { $0 * $0 }, bound: .relative(1e-12))
    }
    #expect(try store.exampleIDs()?[5] == "example 5")
    #expect(try store.verification().allSatisfy { $0.isSound && $0.evidence == .rowRanges })
  }

  @Test("What is kept is counted as it is", arguments: types)
  func fidelity(type: ElementType) throws {
    let store = try write("store", as: type)
    let fidelity = try #require(store.factorFidelity)
    for (index, block) in fidelity.enumerated() {
      let source = Self.gradients()[index]
      var rest = Matrix(try store.rows(0..<Self.rows, of: index, as: Double.self))
      rest.add(source, scale: -1)
      let lost = rest.elements.reduce(0) { $0 + $1 * $1 }
      let norm = source.elements.reduce(0) { $0 + $1 * $1 }
      expectClose(block.squaredNorm, norm, bound: .relative(1e-12))
      // Scales of int8 are multiplied in single precision when they are read.
      expectClose(block.lost, lost, bound: .absolute(1e-7 * norm))
      #expect(try #require(block.captured) > 0.98)
    }
    #expect(BlockFidelity.total(of: fidelity).squaredNorm > fidelity[0].squaredNorm)
  }

  @Test("A row takes the bytes of its factors, with a scale for each vector of int8")
  func bytes() throws {
    #expect(try write("half").bytesPerRow == 2 * (52 + 60 + 12 + 7))
    #expect(
      try write("small", rank: 1, as: .int8).bytesPerRow == 26 + 30 + 7 + 7 + 4 * (2 + 2 + 2 + 1))
    let wide = FactorCount(outputs: 8, inputs: 5120)
    // One scale of four bytes for each of the two vectors.
    #expect(wide.bytes(rank: 1) == 5136)
  }

  private struct FactorCount {
    let outputs: Int
    let inputs: Int
    func bytes(rank: Int) -> Int { rank * (outputs + inputs + 2 * 4) }
  }

  @Test(
    "However rows are committed, and wherever a writer stops, the bytes are the same",
    arguments: [
      ElementType.float16, .int8,
    ])
  func resumed(type: ElementType) throws {
    try write("reference", as: type)
    try write("steps", as: type, steps: [1, 5, 6, 17])
    let blocks = Self.gradients()
    var pending: GradientStoreWriter? = try GradientStoreWriter(
      creating: folder.file("stopped"), layout: Self.layout, elementType: type, factorRank: 2,
      rowsPerChecksum: 6)
    for (end, commits) in [(4, true), (9, false), (11, true), (15, false), (Self.rows, true)] {
      let writer = try pending ?? GradientStoreWriter(resuming: folder.file("stopped"))
      let part = writer.count..<end
      try writer.append(
        blocks.map { Matrix($0.view[rows: part]) }, ids: part.map { "example \($0)" })
      if commits { try writer.commit() }
      pending = commits ? writer : nil
    }
    try #require(pending).finish()
    for name in ["steps", "stopped"] {
      for file in Self.files + (type == .int8 ? ["scales.bin"] : []) {
        #expect(try folder.bytes("\(name)/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
      }
    }
  }

  @Test("Copies, shards and merges are the factors themselves; float32 multiplies them out")
  func copies() throws {
    let store = try write("store", as: .int8)
    let shards = StoreSplit.ranges(of: Self.rows, shards: 3)
    _ = try StoreSplit(of: store, shards: shards, into: folder.file("shards")).run()
    let parts = try GradientStore(opening: folder.file("shards"))
    #expect(parts.factors == store.factors && parts.factorFidelity == nil)
    _ = try StoreCopy(of: parts, to: folder.file("merged"), chunkBytes: 2000).run()
    _ = try StoreCopy(of: store, to: folder.file("copy"), chunkBytes: 3000).run()
    for file in ["gradients.bin", "scales.bin", "squared_norms.bin", "info.json", "examples.jsonl"]
    {
      #expect(try folder.bytes("merged/\(file)") == folder.bytes("store/\(file)"), "\(file)")
      #expect(try folder.bytes("copy/\(file)") == folder.bytes("store/\(file)"), "\(file)")
    }
    #expect(
      try GradientStore(opening: folder.file("copy")).factorFidelity == store.factorFidelity)
    _ = try StoreCopy(of: store, to: folder.file("single"), elementType: .float32).run()
    let single = try GradientStore(opening: folder.file("single"))
    #expect(single.factors == nil && single.commonElementType == .float32)
    let half = try write("half")
    _ = try StoreCopy(of: half, to: folder.file("half-copy"), chunkBytes: 2000).run()
    #expect(try folder.bytes("half-copy/gradients.bin") == folder.bytes("half/gradients.bin"))
    for block in Self.layout.blocks.indices {
      for (copy, rows) in [(single, 0..<Self.rows), (parts, 5..<Self.rows - 2)] {
        #expect(
          Matrix(try copy.rows(rows, of: block, as: Float.self))
            == Matrix(try store.rows(rows, of: block, as: Float.self)))
      }
    }
  }

  @Test("What cannot be factored is refused before anything is written")
  func refused() throws {
    let store = try write("store")
    func refused(_ source: GradientStore, _ rank: Int, _ words: String) {
      let error = #expect(throws: GradientStoreError.self) {
        try StoreCopy(of: source, to: folder.file("new"), factorRank: rank).run()
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains(words))
      #expect(!FileManager.default.fileExists(atPath: folder.file("new").path))
    }
    refused(store, 1, "factors already")
    let vectors = GradientStore(
      name: "vectors", blocks: [("v", [5], Matrix<Float>(repeating: 1, rows: 2, columns: 5))])
    refused(vectors, 1, "no block is a matrix")
    let small = GradientStore(
      name: "square", blocks: [("v", [4, 4], Matrix<Float>(repeating: 1, rows: 2, columns: 16))])
    refused(small, 2, "lower rank")
    // An unfinished copy of another rank does not go on.
    let source = GradientStore(
      name: "memory",
      blocks: zip(Self.layout.blocks, Self.gradients()).map { ($0.name, $0.shape, $1) })
    _ = try GradientStoreWriter(
      creating: folder.file("begun"), layout: Self.layout, elementType: .float16, factorRank: 1,
      provenance: [
        "copied_kind": "memory", "copied_crc32c": "none",
        "copied_rows": "0..<\(Self.rows) of \(Self.rows)",
      ])
    let error = #expect(throws: GradientStoreError.self) {
      try StoreCopy(of: source, to: folder.file("begun"), factorRank: 2).run()
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("factors of rank 1"))
  }

  @Test("A flipped bit in either file is found and located", arguments: 0..<16)
  func flipped(seed: Int) throws {
    let store = try write("store", as: .int8)
    let rowBytes = store.bytesPerRow - 4 * 10
    var generator = SeededGenerator(seed: UInt64(seed))
    let name = seed.isMultiple(of: 2) ? "store/scales.bin" : "store/gradients.bin"
    var bytes = try folder.bytes(name)
    let place = generator.index(below: bytes.count)
    bytes[place] ^= 1 << UInt8(generator.index(below: 8))
    try folder.write(bytes, to: name)
    #expect(throws: (any Error).self) { try GradientStore(opening: folder.file("store")) }
    let damaged = try GradientStore(opening: folder.file("store"), check: .nothing)
    let found = try #require(try damaged.verification().first)
    #expect(found.damages.count == 1 && found.damages.first?.path == folder.file(name).path)
    if name.hasSuffix("gradients.bin") {
      #expect(found.damages.first?.rows?.contains(place / rowBytes) == true)
    }
  }

  @Test("Damaged and foreign manifests are refused")
  func malformed() throws {
    try write("store", as: .int8)
    func refused(_ name: String, _ error: String, _ words: [String]) {
      let found = #expect(throws: (any Error).self) {
        let store = try GradientStore(opening: folder.file(name), check: .nothing)
        _ = try store.rows(0..<Self.rows, of: 0, as: Float.self)
      }
      if let found { expect(found, is: error, about: name, mentioning: words) }
    }
    func changed(_ name: String, _ old: String, _ new: String) throws {
      try folder.copy("store", to: name)
      try folder.replace(old, with: new, in: "\(name)/manifest.json")
    }
    try changed("rank", "\"rank\": 2", "\"rank\": 1")
    refused("rank", "invalidField", ["files.gradients.bin"])
    try changed("zero", "\"rank\": 2", "\"rank\": 0")
    refused("zero", "invalidField", ["factors.rank"])
    try changed("version", "\"version\": 2", "\"version\": 1")
    refused("version", "invalidField", ["version"])
    try changed("later", "\"version\": 2", "\"version\": 3")
    refused("later", "invalidField", ["version", "newer"])
    try changed("sums", "\"squared_norm\"", "\"norm\"")
    refused("sums", "invalidField", ["factors.blocks[0]"])
    try folder.copy("store", to: "unsaid")
    try FileManager.default.removeItem(at: folder.file("unsaid/manifest.json"))
    refused("unsaid", "inconsistent", ["manifest.json"])
    try folder.copy("store", to: "renamed")
    try folder.replace("factored_int8", with: "scaled_int8", in: "renamed/info.json")
    refused("renamed", "inconsistent", ["gradients and factors"])
    for file in ["gradients.bin", "scales.bin"] {
      try folder.copy("store", to: "short \(file)")
      try folder.write(folder.bytes("store/\(file)").dropLast(), to: "short \(file)/\(file)")
      refused("short \(file)", "wrongSize", [file])
    }
    try folder.copy("store", to: "scale")
    var scales = try folder.bytes("store/scales.bin")
    scales.replaceSubrange(
      4 * (10 * 2 + 1)..<4 * (10 * 2 + 2), with: Bytes.littleEndian(Float.nan.bitPattern))
    try folder.write(scales, to: "scale/scales.bin")
    refused("scale", "invalidScale", ["row 2,", "\"a\""])
  }

  @Test("A killed writer leaves factors that another goes on with", arguments: 0..<4)
  func killed(seed: Int) async throws {
    let path = folder.file("store").path
    let microseconds = 3000 + 6000 * seed * seed
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = path as String, microseconds = microseconds as Int] in
      Thread.detachNewThread {
        usleep(UInt32(microseconds))
        kill(getpid(), SIGKILL)
      }
      let sample = Sample(rows: 1 << 20, [("b", [3, 8]), ("c", [2])])
      let writer = try GradientStoreWriter(
        creating: URL(filePath: path), layout: sample.layout, elementType: .int8, factorRank: 1)
      while true {
        try sample.append(writer.count..<writer.count + 1 + writer.count % 5, to: writer)
        if writer.count % 3 == 0 { try writer.commit() }
      }
    }
    guard FileManager.default.fileExists(atPath: path + "/manifest.json") else { return }
    func finish(_ writer: GradientStoreWriter, _ count: Int) throws {
      let sample = Sample(rows: count, [("b", [3, 8]), ("c", [2])])
      try sample.append(writer.count..<count, to: writer)
      try writer.finish()
    }
    let writer = try GradientStoreWriter(resuming: URL(filePath: path))
    let count = writer.count + 7
    try finish(writer, count)
    try finish(
      GradientStoreWriter(
        creating: folder.file("reference"),
        layout: Sample(rows: 1, [("b", [3, 8]), ("c", [2])]).layout, elementType: .int8,
        factorRank: 1), count)
    for file in Self.files + ["scales.bin"] {
      #expect(try folder.bytes("store/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
    }
  }
}
