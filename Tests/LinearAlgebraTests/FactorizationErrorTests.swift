import LinearAlgebra
import Testing

@Suite("Factorization errors")
struct FactorizationErrorTests {
  @Test(
    "A description holds the numbers and what to do",
    arguments: [
      (
        FactorizationError.notPositiveDefinite(leadingMinor: 17, order: 40),
        ["17", "40", "damping"]
      ),
      (.notFinite(order: 40), ["40", "NaN", "health"]),
      (.singular(pivot: 17, order: 40), ["17", "40", "damping"]),
      (.didNotConverge(unconverged: 3, order: 40), ["3", "40", "converge"]),
      (.tooLarge(order: 40_000, limit: 32_766), ["40000", "32766", "iterative"]),
    ])
  func descriptions(error: FactorizationError, words: [String]) {
    for word in words { #expect("\(error)".contains(word)) }
  }
}
