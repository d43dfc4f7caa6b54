import Foundation
import Gradients
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

@Suite("A store of 8-bit integers with scales")
struct ScaledStoreTests {
  let folder: TemporaryDirectory
  static let layout = BlockLayout([("a", [7, 9]), ("b", [70]), ("c", [1])])

  init() throws { folder = try TemporaryDirectory() }

  /// Rows of very different sizes; the fourth is zero in the first block, subnormal in the second.
  static func gradients<Element: Scalar>(_ rows: Int, as type: Element.Type) -> [Matrix<Element>] {
    var generator = SeededGenerator(seed: 11)
    return layout.blocks.enumerated().map { index, block in
      var matrix = Matrix<Element>.normal(rows, block.width, using: &generator)
      for row in 0..<rows {
        let factor: Element =
          row == 3
          ? [0, 0x1p-140, 1][index]
          : Element(Double(sign: .plus, exponent: row - 9, significand: 1))
        matrix[row: row] = ArraySlice(matrix[row: row].map { $0 * factor })
      }
      return matrix
    }
  }

  @discardableResult
  private func write<Element: Scalar>(
    _ name: String, _ rows: Int = 20, as type: Element.Type, steps: [Int] = []
  ) throws -> GradientStore {
    let blocks = Self.gradients(rows, as: type)
    let writer = try GradientStoreWriter(
      creating: folder.file(name), layout: Self.layout, elementType: .int8, rowsPerChecksum: 6)
    for end in steps + [rows] {
      try writer.append(blocks.map { Matrix($0.view[rows: writer.count..<end]) })
      try writer.commit()
    }
    try writer.finish()
    return try GradientStore(opening: folder.file(name))
  }

  /// Checks a store against its source, number by number, from the bytes of its files.
  private func check<Element: Scalar>(_ name: String, as type: Element.Type) throws {
    let store = try write(name, as: type)
    let source = Self.gradients(20, as: type)
    let integers = try folder.bytes("\(name)/gradients.bin").map { Int8(bitPattern: $0) }
    let scaleBytes = try folder.bytes("\(name)/scales.bin")
    #expect(integers.count == 20 * 134 && scaleBytes.count == 20 * 3 * 4)
    for (index, block) in Self.layout.blocks.enumerated() {
      let singles = Matrix(try store.rows(0..<20, of: index, as: Float.self))
      let doubles = Matrix(try store.rows(0..<20, of: index, as: Double.self))
      for row in 0..<20 {
        let place = (row * 3 + index) * 4
        let scale = Float(
          bitPattern: scaleBytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        let largest = Double(source[index][row: row].map(\.magnitude).max() ?? 0)
        // The least Float that reaches the largest number in 127 steps.
        #expect(scale == 0 ? largest == 0 : 127 * Double(scale) >= largest)
        #expect(scale == 0 || 127 * Double(scale.nextDown) < largest)
        for column in 0..<block.width {
          let integer = integers[row * 134 + block.columns.lowerBound + column]
          let exact = Double(source[index][row, column])
          // The quotient of two doubles is rounded, by 127 · 2^-53 at most.
          let slack = Element.self == Double.self ? Double(scale) * 0x1p-45 : 0
          #expect(integer >= -127)
          #expect(abs(exact - Double(scale) * Double(integer)) <= Double(scale) / 2 + slack)
          #expect(singles[row, column] == scale * Float(integer))
          #expect(doubles[row, column] == Double(scale * Float(integer)))
        }
      }
    }
  }

  @Test("Every number is the nearest multiple of its scale, and is read as that")
  func quantisation() throws {
    try check("single", as: Float.self)
    try check("double", as: Double.self)
  }

  @Test("Norms are those of what is stored, recorded or not; a width past one piece is cut")
  func norms() throws {
    let recorded = try write("store", as: Float.self).squaredNorms()
    let store = try GradientStore(opening: folder.file("store"))
    for (index, block) in Self.layout.blocks.enumerated() {
      let stored = Matrix(try store.rows(0..<20, of: index, as: Double.self))
      expectClose(
        Array(recorded.norms(ofBlock: index)), Naive.rowNorms(stored).map { $0 * $0 },
        bound: .backward(order: block.width, in: Double.self))
    }
    for name in ["manifest.json", "squared_norms.bin"] {
      try FileManager.default.removeItem(at: folder.file("store/\(name)"))
    }
    #expect(
      try GradientStore(opening: folder.file("store")).squaredNorms().squared == recorded.squared)
    let wide = Matrix<Float>(repeating: 2, rows: 3, columns: 150_001)
    for type in [ElementType.int8, .float16] {
      let writer = try GradientStoreWriter(
        creating: folder.file("wide \(type)"), layout: BlockLayout([("w", [150_001])]),
        elementType: type)
      try writer.append([wide])
      try writer.finish()
      let found = try GradientStore(opening: folder.file("wide \(type)")).squaredNorms().totals
      expectClose(
        found, [Double](repeating: 600_004, count: 3), bound: .relative(type == .int8 ? 0x1p-21 : 0)
      )
    }
  }

  private static let files = [
    "info.json", "manifest.json", "gradients.bin", "scales.bin", "squared_norms.bin",
  ]

  @Test("However rows are committed, and wherever a writer stops, the bytes are the same")
  func resumed() throws {
    try write("reference", as: Float.self)
    try write("steps", as: Float.self, steps: [1, 5, 6, 17])
    let blocks = Self.gradients(20, as: Float.self)
    var pending: GradientStoreWriter? = try GradientStoreWriter(
      creating: folder.file("stopped"), layout: Self.layout, elementType: .int8, rowsPerChecksum: 6)
    for (end, commits) in [(4, true), (9, false), (11, true), (15, false), (20, true)] {
      let writer = try pending ?? GradientStoreWriter(resuming: folder.file("stopped"))
      try writer.append(blocks.map { Matrix($0.view[rows: writer.count..<end]) })
      if commits { try writer.commit() }
      // A writer that stops lets go of the store, and what it did not commit is gone.
      pending = commits ? writer : nil
    }
    try #require(pending).finish()
    for name in ["steps", "stopped"] {
      for file in Self.files {
        #expect(try folder.bytes("\(name)/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
      }
    }
  }

  @Test("A killed writer leaves scales that another goes on with", arguments: 0..<8)
  func killed(seed: Int) async throws {
    let path = folder.file("store").path
    let microseconds = 1000 + 1500 * seed * seed
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = path as String, microseconds = microseconds as Int] in
      Thread.detachNewThread {
        usleep(UInt32(microseconds))
        kill(getpid(), SIGKILL)
      }
      let sample = Sample(rows: 1 << 20)
      let writer = try GradientStoreWriter(
        creating: URL(filePath: path), layout: sample.layout, elementType: .int8)
      while true {
        try sample.append(writer.count..<writer.count + 1 + writer.count % 5, to: writer)
        if writer.count % 3 == 0 { try writer.commit() }
      }
    }
    guard FileManager.default.fileExists(atPath: path + "/manifest.json") else { return }
    let writer = try GradientStoreWriter(resuming: URL(filePath: path))
    let sample = Sample(rows: writer.count + 7)
    try sample.append(writer.count..<writer.count + 7, to: writer)
    try writer.finish()
    try folder.writeStore("reference", sample, as: .int8)
    for file in Self.files + ["examples.jsonl"] {
      #expect(try folder.bytes("store/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
    }
  }

  @Test("A flipped bit in either file is found and located", arguments: 0..<24)
  func flipped(seed: Int) throws {
    try write("store", as: Float.self)
    var generator = SeededGenerator(seed: UInt64(seed))
    let name = seed.isMultiple(of: 2) ? "store/scales.bin" : "store/gradients.bin"
    var bytes = try folder.bytes(name)
    let place = generator.index(below: bytes.count)
    bytes[place] ^= 1 << UInt8(generator.index(below: 8))
    try folder.write(bytes, to: name)
    #expect(throws: (any Error).self) { try GradientStore(opening: folder.file("store")) }
    let store = try GradientStore(opening: folder.file("store"), check: .nothing)
    let found = try #require(try store.verification().first)
    #expect(found.damages.count == 1 && found.damages.first?.path == folder.file(name).path)
    if name.hasSuffix("gradients.bin") {
      #expect(found.damages.first?.rows?.contains(place / 134) == true)
    }
    #expect(!found.isSound)
  }

  @Test("Copies and merges are the integers and scales themselves; float32 holds their numbers")
  func copies() throws {
    let store = try write("store", as: Float.self)
    let parts = try [0..<7, 7..<20].map { rows in
      let url = folder.file("part-\(rows.lowerBound)")
      _ = try StoreCopy(of: store, rows: rows, to: url, chunkBytes: 2000).run()
      return try GradientStore(opening: url)
    }
    let joined = try GradientStore(joining: parts, name: "parts")
    _ = try StoreCopy(of: joined, to: folder.file("merged"), chunkBytes: 2000).run()
    for file in ["gradients.bin", "scales.bin", "squared_norms.bin", "info.json"] {
      #expect(try folder.bytes("merged/\(file)") == folder.bytes("store/\(file)"), "\(file)")
    }
    #expect(ElementType.float32.holds(.int8) && !ElementType.float16.holds(.int8))
    _ = try StoreCopy(of: joined, to: folder.file("single"), elementType: .float32).run()
    let single = try GradientStore(opening: folder.file("single"))
    for block in 0..<3 {
      #expect(
        Matrix(try single.rows(0..<20, of: block, as: Float.self))
          == Matrix(try store.rows(0..<20, of: block, as: Float.self)))
    }
    let across = Matrix(try joined.rows(5..<9, of: 1, columns: 3..<60, as: Float.self))
    #expect(across == Matrix(try store.rows(5..<9, of: 1, columns: 3..<60, as: Float.self)))
    #expect(try store.checksum() != single.checksum())
  }

  @Test("Scales that are missing, short, or no scales are refused")
  func malformed() throws {
    try write("store", as: Float.self)
    func refused(_ name: String, _ error: String, _ words: [String]) {
      let found = #expect(throws: (any Error).self) {
        let store = try GradientStore(opening: folder.file(name), check: .nothing)
        _ = try store.rows(0..<20, of: 1, as: Float.self)
      }
      if let found { expect(found, is: error, about: name, mentioning: words) }
    }
    try folder.copy("store", to: "missing")
    try FileManager.default.removeItem(at: folder.file("missing/scales.bin"))
    refused("missing", "notFound", ["scales.bin"])
    let bytes = try folder.bytes("store/scales.bin")
    try folder.copy("store", to: "short")
    try folder.write(bytes.dropLast(), to: "short/scales.bin")
    refused("short", "wrongSize", ["scales.bin", "239", "240"])
    for (name, scale) in [("negative", -1), ("nan", Float.nan), ("infinite", .infinity)] {
      try folder.copy("store", to: name)
      var changed = bytes
      changed.replaceSubrange(
        (4 * 3 + 1) * 4..<(4 * 3 + 2) * 4, with: Bytes.littleEndian(scale.bitPattern))
      try folder.write(changed, to: "\(name)/scales.bin")
      refused(name, "invalidScale", ["scales.bin", "row 4,", "\"b\""])
      #expect(throws: GradientStoreError.self) {
        try GradientStore(opening: folder.file(name), check: .nothing)[rows: 2..<9].rows(
          0..<7, of: 1, as: Float.self)
      }
    }
    try folder.copy("store", to: "uncounted")
    try folder.replace("\"scales.bin\": 240,", with: "", in: "uncounted/manifest.json")
    refused("uncounted", "invalidField", ["files.scales.bin"])
    try folder.copy("store", to: "unchecked")
    try folder.replace("\"scales.bin\": \"", with: "\"others\": \"", in: "unchecked/manifest.json")
    refused("unchecked", "invalidField", ["checksums.scales.bin"])
  }

  @Test("No tool, ours included, takes the integers for numbers")
  func misreading() throws {
    try write("store", as: Float.self)
    #expect(try folder.text("store/info.json").contains("\"base_dtype\": \"scaled_int8\""))
    try folder.replace("scaled_int8", with: "int8", in: "store/info.json")
    let error = #expect(throws: (any Error).self) {
      try GradientStore(opening: folder.file("store"))
    }
    if let error { expect(error, is: "invalidField", about: "store", mentioning: ["base_dtype"]) }
    #expect(ElementType(numpy: "int8") == nil && ElementType(safetensors: "I8") == nil)
    let numbers = Matrix<Float>(repeating: 1, rows: 2, columns: 2)
    #expect(throws: TensorFileError.self) {
      try NumpyFile.write(numbers, to: folder.file("a.npy"), as: .int8)
    }
    #expect(throws: TensorFileError.self) {
      try SafetensorsFile.write(["a": numbers], to: folder.file("a.safetensors"), as: .int8)
    }
    let array = try folder.writeArray("array", descriptor: "|i1", shape: [1, 2], [1, 2])
    #expect(throws: (any Error).self) { try GradientStore(opening: array) }
  }

  @Test("Numbers whose multiples would be infinite are refused, by row and block")
  func tooLarge() throws {
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: BlockLayout([("a", [2])]), elementType: .int8)
    let error = #expect(throws: (any Error).self) {
      try writer.append([Matrix<Double>(rows: 2, columns: 2, elements: [1, 2, 3e39, 0])])
    }
    if let error {
      expect(error, is: "notFinite", about: "store", mentioning: ["row 1,", "\"a\""])
    }
    try writer.append([Matrix<Float>(rows: 1, columns: 2, elements: [1e38, 0])])
    try writer.finish()
    #expect(try GradientStore(opening: folder.file("store")).count == 1)
  }
}
