import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Squared norms")
struct NormsTests {
  let folder: TemporaryDirectory
  let layout = BlockLayout([("a", [7, 9]), ("b", [300])])

  init() throws { folder = try TemporaryDirectory() }

  private func gradients<Element: Scalar>(
    _ rows: Int, as type: Element.Type
  ) -> [Matrix<Element>] {
    var generator = SeededGenerator(seed: 5)
    return layout.blocks.map { .normal(rows, $0.width, deviation: 3, using: &generator) }
  }

  @Test("Quantiles are those of the sorted norms of the finite rows")
  func quantiles() throws {
    var rows = gradients(4099, as: Float.self)
    rows[0][7, 0] = .nan
    rows[1][4098, 0] = .infinity
    let health = try GradientHealth(
      of: GradientStore(blocks: zip(layout.blocks, rows).map { ($0.name, $0.shape, $1) }))
    #expect(health.nonFiniteRows == [7, 4098])
    let sums = zip(rows[0].view.squaredRowNorms(), rows[1].view.squaredRowNorms()).map { $0 + $1 }
    let sorted = sums.filter(\.isFinite).map { $0.squareRoot() }.sorted()
    // 4,097 finite rows: these shares fall on rows, and half way between two.
    let found = health.quantiles([0, 0.25, 0.5, 1, 0.5 / 4096])
    #expect(found.dropLast() == [sorted[0], sorted[1024], sorted[2048], sorted[4096]])
    #expect(found.last == (sorted[0] + sorted[1]) / 2)
    #expect(health.quantile(0.25) == sorted[1024])
  }

  @Test("What is recorded is the norm of what is stored", arguments: ElementType.floatingPoint)
  func recorded(type: ElementType) throws {
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: layout, elementType: type)
    try writer.append(gradients(40, as: Double.self))
    try writer.finish()
    let store = try GradientStore(opening: folder.file("store"))
    let norms = try store.squaredNorms()
    for (index, block) in layout.blocks.enumerated() {
      let stored = Matrix(try store.rows(0..<40, of: index, as: Double.self))
      let expected = Naive.rowNorms(stored).map { $0 * $0 }
      let bound = Bound.backward(order: block.width, in: Double.self)
      expectClose(Array(norms.norms(ofBlock: index)), expected, bound: bound)
      // The rounding of narrow types is large enough to be seen here.
      if type != .float64 {
        #expect(
          Array(norms.norms(ofBlock: index))
            != gradients(40, as: Double.self)[index].view
            .squaredRowNorms())
      }
    }
    expectClose(
      norms.totals, (0..<40).map { norms.squared[$0, 0] + norms.squared[$0, 1] }, bound: .exact)
  }

  @Test(
    "Recorded norms that no gradients have are told with their file, the row and the column",
    arguments: [Double.nan, -1, -.infinity, .infinity])
  func damaged(norm: Double) throws {
    for type in [ElementType.float32, .float64] {
      let name = "\(type)"
      let writer = try GradientStoreWriter(
        creating: folder.file(name), layout: layout, elementType: type)
      try writer.append(gradients(4, as: Double.self))
      try writer.finish()
      let file = folder.file(name).appending(path: "squared_norms.bin")
      var bytes = try Data(contentsOf: file)
      let changed = Data((0..<8).map { UInt8(truncatingIfNeeded: norm.bitPattern >> (8 * $0)) })
      bytes.replaceSubrange(5 * 8..<6 * 8, with: changed)
      let sound = try Checksum(of: MemoryMap(opening: file)).description
      try bytes.write(to: file)
      #expect(throws: GradientStoreError.self) { try GradientStore(opening: folder.file(name)) }
      // As a writer would have left it that had meant this number.
      try folder.replace(
        sound, with: try Checksum(of: MemoryMap(opening: file)).description,
        in: "\(name)/manifest.json")
      let store = try GradientStore(opening: folder.file(name))
      if norm == .infinity, type == .float64 {
        #expect(try store.squaredNorms().squared[2, 1] == .infinity)
        continue
      }
      let error = try #require(throws: GradientStoreError.self) { try store.squaredNorms() }
      #expect(error.description.hasPrefix("\(file.path): row 2, column 1: \(norm) is "))
    }
  }

  @Test("Recorded and computed norms agree to the bit", arguments: ElementType.floatingPoint)
  func computed(type: ElementType) throws {
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: layout, elementType: type)
    for rows in [1, 30, 9] {
      try writer.append(gradients(rows, as: Float.self))
      try writer.commit()
    }
    try writer.finish()
    let recorded = try GradientStore(opening: folder.file("store")).squaredNorms()
    try FileManager.default.removeItem(at: folder.file("store/manifest.json"))
    try FileManager.default.removeItem(at: folder.file("store/squared_norms.bin"))
    let computed = try GradientStore(opening: folder.file("store")).squaredNorms()
    #expect(recorded.squared == computed.squared)
  }

  @Test("Rows that are converted a part at a time have the norms of the whole")
  func parts() throws {
    // 60,000 columns of half precision: parts of eight rows.
    var generator = SeededGenerator(seed: 6)
    let numbers = Matrix<Float>.smallIntegers(21, 60_000, using: &generator)
    let data = Bytes.of(Naive.double(numbers), as: .float16)
    let url = try folder.writeArray("a", descriptor: "<f2", shape: [21, 60_000], data)
    let expected = (0..<21).map { numbers[row: $0].reduce(0) { $0 + Double($1 * $1) } }
    #expect(try GradientStore(opening: url).squaredNorms().totals == expected)
  }

  @Test("The largest numbers of single precision do not overflow")
  func huge() throws {
    let largest = Float.greatestFiniteMagnitude
    let numbers = Matrix<Float>(repeating: largest, rows: 2, columns: 1000)
    let store = GradientStore(blocks: [("a", [1000], numbers)])
    let expected = 1000 * Double(largest) * Double(largest)
    expectClose(
      try store.squaredNorms().totals, [expected, expected],
      bound: .backward(order: 1000, in: Double.self))
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: BlockLayout([("a", [1000])]))
    try writer.append([numbers])
    try writer.finish()
    let written = try GradientStore(opening: folder.file("store")).squaredNorms()
    #expect(try store.squaredNorms().squared == written.squared)
  }

  @Test("The smallest numbers of single precision do not vanish")
  func tiny() throws {
    let smallest = Float.leastNonzeroMagnitude
    let store = GradientStore(
      blocks: [("a", [3], Matrix<Float>(repeating: smallest, rows: 1, columns: 3))])
    #expect(try store.squaredNorms().totals == [3 * Double(smallest) * Double(smallest)])
  }

  @Test(
    "Rows that hold NaN or infinity are seen, and only those", arguments: ElementType.floatingPoint)
  func notFinite(type: ElementType) throws {
    let sample = Sample(rows: 6, [("a", [2]), ("b", [3])])
    let url = try folder.writeIndex("index", sample, as: type)
    var bytes = try folder.bytes("index/gradients.bin")
    let size = type.byteCount
    // The patterns with all bits of the exponent set: infinity, and NaN with the lowest bit too.
    let infinity: [UInt8] =
      switch type {
      case .float16: [0x00, 0x7C]
      case .bfloat16: [0x80, 0x7F]
      case .float32: [0, 0, 0x80, 0x7F]
      case .float64: [0, 0, 0, 0, 0, 0, 0xF0, 0x7F]
      case .int8: []
      }
    let places = [(row: 1, column: 1, isNaN: true), (row: 4, column: 2, isNaN: false)]
    for (row, column, isNaN) in places {
      let offset = (row * 5 + column) * size
      bytes.replaceSubrange(offset..<offset + size, with: infinity)
      if isNaN { bytes[offset] |= 1 }
    }
    try folder.write(bytes, to: "index/gradients.bin")
    let norms = try GradientStore(opening: url).squaredNorms()
    #expect((0..<6).filter { !norms.norms(ofBlock: 0)[$0].isFinite } == [1])
    #expect((0..<6).filter { !norms.norms(ofBlock: 1)[$0].isFinite } == [4])
    #expect((0..<6).filter { !norms.totals[$0].isFinite } == [1, 4])
    #expect(norms.totals[1].isNaN && norms.totals[4] == .infinity)
  }
}
