import Evaluation
import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("How well a narrower copy keeps the order of scores")
struct StoreFidelityTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func store(_ rows: Int, seed: UInt64 = 1) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    return GradientStore(
      blocks: [
        ("a", [30], Matrix<Float>.normal(rows, 30, using: &generator)),
        ("b", [9], Matrix<Float>.normal(rows, 9, deviation: 3, using: &generator)),
      ])
  }

  private func copy(_ source: GradientStore, as type: ElementType) throws -> GradientStore {
    _ = try StoreCopy(of: source, to: folder.file(type.name), elementType: type).run()
    return try GradientStore(opening: folder.file(type.name))
  }

  @Test("Nothing is lost by an exact copy; more by int8 than by float16")
  func types() throws {
    let source = store(300)
    let same = try #require(try StoreFidelity(of: copy(source, as: .float64), from: source))
    #expect(same.queries == 32 && same.examples == 268 && same.topCount == 10)
    #expect(same.worstSpearman.map { $0 > 1 - 0x1p-40 } == true && same.meanTopOverlap == 1)
    let half = try #require(try StoreFidelity(of: copy(source, as: .float16), from: source))
    let small = try #require(try StoreFidelity(of: copy(source, as: .int8), from: source))
    let (halfMean, smallMean) = (
      try #require(half.meanSpearman), try #require(small.meanSpearman)
    )
    #expect(smallMean < halfMean && halfMean < 1)
    #expect(try #require(small.worstSpearman) <= smallMean)
    // int8 moves a number by at most 1/254 of its row's largest, uniformly: two or three hundredths of
    // a score's deviation, which moves ranks by as much of their range at most.
    #expect(smallMean > 0.99)
  }

  @Test("Unrelated gradients share neither order nor top")
  func unrelated() throws {
    let found = try #require(try StoreFidelity(of: store(300), from: store(300, seed: 2)))
    // 32 means of 268 ranks: a deviation of 1/√(32 · 268) about 0, and of tops about 10/268.
    #expect(abs(try #require(found.meanSpearman)) < 6 / (32.0 * 268).squareRoot())
    #expect(try #require(found.meanTopOverlap) < 0.15)
  }

  @Test("Few rows are halved, fewer than three not compared")
  func few() throws {
    let source = store(5)
    let found = try #require(try StoreFidelity(of: source, from: source))
    #expect(found.queries == 2 && found.examples == 3 && found.topCount == 3)
    #expect(try StoreFidelity(of: store(2), from: store(2)) == nil)
  }
}
