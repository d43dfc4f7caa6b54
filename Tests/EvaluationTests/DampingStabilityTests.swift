import Gradients
import Influence
import LinearAlgebra
import TestSupport
import Testing

import Evaluation

@Suite("Stability of a damping sweep")
struct DampingStabilityTests {
  private func sweep(
    _ grid: String, rows: Int = 15, damping: Damping = .standard,
    precision: CurvatureOptions.Precision = .double
  ) throws -> DampingSweep {
    var generator = SeededGenerator(seed: 91)
    let gradients = Matrix<Double>.normal(rows, 30, using: &generator)
    let queries = Matrix<Double>.normal(4, 30, using: &generator)
    return try DampingSweep(
      of: ExactFisher(), over: DampingGrid(parsing: grid),
      on: GradientStore(name: "train", blocks: [("w", [30], gradients)]),
      queries: GradientStore(name: "query", blocks: [("w", [30], queries)]),
      options: CurvatureOptions(damping: damping, precision: precision))
  }

  @Test("Agreement is that of the definitions")
  func agreement() throws {
    let sweep = try sweep("1e-3:10:9")
    let stability = try DampingStability(of: sweep)
    func mean(_ a: Int, _ b: Int, _ measure: ([Double], [Double]) throws -> Double) rethrows
      -> Double
    {
      let (x, y) = (sweep.scores(at: a), sweep.scores(at: b))
      return try (0..<4).reduce(0) { try $0 + measure(Array(x[row: $1]), Array(y[row: $1])) } / 4
    }
    func overlap(_ x: [Double], _ y: [Double]) -> Double {
      Double(Set(naiveTop(x, 10)).intersection(naiveTop(y, 10)).count) / 10
    }
    #expect(stability.entries.count == 9)
    for (index, entry) in stability.entries.enumerated() {
      let spearman = try mean(sweep.defaultIndex, index, Correlation.spearman)
      #expect(entry.spearmanToDefault == spearman)
      #expect(entry.topOverlapWithDefault == mean(sweep.defaultIndex, index, overlap))
      let beside = [index - 1, index + 1].filter { (0..<9).contains($0) }
      let neighbours = try beside.reduce(0) { try $0 + mean(index, $1, Correlation.spearman) }
      let found = try #require(entry.neighbourSpearman)
      #expect(abs(found - neighbours / Double(beside.count)) <= correlationBound(15))
      #expect(entry.roundingShare == sweep.points[index].roundingAmplification * 0x1p-52)
    }
    #expect(stability.entries[sweep.defaultIndex].spearmanToDefault == 1)
  }

  @Test("The same sweep gives the same recommendation, inside the grid and on it")
  func deterministic() throws {
    let first = try DampingStability(of: sweep("1e-3:10:9"))
    let recommendation = try #require(first.recommendation)
    #expect((1...7).contains(recommendation.index))
    #expect(first.reason.contains("stability, not truth"))
    for _ in 0..<3 {
      let again = try DampingStability(of: sweep("1e-3:10:9"))
      #expect(again.recommendation?.index == recommendation.index)
      #expect(again.reason == first.reason)
    }
  }

  @Test("A default off the grid is no neighbour and is not recommended")
  func offGrid() throws {
    let sweep = try sweep("1e-3:10:9", damping: .relative(0.123))
    let stability = try DampingStability(of: sweep)
    #expect(stability.entries[9].neighbourSpearman == nil)
    #expect(stability.entries[9].spearmanToDefault == 1)
    let without = try DampingStability(of: self.sweep("1e-3:10:9"))
    #expect(stability.recommendation?.index == without.recommendation?.index)
    for index in 0..<9 {
      #expect(
        stability.entries[index].neighbourSpearman == without.entries[index].neighbourSpearman)
    }
  }

  @Test("A damping that the precision cannot bear is never recommended")
  func unbearable() throws {
    let stability = try DampingStability(of: sweep("1e-12:1e-8:5", precision: .single))
    #expect(stability.entries.prefix(5).allSatisfy { !$0.isBearable })
    #expect(stability.recommendation == nil)
    #expect(stability.reason.contains("condition number"))
    let mixed = try DampingStability(of: sweep("1e-12:10:14", precision: .single))
    let recommendation = try #require(mixed.recommendation)
    #expect(mixed.entries[recommendation.index].isBearable)
  }

  @Test("Two dampings have no plateau between them")
  func twoPoints() throws {
    let stability = try DampingStability(of: sweep("0.1:1:2"))
    #expect(stability.recommendation == nil)
    #expect(stability.reason.contains("three dampings"))
  }

  @Test("One training example has no ranking")
  func oneExample() throws {
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      _ = try DampingStability(of: sweep("0.1:1:2", rows: 1))
    }
  }

  /// Agreements with neighbours, the default's place, and the place to be chosen; "plateau" or "edge".
  @Test(
    "The choice",
    arguments: [
      ([0.5, 0.6, 0.9, 0.7, 0.99], nil, 2, true),
      // Ends of the grid are never chosen, whatever they are.
      ([1, 0.9, 0.7, 0.8, 1], nil, 1, false),
      ([0.5, 0.6, 0.7, 0.9, 0.95], nil, 3, false),
      // Equal: the nearest to the default, then the lower.
      ([0, 0.9, 0.5, 0.9, 0.8, 0.1], 4, 3, true),
      ([0, 0.9, 0.5, 0.9, 0.8, 0.1], 2, 1, false),
      ([0, 0.5, 0.9, 0.5, 0.9, 0.5, 0], nil, 2, true),
      // What may not be taken is passed over, and then the first candidate is an edge.
      ([nil, nil, 0.9, 0.8, 0.7, 0.6], nil, 2, false),
    ] as [([Double?], Int?, Int, Bool)])
  func choice(stability: [Double?], standard: Int?, place: Int, isPlateau: Bool) throws {
    let choice = try #require(DampingStability.choose(among: stability, default: standard))
    #expect(choice.place == place)
    #expect(choice.isPlateau == isPlateau)
  }

  @Test("No candidate, no choice", arguments: [[], [1], [1, 1], [1, nil, 1]] as [[Double?]])
  func noChoice(stability: [Double?]) {
    #expect(DampingStability.choose(among: stability, default: nil) == nil)
  }
}
