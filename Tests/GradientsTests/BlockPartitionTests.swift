import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Blocks grouped into coarser ones")
struct BlockPartitionTests {
  let folder: TemporaryDirectory
  static let layout = BlockLayout([
    ("layers.0.weight", [3, 4]), ("head.weight", [2, 3]), ("layers.0.bias", [3]),
    ("head.bias", [2]),
  ])
  static let rows = 9

  init() throws { folder = try TemporaryDirectory() }

  private static func gradients() -> [Matrix<Double>] {
    var generator = SeededGenerator(seed: 5)
    return layout.blocks.map {
      Matrix(converting: Matrix<Float>.normal(rows, $0.width, using: &generator))
    }
  }

  private func store(_ type: ElementType) throws -> GradientStore {
    let url = folder.file("store-\(type)")
    let writer = try GradientStoreWriter(creating: url, layout: Self.layout, elementType: type)
    try writer.append(Self.gradients())
    try writer.finish()
    return try GradientStore(opening: url)
  }

  private func memory() -> GradientStore {
    GradientStore(
      blocks: zip(Self.layout.blocks, Self.gradients()).map { ($0.name, $0.shape, $1) })
  }

  /// Checks numbers, norms and places of a grouped store against the one that it came from.
  private func check(
    _ grouped: GradientStore, of store: GradientStore, _ expected: [(String, [Int])]
  ) throws {
    #expect(grouped.layout.blocks.map(\.name) == expected.map(\.0))
    let norms = try store.squaredNorms().squared
    let groupedNorms = try grouped.squaredNorms().squared
    for (index, (_, members)) in expected.enumerated() {
      #expect(grouped.members(ofBlock: index) == members.map { store.layout.blocks[$0].name })
      #expect(
        grouped.sourceColumns(ofBlock: index) == members.map { store.layout.blocks[$0].columns })
      #expect(
        grouped.bytesPerRow(ofBlock: index)
          == members.reduce(0) { $0 + store.bytesPerRow(ofBlock: $1) })
      var columns: [[Double]] = Array(repeating: [], count: store.count)
      for member in members {
        let part = Matrix(try store.rows(0..<store.count, of: member, as: Double.self))
        for row in 0..<store.count { columns[row] += part[row: row] }
      }
      let found = Matrix(try grouped.rows(0..<store.count, of: index, as: Double.self))
      let singles = Matrix(try grouped.rows(2..<7, of: index, as: Float.self))
      let middle = 1..<columns[0].count - 1
      let slice = try grouped.rows(3..<5, of: index, columns: middle, as: Double.self)
      for row in 0..<store.count {
        #expect(Array(found[row: row]) == columns[row])
        #expect(groupedNorms[row, index] == members.reduce(0) { $0 + norms[row, $1] })
      }
      for row in 2..<7 { #expect(Array(singles[row: row - 2]) == columns[row].map { Float($0) }) }
      for row in 3..<5 {
        #expect(Array(Matrix(slice)[row: row - 3]) == Array(columns[row][middle]))
      }
    }
  }

  @Test(
    "Numbers, norms and places stay right",
    arguments: [.float32, .float64, .bfloat16, .int8] as [ElementType])
  func stored(type: ElementType) throws {
    let store = try store(type)
    try check(
      store.partitioned(by: .layer), of: store, [("layers.0", [0, 2]), ("head", [1, 3])])
    try check(store.partitioned(by: .all), of: store, [("all", [0, 1, 2, 3])])
    let mapping = BlockPartition.mapping([
      .init(name: "x", blocks: ["head.bias", "layers.0.weight"]),
      .init(name: "y", blocks: ["head.weight", "layers.0.bias"]),
    ])
    try check(store.partitioned(by: mapping), of: store, [("x", [3, 0]), ("y", [1, 2])])
    try check(
      store[rows: 0..<Self.rows].partitioned(by: .all), of: store, [("all", [0, 1, 2, 3])])
    #expect(try store.partitioned(by: .all).checksum() == store.checksum())
    let findings = try store.partitioned(by: .all).verification()
    #expect(findings.count == 1 && findings.allSatisfy { $0.isSound && $0.evidence == .rowRanges })
  }

  @Test("Stores in memory, of arrays and of shards are grouped too")
  func others() throws {
    try check(
      memory().partitioned(by: .layer), of: memory(), [("layers.0", [0, 2]), ("head", [1, 3])])
    let twin = try store(.float32)
    let shards = try GradientStore(
      joining: [twin, twin], name: "twice")
    try check(shards.partitioned(by: .all), of: shards, [("all", [0, 1, 2, 3])])
    let rows = try shards.partitioned(by: .layer)[rows: 5..<14]
    let expected = Matrix(try shards.rows(5..<14, of: 2, as: Double.self))
    let found = Matrix(try rows.rows(0..<9, of: 0, columns: 12..<15, as: Double.self))
    #expect(found == expected)
  }

  @Test("Slices side by side in a file are looked at in place")
  func inPlace() throws {
    let store = try store(.float32)
    #expect(try store.partitioned(by: .all).chunksAreReadInPlace(of: 0, as: Float.self))
    #expect(try !store.partitioned(by: .layer).chunksAreReadInPlace(of: 0, as: Float.self))
    #expect(try store.partitioned(by: .tensor).layout == store.layout)
  }

  @Test(
    "A name tells the layer",
    arguments: [
      ("layers.0.weight", "layers.0"), ("layers.0.bias", "layers.0"), ("head", "head"),
      ("weight", "weight"), ("layers.1.lora_A", "layers.1"),
      ("model.q_proj.lora_B.default.weight", "model.q_proj"),
      ("model.q_proj.lora_A.weight", "model.q_proj"),
      ("model.layers.0.q_proj", "model.layers.0.q_proj"),
    ])
  func layers(name: String, layer: String) { #expect(BlockPartition.layer(of: name) == layer) }

  @Test("A file of groups is read, and comes back from its JSON")
  func file() throws {
    let url = try folder.write(#"{"g": ["b", "a"], "h": ["c"]}"#, to: "groups.json")
    let partition = try BlockPartition(url.path)
    #expect(
      partition
        == .mapping([.init(name: "g", blocks: ["b", "a"]), .init(name: "h", blocks: ["c"])]))
    for partition in [partition, .tensor, .layer, .all] {
      #expect(try BlockPartition(json: partition.json, path: "record") == partition)
    }
    for text in ["[]", "{}", #"{"g": "a"}"#, #"{"g": []}"#, #"{"g": ["a", 1]}"#] {
      let url = try folder.write(text, to: "bad.json")
      #expect(throws: GradientStoreError.self) { try BlockPartition(url.path) }
    }
    #expect(throws: TensorFileError.self) { try BlockPartition(folder.file("none").path) }
  }

  @Test("A mapping that misses, repeats or invents blocks is refused, and says which")
  func refusals() throws {
    let names = Self.layout.blocks.map(\.name)
    func reason(_ blocks: [String]) -> String {
      do {
        _ = try memory().partitioned(by: .mapping([.init(name: "g", blocks: blocks)]))
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(reason(names) == "accepted")
    #expect(reason(Array(names.dropLast())).contains("\"head.bias\" is in no group"))
    #expect(reason(names + ["head.bias"]).contains("\"head.bias\" is named twice"))
    #expect(reason(names + ["tail"]).contains("\"tail\", which the store does not have"))
    #expect(throws: GradientStoreError.self) {
      try memory().partitioned(by: .all).partitioned(by: .layer)
    }
  }

  @Test("Equal groups of other members do not go together")
  func otherMembers() throws {
    let names = Self.layout.blocks.map(\.name)
    let one = try memory().partitioned(by: .all)
    let other = try memory().partitioned(
      by: .mapping([.init(name: "all", blocks: names.reversed())]))
    #expect(one.differences(from: one).isEmpty)
    #expect(one.differences(from: other).count == 1)
  }
}
