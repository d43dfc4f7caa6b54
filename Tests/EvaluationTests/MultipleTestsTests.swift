import Evaluation
import Testing

@Suite("Many tests at once")
struct MultipleTestsTests {
  /// `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` and others, of R 4.3.
  @Test("Holm's correction is that of R")
  func reference() {
    expect([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02])
    expect([0.9, 0.8, 0.7], [1, 1, 1])
    expect([0.04], [0.04])
    expect([], [])
    expect([0.02, 0.02, 0.02], [0.06, 0.06, 0.06])
  }

  private func expect(_ chances: [Double], _ wanted: [Double]) {
    let found = MultipleTests.holm(chances)
    #expect(found.count == wanted.count)
    #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-15 })
  }

  @Test("The order of tests does not matter, and no chance becomes smaller")
  func invariance() {
    let chances = [0.3, 0.001, 0.04, 0.04, 1, 0]
    let corrected = MultipleTests.holm(chances)
    #expect(MultipleTests.holm(chances.reversed()) == corrected.reversed())
    #expect(zip(chances, corrected).allSatisfy { $0 <= $1 && $1 <= 1 })
  }
}
