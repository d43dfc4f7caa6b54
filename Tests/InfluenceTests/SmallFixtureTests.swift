import InfluenceKit
import TestSupport
import Testing

/// The engine against numbers that it had no part in.
@Suite("Small fixture")
struct SmallFixtureTests {
  let fixture: SmallFixture

  init() throws { fixture = try SmallFixture.shared.get() }

  /// The blocks that are not dead, in the store's order.
  private var live: [(name: String, block: NaiveBlock)] {
    zip(fixture.problem.blocks, fixture.problem.naive).filter { $1.lambda > 0 }
      .map { ($0.name, $1) }
  }

  /// The columns of an array of residuals in the store's order of blocks.
  private func residuals(_ key: String) throws -> Matrix<Double> {
    let array = try fixture.array("residual.\(key)")
    let columns = try live.map { try #require(fixture.expected.liveBlocks.firstIndex(of: $0.name)) }
    return Naive.transpose(Naive.transpose(array).rows(columns))
  }

  private func curvature(
    _ estimators: [any Estimator], _ setup: Setup, damping: Damping = .standard
  ) throws -> Curvature {
    try Curvature(
      fitting: estimators, on: fixture.training(setup.precision),
      options: setup.options(damping: damping))
  }

  private func scores(
    _ estimator: any Estimator, _ setup: Setup, damping: Damping = .standard
  ) throws -> Scores {
    let curvature = try curvature([estimator], setup, damping: damping)
    return try #require(try curvature.scores(of: fixture.queries(setup.precision)).first)
  }

  /// What rounding may do to scores, summed over blocks.
  private func tolerance(
    _ method: Method, _ setup: Setup, damping: Damping = .standard
  ) throws -> Double {
    var problem = fixture.problem
    problem.damping = damping
    return try problem.expectedScores(method, setup.precision).tolerance
  }

  static let closed: [Method] = [.hessianFree, .blockNormalized, .dataInf, .exact]

  @Test("λ of every block")
  func lambda() throws {
    let curvature = try curvature([HessianFree()], Setup.all[0])
    for context in curvature.contexts {
      let expected = try #require(fixture.expected.lambda[context.name])
      // A sum of n squared norms, each a sum of d squares.
      expectClose(
        context.damping ?? 0, expected,
        bound: .backward(order: context.exampleCount + context.width))
      #expect(context.isDead == !fixture.expected.liveBlocks.contains(context.name))
    }
  }

  @Test("Scores", arguments: Setup.all, closed)
  func scores(setup: Setup, method: Method) throws {
    let scores = try scores(method.estimator(for: fixture.problem), setup)
    expectClose(
      scores.values, try fixture.array("scores.\(method.key)"),
      bound: .absolute(try tolerance(method, setup)))
  }

  @Test("Self-influence", arguments: Setup.all, closed)
  func selfInfluence(setup: Setup, method: Method) throws {
    let curvature = try curvature([method.estimator(for: fixture.problem)], setup)
    let tolerance = try fixture.problem.expectedSelfInfluence(method, setup.precision).tolerance
    expectClose(
      try #require(try curvature.selfInfluence().first?.values),
      try fixture.array("self.\(method.key)").elements, bound: .absolute(tolerance))
  }

  @Test("Exact scores at other dampings", arguments: Setup.all, [0.001, 1])
  func dampings(setup: Setup, factor: Double) throws {
    let name = factor == 1 ? "1" : "\(factor)"
    let scores = try scores(ExactFisher(), setup, damping: .relative(factor))
    expectClose(
      scores.values, try fixture.array("scores.exact_factor_\(name)"),
      bound: .absolute(try tolerance(.exact, setup, damping: .relative(factor))))
  }

  @Test("LiSSA, with each block's own scale", arguments: Setup.all)
  func lissa(setup: Setup) throws {
    var scores = Matrix<Double>.zeros(fixture.queries.count, fixture.training.count)
    var influence = [Double](repeating: 0, count: fixture.training.count)
    var tolerance = 0.0
    var selfTolerance = 0.0
    let residuals = try residuals("lissa")
    for (column, (name, block)) in live.enumerated() {
      let problem = Problem(blocks: fixture.problem.blocks.filter { $0.name == name })
      let sigma = try #require(fixture.expected.spectrum[name]).sigma
      // From r = v instead of 0, the oracle is a term ahead of its count of updates.
      let lissa = LiSSA(depth: .terms(fixture.expected.lissaDepth + 1), scale: sigma)
      let found = try #require(try setup.scores(of: problem, [lissa]).first)
      let own = try setup.selfInfluence(of: problem, lissa)
      tolerance += block.scoreTolerance(.lissa, found.values, setup.precision)
      selfTolerance += block.selfTolerance(.lissa, own, setup.precision)
      scores = Naive.sum(scores, found.values)
      influence = zip(influence, own).map { $0 + $1 }
      let certificate = try #require(found.certificate)
      for query in 0..<fixture.queries.count {
        let norm = certificate.queryNorms[query, 0]
        let expected = residuals[query, column]
        expectClose(
          certificate.relativeResiduals(block: 0)[query], expected,
          bound: .absolute(
            block.residualTolerance(
              .lissa, residual: expected * norm, queryNorm: norm, setup.precision) / norm),
          "\(name), query \(query)")
      }
    }
    expectClose(scores, try fixture.array("scores.lissa"), bound: .absolute(tolerance))
    expectClose(
      influence, try fixture.array("self.lissa").elements, bound: .absolute(selfTolerance))
  }

  @Test("Five steps of conjugate gradients", arguments: Setup.all)
  func fewSteps(setup: Setup) throws {
    let scores = try scores(ConjugateGradient(tolerance: 0, maximumSteps: 5), setup)
    let tolerance = live.map(\.block).reduce(0) {
      $0 + 2 * $1.rounding(setup.precision) * $1.sensitivity(steps: 5)
    }
    expectClose(
      scores.values, try fixture.array("scores.cg_5"), bound: .absolute(tolerance))
    #expect(scores.warnings.contains { $0.contains("after 5 steps") })
  }

  @Test("Conjugate gradients that converge", arguments: Setup.all)
  func converged(setup: Setup) throws {
    let relative = 1e-10
    let scores = try scores(ConjugateGradient(tolerance: relative), setup)
    // What is left of the residual moves a score by at most tolerance · ‖v‖ · ‖g‖/λ.
    let left = live.map(\.block).reduce(0) {
      $0 + relative * $1.queries.largestRow * $1.gradients.largestRow / $1.lambda
    }
    expectClose(
      scores.values, try fixture.array("scores.cg"),
      bound: .absolute(left + (try tolerance(.exact, setup))))
  }

  @Test("Residuals of every query and block", arguments: Setup.all, closed.dropLast())
  func residuals(setup: Setup, method: Method) throws {
    let scores = try scores(method.estimator(for: fixture.problem), setup)
    let certificate = try #require(scores.certificate)
    #expect(certificate.blocks == live.map(\.name))
    let expected = try residuals(method.key)
    for (column, (name, block)) in live.enumerated() {
      for query in 0..<fixture.queries.count {
        let norm = certificate.queryNorms[query, column]
        let residual = expected[query, column]
        expectClose(
          certificate.relativeResiduals(block: column)[query], residual,
          bound: .absolute(
            block.residualTolerance(
              method, residual: residual * norm, queryNorm: norm, setup.precision) / norm
              + setup.precision.certificateSlack * residual),
          "\(name), query \(query)")
      }
    }
  }

  @Test("Spectra")
  func spectra() throws {
    let spectra = try BlockSpectrum.all(of: fixture.training)
    #expect(spectra.map(\.block) == live.map(\.name))
    for (spectrum, (_, block)) in zip(spectra, live) {
      let expected = try #require(fixture.expected.spectrum[spectrum.block])
      // Eigenvalues move by no more than the error of K, whose products are in single precision.
      let rounding = block.rounding(.single)
      let bound = Bound.relative(rounding)
      expectClose(spectrum.eigenvalues.first ?? 0, expected.sMax, bound: bound)
      expectClose(spectrum.conditionNumber, expected.conditionNumber, bound: bound)
      expectClose(spectrum.stableRank, expected.stableRank, bound: .relative(2 * rounding))
      // Each of the min(n, d) terms s/(s + λ) changes by up to δs/λ.
      let terms = Double(spectrum.eigenvalues.count)
      expectClose(
        spectrum.effectiveDimension, expected.effectiveDimension,
        bound: .absolute(rounding * terms * block.condition))
    }
  }

  @Test("The dead block contributes nothing and is named", arguments: Setup.all)
  func deadBlock(setup: Setup) throws {
    let dead = fixture.training.layout.blocks.map(\.name).filter {
      !fixture.expected.liveBlocks.contains($0)
    }
    #expect(dead.count == 1)
    let estimators = Method.allCases.map { $0.estimator(for: fixture.problem) }
    let curvature = try curvature(estimators, setup)
    let scores = try curvature.scores(of: fixture.queries(setup.precision))
    let influence = try curvature.selfInfluence().map(\.values)
    #expect(curvature.warnings.count == 1)
    for name in dead { #expect(curvature.warnings.allSatisfy { $0.contains(name) }) }
    for index in estimators.indices {
      let choices = curvature.choices(forEstimator: index)
      #expect(choices.map { $0 == nil } == curvature.contexts.map(\.isDead))
    }
    var alive = fixture.problem
    alive.blocks.removeAll { dead.contains($0.name) }
    let without = try setup.scores(of: alive, estimators)
    let influenceWithout = try setup.curvature(of: alive, estimators).selfInfluence().map(\.values)
    for index in estimators.indices {
      #expect(scores[index].warnings.contains { $0.contains(dead[0]) })
      let method = Method.allCases[index]
      expectClose(
        scores[index].values, without[index].values,
        bound: .absolute(try alive.expectedScores(method, setup.precision).tolerance))
      expectClose(
        influence[index], influenceWithout[index],
        bound: .absolute(try alive.expectedSelfInfluence(method, setup.precision).tolerance))
    }
  }

  @Test("Every expected array is compared by some test")
  func nothingForgotten() {
    let known = Set(
      Self.closed.map { "scores.\($0.key)" } + Self.closed.map { "self.\($0.key)" }
        + Self.closed.dropLast().map { "residual.\($0.key)" } + [
          "scores.lissa", "self.lissa", "residual.lissa", "scores.cg_5", "scores.cg",
          "scores.exact_factor_0.001", "scores.exact_factor_1",
        ])
    #expect(Set(fixture.expected.tensors.keys) == known)
  }
}
