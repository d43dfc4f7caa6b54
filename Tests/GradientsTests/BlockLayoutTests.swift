import Gradients
import TestSupport
import Testing

@Suite("Block layouts")
struct BlockLayoutTests {
  let layout = BlockLayout([("a", [2, 3]), ("scalar", []), ("none", [4, 0]), ("b", [5])])

  @Test("Blocks follow each other without gaps")
  func columns() {
    #expect(layout.count == 4)
    #expect(layout.columnCount == 12)
    #expect(layout.blocks.map(\.columns) == [0..<6, 6..<7, 7..<7, 7..<12])
    #expect(layout.blocks.map(\.width) == [6, 1, 0, 5])
    #expect(layout.blocks.map(\.name) == ["a", "scalar", "none", "b"])
    #expect(BlockLayout([]).columnCount == 0)
  }

  @Test("A layout has no differences from itself in another order")
  func order() {
    let other = BlockLayout([("b", [5]), ("none", [4, 0]), ("a", [2, 3]), ("scalar", [])])
    #expect(layout.differences(from: other) == [])
    #expect(layout.differences(from: layout) == [])
    #expect(layout != other)
  }

  @Test("Differences are sentences: missing, reshaped, added")
  func differences() {
    let other = BlockLayout([("a", [3, 2]), ("scalar", []), ("b", [5]), ("c", [1])])
    #expect(
      layout.differences(from: other) == [
        "block a is [2, 3] in train but [3, 2] in query", "block none is in train but not in query",
        "block c is in query but not in train",
      ])
    #expect(
      other.differences(from: layout, label: "shard 1", otherLabel: "shard 2") == [
        "block a is [3, 2] in shard 1 but [2, 3] in shard 2",
        "block c is in shard 1 but not in shard 2", "block none is in shard 2 but not in shard 1",
      ])
  }

  @Test("Layouts without a common block have one difference; of many, three are shown")
  func many() {
    let names = (0..<30).map { ("layer.\($0)", [2]) }
    let layout = BlockLayout(names)
    let others = BlockLayout(names.indices.map { ("head.\(97 * $0)", [5]) })
    let found = layout.differences(from: others)
    #expect(found.count == 1)
    #expect(found[0].contains("train has layer.0, query has head.0"))
    let reshaped = layout.differences(from: BlockLayout(names.map { ($0.0, [3]) }))
    #expect(reshaped.count == 30)
    let shown = BlockLayout.summary(of: reshaped)
    #expect(shown.contains("layer.2") && !shown.contains("layer.3"))
    #expect(shown.hasSuffix("; and 27 more differences") && shown.count < 400)
    #expect(BlockLayout.summary(of: Array(reshaped.prefix(3))).hasSuffix("[3] in query"))
    #expect(BlockLayout.summary(of: Array(reshaped.prefix(4))).hasSuffix("and 1 more difference"))
  }

  @Test("Two blocks of one name are a programmer's mistake")
  func sameName() async {
    await #expect(processExitsWith: .failure) { _ = BlockLayout([("a", [1]), ("a", [2])]) }
  }

  @Test("So is a negative dimension, whatever the product")
  func negative() async {
    await #expect(processExitsWith: .failure) { _ = BlockLayout([("a", [-1])]) }
    await #expect(processExitsWith: .failure) { _ = BlockLayout([("a", [-2, -3])]) }
  }
}
