import Foundation
import InfluenceKit
import TestSupport
import Testing

/// A cache that dattri-LLM 0.1.0 wrote, and gradients by autograd: scripts/oracles/dattri_llm_cache.py.
@Suite("The factors in a cache of dattri-LLM are gradients")
struct DattriLLMTests {
  private let fixture: URL
  let folder: TemporaryDirectory

  init() throws {
    fixture = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
      .appending(path: "dattri-llm")
    folder = try TemporaryDirectory()
  }

  /// Single precision in the cache, and five tokens of two calls to be added.
  private var bound: Bound { .backward(order: 10, in: Float.self) }

  private func expectRight(_ store: GradientStore) throws {
    let expected = try SafetensorsFile(opening: fixture.appending(path: "expected.safetensors"))
    for (index, block) in store.layout.blocks.enumerated() {
      let rows: Matrix<Double> = try expected.matrix(block.name)
      expectClose(
        Matrix(try store.rows(0..<5, of: index, as: Double.self)), rows, bound: bound)
      let part = 2..<block.width - 1
      expectClose(
        Matrix(try store.rows(2..<4, of: index, columns: part, as: Double.self)),
        Matrix(rows.view[rows: 2..<4, columns: part]), bound: bound)
    }
  }

  @Test("Products of factors, with biases, several calls and tokens of different numbers")
  func factors() throws {
    let store = try GradientStore(opening: fixture.appending(path: "cache"))
    #expect(store.layout.blocks.map(\.name) == ["first", "again", "head"])
    #expect(store.layout.blocks.map(\.shape) == [[3, 5], [3, 3], [2, 4]])
    #expect(store.count == 5 && store.kind == .dattriLLM && store.commonElementType == .float32)
    #expect(try store.exampleIDs()?[4]?.hasPrefix("38844ede") == true)
    #expect(store.origin?.description.contains("of 2 steps of a training") == true)
    try expectRight(store)
    _ = try StoreCopy(of: store, to: folder.file("copy"), chunkBytes: 100).run()
    try expectRight(GradientStore(opening: folder.file("copy")))
  }
}
