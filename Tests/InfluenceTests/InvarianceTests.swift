import Foundation
import InfluenceKit
import TestSupport
import Testing

/// What must not change a single bit, or not more than rounding.
///
/// Bits are compared in a process of their own: LAPACK may use BLAS's threads for a moment, and a product
/// that another test runs at that moment is then summed in another order.
@Suite("Invariance")
struct InvarianceTests {
  /// Blocks large enough to be cut into pieces: fewer than four, which are worked on one after the
  /// other, or more, several at a time.
  private static func large(blocks: Int) -> Problem {
    let shapes = [[8, 20], [90], [3, 40], [100], [16], [31, 4]]
    return Problem(
      blocks: shapes.prefix(blocks).enumerated().map { index, shape in
        .random("b\(index)", shape: shape, rows: 150, .lowRank, seed: UInt64(60 + index))
      })
  }

  /// Scores and self-influence by every method.
  private static func results(
    _ problem: Problem, _ setup: Setup, training: GradientStore? = nil,
    queries: GradientStore? = nil
  ) throws -> [(method: Method, scores: Matrix<Double>, influence: [Double])] {
    let curvature = try Curvature(
      fitting: Method.allCases.map { $0.estimator(for: problem) },
      on: training ?? problem.training(setup.precision),
      options: setup.options(damping: problem.damping))
    let scores = try curvature.scores(of: queries ?? problem.queries(setup.precision))
    let influence = try curvature.selfInfluence().map(\.values)
    return Method.allCases.indices.map {
      (Method.allCases[$0], scores[$0].values, influence[$0])
    }
  }

  @Test("The number of threads does not matter")
  func threads() async {
    await #expect(processExitsWith: .success) {
      for problem in [InvarianceTests.large(blocks: 2), InvarianceTests.large(blocks: 6)] {
        for setup in Setup.all {
          Parallelism.threads = 1
          let one = try InvarianceTests.results(problem, setup)
          Parallelism.threads = 2
          let two = try InvarianceTests.results(problem, setup)
          for (a, b) in zip(one, two) {
            switch a.method {
            case .hessianFree, .blockNormalized, .dataInf:
              #expect(a.scores == b.scores, "\(a.method), \(setup)")
              #expect(a.influence == b.influence, "\(a.method), \(setup)")
            case .lissa, .conjugateGradient, .exact:
              // LAPACK adds in another order; X is then rounded to the precision of products.
              let tolerance = try problem.expectedScores(
                a.method, setup.side == .query ? setup.precision : .double
              ).tolerance
              expectClose(a.scores, b.scores, bound: .absolute(tolerance), "\(a.method)")
            }
          }
        }
      }
    }
  }

  @Test("Scores of blocks add up to the bit")
  func additivity() async {
    await #expect(processExitsWith: .success) {
      Parallelism.threads = 1
      let problem = Problem.standard
      for setup in Setup.all {
        for method in Method.allCases {
          let estimator = method.estimator(for: problem)
          var sum = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
          var influence = [Double](repeating: 0, count: problem.exampleCount)
          for part in problem.separated {
            sum = Naive.sum(sum, try setup.scores(of: part, estimator))
            influence = zip(influence, try setup.selfInfluence(of: part, estimator)).map { $0 + $1 }
          }
          #expect(try setup.scores(of: problem, estimator) == sum, "\(method), \(setup)")
          #expect(
            try setup.selfInfluence(of: problem, estimator) == influence, "\(method), \(setup)")
        }
      }
    }
  }

  @Test("G → sG and V → tV: curvature scores times t/s, Hessian-free times t·s")
  func scaleLaw() async {
    await #expect(processExitsWith: .success) {
      Parallelism.threads = 1
      // Powers of two scale without rounding, so nothing but the exponents may change.
      let (s, t) = (0x1p-7, 0x1p5)
      let problem = Problem.standard
      let scaled = problem.mapping { block in
        var block = block
        block.gradients = block.gradients.scaled(by: s)
        block.queries = block.queries.scaled(by: t)
        return block
      }
      for setup in Setup.all {
        let before = try InvarianceTests.results(problem, setup)
        let after = try InvarianceTests.results(scaled, setup)
        for (a, b) in zip(before, after) {
          let factor = a.method == .hessianFree ? s * t : t / s
          let selfFactor = a.method == .hessianFree ? s * s : 1
          #expect(b.scores == a.scores.scaled(by: factor), "\(a.method), \(setup)")
          #expect(b.influence == a.influence.map { $0 * selfFactor }, "\(a.method), \(setup)")
        }
      }
    }
  }

  @Test("The order of the queries' blocks does not matter")
  func blockOrder() async {
    await #expect(processExitsWith: .success) {
      Parallelism.threads = 1
      let problem = Problem.standard
      var shuffled = problem
      shuffled.blocks = [2, 0, 1].map { problem.blocks[$0] }
      for setup in Setup.all {
        let before = try InvarianceTests.results(problem, setup)
        let after = try InvarianceTests.results(
          problem, setup, queries: shuffled.queries(setup.precision))
        for (a, b) in zip(before, after) { #expect(a.scores == b.scores, "\(a.method), \(setup)") }
      }
    }
  }

  @Test(
    "Shards and conversion do not matter", arguments: Setup.all, [ElementType.float32, .float64])
  func stores(setup: Setup, type: ElementType) throws {
    let problem = Self.large(blocks: 2)
    let folder = try TemporaryDirectory()
    let layout = problem.training(.single).layout
    for (index, rows) in [0..<1, 1..<90, 90..<150].enumerated() {
      let writer = try GradientStoreWriter(
        creating: folder.file("shard\(index)"), layout: layout, elementType: type)
      try writer.append(problem.blocks.map { $0.gradients.rows(Array(rows)) })
      try writer.commit()
      try writer.finish()
    }
    let store = try GradientStore(opening: folder.url)
    #expect(store.kind == .shards && store.count == 150)
    let whole = try Self.results(problem, setup)
    for (a, b) in zip(whole, try Self.results(problem, setup, training: store)) {
      let tolerance = try problem.expectedScores(a.method, setup.precision).tolerance
      expectClose(b.scores, a.scores, bound: .absolute(tolerance), "\(a.method)")
      let selfTolerance = try problem.expectedSelfInfluence(a.method, setup.precision).tolerance
      expectClose(b.influence, a.influence, bound: .absolute(selfTolerance), "\(a.method)")
    }
    withExtendedLifetime(folder) {}
  }

  @Test("Queries score alike alone and together", arguments: Setup.all)
  func batches(setup: Setup) throws {
    var problem = Self.large(blocks: 2)
    // Products take other ways for one row, for a few and for many.
    for index in problem.blocks.indices {
      let block = problem.blocks[index]
      problem.blocks[index].queries = block.gradients.rows(Array(0..<20))
    }
    let curvature = try setup.curvature(
      of: problem, Method.allCases.map { $0.estimator(for: problem) })
    let together = try curvature.scores(of: problem.queries(setup.precision))
    for rows in [0..<1, 3..<9] {
      let part = problem.mapping { block in
        var block = block
        block.queries = block.queries.rows(Array(rows))
        return block
      }
      let alone = try curvature.scores(of: part.queries(setup.precision))
      for (index, method) in Method.allCases.enumerated() {
        let tolerance = try problem.expectedScores(method, setup.precision).tolerance
        expectClose(
          alone[index].values, together[index].values.rows(Array(rows)),
          bound: .absolute(tolerance), "\(method)")
      }
    }
  }
}
