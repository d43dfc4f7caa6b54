import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Gradients in files of PyTorch")
struct TorchStoreTests {
  let folder: TemporaryDirectory
  private let sample = Sample([("b", [3]), ("a", [2, 2]), ("c", [1])])

  init() throws { folder = try TemporaryDirectory() }

  private func tensor(
    _ block: Int, rows: Range<Int>, shape: [Int], as type: ElementType = .float32
  ) -> TorchBuilder.Value {
    let numbers = sample.matrix(rows: rows, columns: sample.columns(block), as: Double.self)
    let name = ["Half", "BFloat16", "Float", "Double"][
      ElementType.floatingPoint.firstIndex(of: type) ?? 2]
    return .tensor(type: name, shape: shape, bytes: Bytes.of(numbers, as: type))
  }

  private func open(_ value: TorchBuilder.Value, joiningRows: Bool = false) throws -> GradientStore
  {
    let url = try folder.write(TorchBuilder(value).bytes, to: "a.pt")
    return try GradientStore(opening: url, joiningRows: joiningRows)
  }

  @Test("A dictionary of blocks, in any type", arguments: ElementType.floatingPoint)
  func dictionary(type: ElementType) throws {
    let members = sample.parameters.indices.map { block in
      let parameter = sample.parameters[block]
      return (parameter.name, tensor(block, rows: 0..<5, shape: [5] + parameter.shape, as: type))
    }
    for value in [TorchBuilder.Value.dictionary(members), .ordered(members)] {
      let store = try open(value)
      #expect(store.kind == .torch && store.commonElementType == type)
      #expect(store.layout.blocks.map(\.shape) == [[3], [2, 2], [1]])
      try expect(store, holds: sample)
      #expect(store.origin?.tool == "torch.save")
    }
    _ = try StoreCopy(of: open(.dictionary(members)), to: folder.file("copy")).run()
    try expect(GradientStore(opening: folder.file("copy")), holds: sample)
  }

  @Test("Dictionaries in dictionaries name blocks by the way to them; what is no gradient is told")
  func nested() throws {
    let store = try open(
      .dictionary([
        ("m", .dictionary([("b", tensor(0, rows: 0..<5, shape: [5, 3]))])),
        ("x", .list([tensor(1, rows: 0..<5, shape: [5, 2, 2])])),
        ("step", .integer(3)), ("name", .text("run")), ("a", .nothing), ("more", .truth(true)),
        ("ids", .tensor(type: "Long", shape: [1], bytes: [UInt8](repeating: 0, count: 8))),
      ]))
    #expect(store.layout.blocks.map(\.name) == ["m.b", "x.0"])
    let line = try #require(store.origin?.description)
    #expect(line.contains("they hold integers: ids"))
    #expect(line.contains("they are no tensors: step, name, a and 1 more"))
    #expect(line.contains("not recorded: whether rows are gradients of examples"))
  }

  @Test("A single tensor, also one whose rows do not lie one after the other")
  func single() throws {
    let one = Sample([("gradients", [3])])
    let rows = one.matrix(rows: 0..<5, columns: 0..<3, as: Double.self)
    try expect(
      open(.tensor(shape: [5, 3], bytes: Bytes.of(rows, as: .float32))), holds: one)
    let columns = Bytes.of(Naive.transpose(rows), as: .float32)
    let transposed = try open(.tensor(shape: [5, 3], strides: [1, 5], bytes: columns))
    try expect(transposed, holds: one)
    try expect(transposed[rows: 2..<5], holds: Sample(rows: 3, [("gradients", [3])]), firstRow: 2)
    #expect(!transposed.isDirectlyReadable(as: Float.self))
  }

  @Test("A list, or keys that count, with the gradients of one example after the other")
  func examples() throws {
    let entries = (0..<5).map { row in
      TorchBuilder.Value.dictionary(
        sample.parameters.indices.map { block in
          (
            sample.parameters[block].name,
            tensor(
              block, rows: row..<row + 1, shape: sample.parameters[block].shape,
              as: row == 4 ? .float64 : .float32)
          )
        })
    }
    for value in [TorchBuilder.Value.list(entries), .tuple(entries), .counted(entries)] {
      let store = try open(value)
      #expect(store.commonElementType == .float64)
      try expect(store, holds: sample)
      try expect(store[rows: 1..<3], holds: Sample(rows: 2), firstRow: 1)
    }
    let one = Sample([("gradients", [3])])
    for shape in [[3], [1, 3]] {
      let rows = (0..<5).map { tensor(0, rows: $0..<$0 + 1, shape: shape) }
      let store = try open(.list(rows))
      #expect(store.layout.blocks[0].width == 3)
      #expect(
        Matrix(try store.rows(0..<5, of: 0, as: Double.self))
          == one.matrix(rows: 0..<5, columns: 0..<3))
    }
  }

  @Test("Tensors of a list are blocks, or rows where they cannot be blocks or it is asked for")
  func lists() throws {
    let blocks = try open(
      .list([tensor(0, rows: 0..<5, shape: [5, 3]), tensor(1, rows: 0..<5, shape: [5, 2, 2])]))
    #expect(blocks.layout.blocks.map(\.name) == ["0", "1"] && blocks.count == 5)
    let batches = try open(
      .list([tensor(0, rows: 0..<3, shape: [3, 3]), tensor(0, rows: 3..<5, shape: [2, 3])]))
    try expect(batches, holds: Sample([("gradients", [3])]))
    let equal: TorchBuilder.Value = .list([
      tensor(0, rows: 0..<2, shape: [2, 3]), tensor(0, rows: 2..<4, shape: [2, 3]),
    ])
    #expect(try open(equal).layout.count == 2)
    try expect(open(equal, joiningRows: true), holds: Sample(rows: 4, [("gradients", [3])]))
  }

  @Test("A directory of rows, as LESS writes it, by itself and in the folder around it")
  func less() throws {
    for (name, rows) in [("grads-2", 0..<2), ("grads-10", 2..<10)] {
      let value = tensor(0, rows: rows, shape: [rows.count, 3])
      try folder.write(TorchBuilder(value).bytes, to: "less/dim3/\(name).pt")
    }
    let all = tensor(0, rows: 0..<10, shape: [10, 3])
    for name in ["all_orig", "all_unormalized"] {
      try folder.write(TorchBuilder(all).bytes, to: "less/dim3/\(name).pt")
      try folder.write(TorchBuilder(all).bytes, to: "whole/\(name).pt")
    }
    let expected = Sample(rows: 10, [("gradients", [3])])
    for path in ["less", "less/dim3", "whole"] {
      let store = try GradientStore(opening: folder.file(path))
      #expect(store.origin?.tool == "LESS" && store.kind == .torch)
      #expect(store.origin?.known.contains("rows are not normalised") == true)
      try expect(store, holds: expected)
    }
    try folder.write(TorchBuilder(all).bytes, to: "rank/rows_1.pt")
    try folder.write(TorchBuilder(all).bytes, to: "rank/rows_2.pt")
    #expect(try GradientStore(opening: folder.file("rank")).count == 20)
  }
}
