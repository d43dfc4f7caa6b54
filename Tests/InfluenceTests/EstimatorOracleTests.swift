import InfluenceKit
import TestSupport
import Testing

/// Every estimator against its definition in d × d matrices, by a program outside of the engine
/// (scripts/oracles/estimators.py), on real gradients of a small network.
@Suite("Estimators against an independent program")
struct EstimatorOracleTests {
  let fixture: OracleFixture

  init() throws { fixture = try OracleFixture.shared.get() }

  /// How an estimator's arrays are called, and what makes them here.
  struct Case: Sendable, CustomTestStringConvertible {
    let key: String
    let estimator: any Estimator

    init(_ key: String, _ estimator: any Estimator) {
      (self.key, self.estimator) = (key, estimator)
    }

    var testDescription: String { "\(key) by \(estimator.name)" }
  }

  static let landmarks = Nystrom(landmarks: 8, seed: 3)

  /// Of blocks of any shape.
  static let cases: [Case] = [
    Case("hessian_free", HessianFree()), Case("block_normalized", BlockNormalized()),
    Case("datainf", DataInf()), Case("exact", ExactFisher()), Case("diagonal", DiagonalFisher()),
    Case("relatif_l", RelatIFLoss()), Case("relatif_theta", RelatIFTheta()),
    Case("relatif_l_datainf", RelatIFLoss(base: DataInf())),
    Case("relatif_theta_datainf", RelatIFTheta(base: DataInf())),
    // A Krylov space of all directions.
    Case("exact", Arnoldi(rank: 43, steps: 43)),
    Case("arnoldi_3", Arnoldi(rank: 3, steps: 30)),
    Case("arnoldi_3_dropped", Arnoldi(rank: 3, steps: 30, keepsComplement: false)),
    // All directions, of which three are kept.
    Case("lorif_3", LoRIF(rank: 3, oversampling: 43)),
    Case("nystrom", landmarks), Case("exact_hessian", ExactHessian()),
    Case("exact_ggn", ExactGaussNewton()), Case("source", Source()),
    Case("rescaled", Rescaled()), Case("source_3", Source(time: 3)),
    Case("unit_datainf", UnitNormalized(base: DataInf())),
  ]
  /// Of blocks that are matrices.
  static let ofTensors: [Case] = [
    Case("cosine", Cosine()), Case("less", LESS()), Case("shampoo", Shampoo()),
    Case("eshampoo", CorrectedShampoo()), Case("kfac", KFAC()),
    Case("ekfac", EKFAC()), Case("hyperinf_columns", HyperINF()),
    Case("hyperinf_rows", HyperINF(moment: .rows)),
  ]
  /// Of blocks of any shape; on itself an example scores 1.
  static let ofUnitLength: [Case] = [
    Case("trackstar", TrackStar()), Case("trackstar_gradients", TrackStar(correction: .gradients)),
    Case(
      "trackstar_mixed",
      TrackStar(correction: .optimizer, queries: OracleFixture.queriesPath, share: 0.7)),
  ]
  static let partitions: [BlockPartition] = [.tensor, .layer, .all]

  private func expectOracle(
    _ test: Case, _ partition: BlockPartition, on side: Side, extra: Double = 0
  ) throws {
    let key = "\(partition).\(test.key)"
    let bound = Bound.absolute(try fixture.tolerance(key) + extra)
    let found = try fixture.results(
      of: fixture.problem, test.estimator, by: partition, on: side)
    expectClose(found.scores, try fixture.array(key), bound: bound, "\(side)")
    guard test.key != "cosine", !test.key.hasPrefix("trackstar") else {
      return expectClose(
        found.own, found.own.map { _ in 1 }, bound: bound, "\(side), own")
    }
    expectClose(
      found.own, try fixture.array("self.\(key)").elements, bound: bound, "\(side), own")
  }

  @Test("λ of each block", arguments: partitions)
  func lambda(partition: BlockPartition) throws {
    let fitted = try fixture.curvature(
      of: fixture.problem, HessianFree(), by: partition, on: .score)
    expectClose(
      fitted.contexts.map { $0.damping ?? 0 },
      try #require(fixture.facts.lambda["\(partition)"]),
      bound: .backward(order: fixture.problem.exampleCount + fixture.problem.width))
  }

  @Test("Scores and self-influence, by tensor, by layer and of all parameters", arguments: cases)
  func scores(test: Case) throws {
    for partition in Self.partitions {
      for side in Side.allCases where test.estimator.works(on: side) {
        try expectOracle(test, partition, on: side)
      }
    }
  }

  @Test("Scores between unit lengths", arguments: ofUnitLength, partitions)
  func unitLengths(test: Case, partition: BlockPartition) throws {
    try expectOracle(test, partition, on: .query)
  }

  @Test("Scores and self-influence of methods that need matrices", arguments: ofTensors)
  func matrices(test: Case) throws {
    for side in Side.allCases where test.estimator.works(on: side) {
      try expectOracle(test, .tensor, on: side)
    }
  }

  @Test("Iterations come to the exact scores", arguments: partitions)
  func iterations(partition: BlockPartition) throws {
    let relative = 1e-12
    // What is left of a residual moves a score by at most tolerance · ‖v‖ · ‖g‖/λ.
    let left = relative * (try #require(fixture.facts.reach["\(partition).block_normalized"]))
    // Factors are those of tensors.
    let factored: [any Estimator] =
      partition == .tensor
      ? [
        EKFACConjugateGradient(tolerance: relative),
        PreconditionedConjugateGradient(tolerance: relative, preconditioner: .correctedShampoo),
      ] : []
    for estimator in factored + [
      ConjugateGradient(tolerance: relative), LiSSA(depth: .tolerance(relative)),
      PreconditionedConjugateGradient(tolerance: relative),
      PreconditionedConjugateGradient(tolerance: relative, preconditioner: .dataInf),
    ] as [any Estimator] {
      for side in Side.allCases where estimator.works(on: side) {
        try expectOracle(Case("exact", estimator), partition, on: side, extra: left)
      }
    }
  }

  @Test("The landmarks of the oracle are those that are drawn here")
  func landmarkRows() {
    #expect(Self.landmarks.rows(of: fixture.problem.exampleCount) == fixture.facts.landmarks)
  }

  @Test("Removing a group: first order, second order, one by one", arguments: partitions)
  func group(partition: BlockPartition) throws {
    let expected = try fixture.array("group.\(partition)")
    let members = Double(fixture.facts.group.count)
    for side in Side.allCases {
      let fitted = try fixture.curvature(
        of: fixture.problem, ExactFisher(), by: partition, on: side)
      let found = try fitted.groupInfluence(
        ofRemoving: fixture.facts.group,
        on: fixture.problem.queries(.double).partitioned(by: partition))[0]
      // A sum over members of scores over n; the curvature without them is up to 1/(1 − leverage) nearer
      // to singular, and enters twice.
      let rest = 1 - found.leverage
      #expect(rest > 0.1)
      let bound = Bound.absolute(
        try fixture.tolerance("\(partition).exact") * members / 30 / (rest * rest))
      expectClose(found.firstOrder, Array(expected[row: 0]), bound: bound)
      expectClose(found.secondOrder, Array(expected[row: 1]), bound: bound)
      expectClose(found.additive, Array(expected[row: 2]), bound: bound)
    }
  }

  @Test("Every array of the formulas is compared by some test")
  func nothingForgotten() {
    var known = Set(EstimatorOracleTestsProjected.arrays)
    for partition in Self.partitions {
      known.insert("group.\(partition)")
      for test in Self.ofUnitLength { known.insert("\(partition).\(test.key)") }
      for test in Self.cases {
        known.formUnion(["\(partition).\(test.key)", "self.\(partition).\(test.key)"])
      }
    }
    known.formUnion(["tensor.cosine", "optimizer.first", "optimizer.second"])
    for test in Self.ofTensors.dropFirst() {
      known.formUnion(["tensor.\(test.key)", "self.tensor.\(test.key)"])
    }
    #expect(fixture.names.formulas.subtracting(known).isEmpty)
    #expect(known.subtracting(fixture.names.formulas).isEmpty)
  }
}
