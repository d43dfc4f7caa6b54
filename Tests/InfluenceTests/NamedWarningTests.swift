import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Numbers that mean nothing, or less than they seem to, are said by name.
@Suite("Named warnings")
struct NamedWarningTests {
  private func store(
    _ rows: Int, columns: Int = 6, size: Double = 1, seed: UInt64 = 1
  ) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    var numbers = Matrix<Double>.normal(rows, columns, using: &generator)
    numbers.scale(by: size)
    return GradientStore(name: "store", blocks: [("w", [columns], numbers)])
  }

  @Test(
    "Dampings beside which the curvature is nothing, or that are nothing beside it",
    arguments: [
      (Damping.relative(1e9), "more than a million times"), (.absolute(1e12), "a million times"),
      (.relative(1e-18), "lost in the rounding"), (.absolute(1e-300), "lost in the rounding"),
      (.standard, nil), (.relative(1e-12), nil), (.relative(1e5), nil),
    ] as [(Damping, String?)])
  func dampings(damping: Damping, expected: String?) throws {
    let options = CurvatureOptions(damping: damping, precision: .double)
    for (rows, columns) in [(20, 6), (6, 20)] {
      let training = store(rows, columns: columns)
      let warnings = try Curvature(fitting: [DataInf()], on: training, options: options).warnings
      #expect(warnings.count == (expected == nil ? 0 : 1))
      if let expected {
        #expect(warnings[0].contains(expected) && warnings[0].contains("block (w, λ = "))
      }
      // Without damping in the method there is nothing to say.
      #expect(
        try Curvature(fitting: [HessianFree()], on: training, options: options).warnings.isEmpty)
    }
  }

  /// 20 rows of rank 10: whole numbers whose products take more than the 24 bits of single precision.
  private static func rowsOfRankTen() -> Matrix<Float> {
    var generator = SeededGenerator(seed: 8)
    func wholeNumbers(_ rows: Int, _ columns: Int) -> Matrix<Double> {
      let numbers = Matrix<Double>.normal(rows, columns, deviation: 30, using: &generator)
      return Matrix(rows: rows, columns: columns, elements: numbers.elements.map { $0.rounded() })
    }
    let (left, right) = (wholeNumbers(20, 10), wholeNumbers(10, 30))
    return Matrix<Float>(converting: Matrix(product: left.view, right.view))
  }

  @Test(
    "Curvature that is not positive definite in single precision, and is formed again",
    arguments: [nil, 0] as [Int?])
  func formedAgain(budget: Int?) throws {
    let blocks = (0..<5).map { ("block \($0)", [30], Self.rowsOfRankTen()) }
    let training = GradientStore(name: "low", blocks: blocks)
    func curvature(
      _ damping: Damping, _ precision: CurvatureOptions.Precision
    ) throws -> Curvature {
      try Curvature(
        fitting: [ExactFisher()], on: training,
        options: CurvatureOptions(
          damping: damping, costModel: CostModel(request: .score), precision: precision,
          // A block's matrices at a time: blocks are fitted when they are needed.
          memoryBudget: budget.map { $0 + 5 * 8 * 400 }))
    }
    let found = try curvature(.absolute(1e-3), .single)
    #expect(found.keepsBlocks == (budget == nil))
    let expected =
      "low: the curvature of 5 blocks: block 0, block 1, block 2, block 3, block 4 is not positive definite in single precision"
    let scores = try found.scores(of: training[rows: 0..<2])[0]
    #expect(scores.warnings.count { $0.hasPrefix(expected) } == 1)
    #expect(
      try scores.record()["warnings"]?.array?.contains { $0.string?.hasPrefix(expected) == true }
        == true)
    let own = try found.selfInfluence()[0]
    #expect(own.warnings.count { $0.hasPrefix(expected) } == 1)
    // In double precision from the start, or with a damping above the rounding, nothing is formed twice.
    for other in [try curvature(.absolute(1e-3), .double), try curvature(.standard, .single)] {
      let warnings = try other.scores(of: training[rows: 0..<2])[0].warnings
      #expect(!warnings.contains { $0.contains("formed again") })
    }
  }

  @Test("A fit that is kept says what it formed again")
  func formedAgainInFit() throws {
    let training = GradientStore(
      name: "low", blocks: [("w", [30], Self.rowsOfRankTen())])
    let folder = try TemporaryDirectory()
    for (damping, isSaid) in [(Damping.absolute(1e-3), true), (.standard, false)] {
      let outcome = try FitWriter(
        of: [ExactFisher()], on: training, to: folder.file("fit \(isSaid)"),
        options: CurvatureOptions(damping: damping, costModel: CostModel(request: .score))
      ).run()
      #expect(outcome.warnings.contains { $0.contains("block w is not positive") } == isSaid)
    }
  }

  @Test("A large damping leaves inner products divided by λ, as the warning says")
  func largeDamping() throws {
    let (training, queries) = (store(20), store(3, seed: 2))
    let options = CurvatureOptions(damping: .absolute(1e12), precision: .double)
    let results = try Curvature(
      fitting: [ExactFisher(), HessianFree()], on: training, options: options
    ).scores(of: queries)
    for (exact, plain) in zip(results[0].values.elements, results[1].values.elements) {
      #expect(abs(exact * 1e12 - plain) <= 1e-6 * 100)
    }
  }

  @Test(
    "Scores that float32 cannot hold",
    arguments: [
      (1e-21, true), (1e-24, true), (1e-19, true), (1e-15, false), (1.0, false),
    ])
  func smallScores(size: Double, expected: Bool) throws {
    let curvature = try Curvature(
      fitting: [HessianFree()], on: store(20, size: size),
      options: CurvatureOptions(precision: .double))
    let scores = try curvature.scores(of: store(3, size: size, seed: 2))[0]
    let warnings = scores.warnings.filter { $0.contains("too small for the float32") }
    #expect(warnings.count == (expected ? 1 : 0), "\(scores.warnings)")
    guard expected else { return }
    let lost = scores.values.elements.filter {
      $0 != 0 && abs($0) < Double(Float.leastNormalMagnitude)
    }
    let zeros = lost.count { Float($0) == 0 }
    #expect(warnings[0].contains("\(zeros) become zero"))
    let influence = try curvature.selfInfluence()[0]
    #expect(
      influence.warnings.contains { $0.contains("too small for the float32") } == (size < 1e-19))
  }

  @Test("Members of an ensemble without weight")
  func weights() throws {
    let member = store(10)
    func warnings(_ weights: [Double]) throws -> [String] {
      let ensemble = try ScoreEnsemble(
        weights.map { .init(weight: $0, training: member, queries: store(2, seed: 3)) })
      let scores = try ensemble.scores(by: HessianFree()).warnings
      #expect(try ensemble.selfInfluence(by: HessianFree()).warnings == scores)
      return scores
    }
    #expect(try warnings([1, 0.5]).isEmpty)
    #expect(try warnings([0, 0])[0].contains("all weights are zero"))
    #expect(try warnings([1, 0])[0].contains("adds nothing"))
  }

  @Test("Examples of which the model is certain have no score by TRAK")
  func certain() throws {
    func scores(_ values: [Double]) throws -> Scores {
      let training = store(4).with(
        Companions(probabilities: LabelProbabilities(values: values)))
      return try Curvature(
        fitting: [TRAK()], on: training, options: CurvatureOptions(precision: .double)
      ).scores(of: store(2, seed: 3))[0]
    }
    #expect(try scores([0.1, 0.2, 0.3, 0.4]).warnings.isEmpty)
    let some = try scores([0.1, 1, 0.3, 1])
    #expect(some.warnings.count == 1 && some.warnings[0].contains("rows 1, 3"))
    #expect(some.values[0, 1] == 0 && some.values[0, 0] != 0)
    let all = try scores([1, 1, 1, 1])
    #expect(all.warnings.contains { $0.contains("rank nothing") })
    #expect(all.values.elements.allSatisfy { $0 == 0 })
  }

  @Test("Queries of classes that no training example has")
  func classes() throws {
    var generator = SeededGenerator(seed: 4)
    func examples(_ labels: [Int]) throws -> Representations {
      try Representations(
        features: .normal(labels.count, 3, using: &generator), labels: labels)
    }
    let training = try examples([0, 1, 2, 0])
    let method = NeighbourShapley(neighbours: 2)
    #expect(try method.scores(of: examples([0, 2]), on: training).warnings.isEmpty)
    let unseen = try method.scores(of: examples([5, 1, 3]), on: training)
    #expect(unseen.warnings.contains { $0.contains("no training example is of class 3, 5") })
    #expect(unseen.warnings.contains { $0.contains("2 queries are zero and rank nothing") })
  }

  @Test("Queries without a gradient keep their row numbers however many are scored at a time")
  func batches() throws {
    let folder = try TemporaryDirectory()
    var generator = SeededGenerator(seed: 5)
    var numbers = Matrix<Float>.normal(60, 6, using: &generator)
    numbers.scaleRows(by: (0..<60).map { [3, 47].contains($0) ? 0 : 1 })
    let queries = GradientStore(blocks: [("w", [6], numbers)])
    let curvature = try Curvature(
      fitting: [HessianFree()], on: store(2000),
      options: CurvatureOptions(certifies: false, memoryBudget: 2_000_000))
    #expect(curvature.queriesAtATime(of: 60) < 40)
    let summary = try curvature.score(queries, into: .array(at: folder.file("s.npy")))
    #expect(summary.warnings.count == 2)
    for row in [3, 47] { #expect(summary.warnings.contains { $0.contains("(rows \(row))") }) }
  }
}
