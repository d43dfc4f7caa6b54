import InfluenceKit
import TestSupport
import Testing

/// The engine against kronfluence and dattri on the same network and examples, both run as published.
///
/// scripts/oracles/libraries.py calls them, with one absolute damping for all blocks. Where a library departs from
/// its own definition, that is asserted too, so that the difference is known and not waved through.
@Suite("Estimators against other libraries")
struct EstimatorOracleTestsLibraries {
  let fixture: OracleFixture

  init() throws { fixture = try OracleFixture.shared.get() }

  private var damping: Damping { .absolute(fixture.libraries.damping) }

  /// Curvatures have eigenvalues from −0.05 to 0.9, so that with a damping of 0.1 the condition is below
  /// 20 and no inverse is larger than 20; sums are of at most n + D = 73 terms.
  private var bound: Bound {
    get throws {
      let products = try fixture.library("self.kronfluence.identity")
      return .backward(order: 73, condition: 20, scale: 20 * products.largest)
    }
  }

  /// On every side, the same scores, and self-influence where the library has it.
  private func expectSame(
    _ key: String, _ problem: Problem, _ estimator: any Estimator,
    by partition: BlockPartition = .tensor, _ comment: Comment? = nil
  ) throws {
    for side in Side.allCases where estimator.works(on: side) {
      let found = try fixture.results(of: problem, estimator, by: partition, on: side)
      expectClose(found.scores, try fixture.library(key), bound: try bound, comment)
      if fixture.names.libraries.contains("self.\(key)") {
        expectClose(
          found.own, try fixture.library("self.\(key)").elements, bound: try bound, comment)
      }
    }
  }

  /// The largest difference of theirs from an engine's scores, as a share of the largest score.
  private func distance(
    _ key: String, _ problem: Problem, _ estimator: any Estimator,
    by partition: BlockPartition = .tensor
  ) throws -> Double {
    #expect(fixture.libraries.departures[key] != nil, "\(key) is said to be right")
    let found = try fixture.results(of: problem, estimator, by: partition, on: .query).scores
    return Naive.sum(try fixture.library(key), found, scale: -1).largest / found.largest
  }

  private func finiteCount(_ key: String) throws -> Int {
    #expect(fixture.libraries.departures[key] != nil, "\(key) is said to be right")
    return try fixture.library(key).elements.count(where: \.isFinite)
  }

  // MARK: - kronfluence

  static let strategies: [EstimatorOracleTests.Case] = [
    .init("kfac", KFAC()), .init("ekfac", EKFAC()), .init("diagonal", DiagonalFisher()),
    .init("identity", HessianFree()),
  ]

  @Test("kronfluence, weight and bias of a layer as one map", arguments: strategies)
  func kronfluence(strategy: EstimatorOracleTests.Case) throws {
    try expectSame(
      "kronfluence.\(strategy.key)", fixture.joined.damped(damping), strategy.estimator)
  }

  @Test("kronfluence, biases as constants", arguments: strategies)
  func kronfluenceWeights(strategy: EstimatorOracleTests.Case) throws {
    try expectSame(
      "kronfluence.weights.\(strategy.key)", fixture.weights.damped(damping), strategy.estimator)
  }

  /// A tenth of the mean eigenvalue: EK-FAC's trace is F's, so its heuristic is the rule of DataInf.
  @Test("kronfluence's own damping is the standard one")
  func heuristic() throws {
    for (prefix, problem) in [("", fixture.joined), ("weights.", fixture.weights)] {
      let key = "kronfluence.\(prefix)ekfac_heuristic"
      let found = try fixture.results(of: problem, EKFAC(), on: .query)
      // Eigenvalues over λ, a tenth of the mean of d ≤ 28: a condition of at most 281.
      let bound = Bound.backward(order: 73, condition: 281)
      expectClose(found.scores, try fixture.library(key), bound: bound)
      expectClose(found.own, try fixture.library("self.\(key)").elements, bound: bound)
    }
  }

  // MARK: - dattri

  @Test("dattri's solvers on the Fisher matrix")
  func solvers() throws {
    let problem = fixture.problem.damped(damping)
    let libraries = fixture.libraries
    try expectSame("dattri.fisher.explicit", problem, ExactFisher(), by: .all)
    try expectSame("dattri.fisher.cg", problem, ConjugateGradient(tolerance: 1e-14), by: .all)
    // From r = v instead of 0, theirs is a term ahead of its count of steps.
    try expectSame(
      "dattri.fisher.lissa", problem,
      LiSSA(depth: .terms(libraries.lissaDepth + 1), scale: libraries.sigma), by: .all)
    try expectSame(
      "dattri.fisher.arnoldi_3", problem, Arnoldi(rank: 3, steps: 30, keepsComplement: false),
      by: .all)
  }

  @Test("dattri's explicit inverse, and RelatIF on it")
  func explicit() throws {
    let problem = fixture.problem.damped(damping)
    let hessian = ExactHessian()
    try expectSame("dattri.explicit", problem, hessian, by: .all)
    try expectSame("dattri.cg_200", problem, hessian, by: .all)
    let relative: [(String, any Estimator)] = [
      ("l", RelatIFLoss(base: hessian)), ("theta", RelatIFTheta(base: hessian)),
    ]
    for (key, estimator) in relative {
      let found = try fixture.results(of: problem, estimator, by: .all, on: .query)
      // As above; and what is divided by has a condition of 20, too.
      expectClose(
        found.scores, try fixture.library("dattri.relatif_\(key)"),
        bound: .backward(order: 73, condition: 400))
    }
    // Twelve steps of their iteration are on the way there.
    let found = try fixture.results(of: problem, hessian, by: .all, on: .query).scores
    let left = Naive.sum(try fixture.library("dattri.cg_12"), found, scale: -1).largest
    #expect(left > 1e-6 * found.largest && left < 1e-2 * found.largest)
  }

  @Test("dattri's DataInf, TracIn and cosine")
  func simple() throws {
    try expectSame("dattri.datainf", fixture.problem.damped(damping), DataInf(), by: .layer)
    for side in Side.allCases {
      let cosine = try fixture.results(of: fixture.problem, Cosine(), on: side).scores
      expectClose(
        cosine, try fixture.library("dattri.grad_cos"), bound: .backward(order: 43, scale: 1))
    }
  }

  // MARK: - Departures

  /// Eigenvectors are columns of `eigh`; taken as rows they give another matrix.
  ///
  /// It depends on their arbitrary signs, too. kronfluence on the same modules agrees with this engine (above).
  @Test("dattri's EK-FAC is in a transposed basis")
  func transposedBasis() throws {
    #expect(try distance("dattri.ekfac", fixture.weights.damped(damping), EKFAC()) > 0.05)
  }

  @Test("dattri's explicit inverse depends on how examples are batched")
  func batches() throws {
    let problem = fixture.problem.damped(damping)
    // Two halves, two inverses: about twice the scores.
    #expect(
      try distance("dattri.explicit_batches", problem, ExactHessian(), by: .all) > 0.5)
  }

  @Test("dattri's conjugate gradients end in NaN after they have converged; these do not")
  func afterConvergence() throws {
    #expect(try finiteCount("dattri.cg_1000") < 150)
    try expectSame(
      "dattri.fisher.explicit", fixture.problem.damped(damping),
      ConjugateGradient(tolerance: 0, maximumSteps: 1000), by: .all)
  }

  @Test("Without damping dattri's DataInf divides by zero; here that is an error")
  func noDamping() throws {
    #expect(try finiteCount("dattri.datainf_default") == 0)
    #expect(throws: InfluenceError.self) {
      try fixture.results(
        of: fixture.problem.damped(.absolute(0)), DataInf(), by: .layer, on: .query)
    }
  }

  /// dattri takes roots of the Hessian's eigenvalues; here Arnoldi is of F, which has no negative one, and
  /// an indefinite Hessian is solved as it is.
  @Test("dattri's Arnoldi takes the root of a negative eigenvalue")
  func negativeEigenvalues() throws {
    #expect(try finiteCount("dattri.arnoldi_indefinite") == 0)
    let found = try fixture.results(
      of: fixture.problem, ExactHessian(), by: .all, on: .query)
    #expect(found.scores.elements.allSatisfy { $0.isFinite })
  }

  @Test("Every array of the libraries is compared by some test")
  func nothingForgotten() {
    var known: Set<String> = []
    for prefix in ["kronfluence.", "kronfluence.weights."] {
      for key in Self.strategies.map(\.key) + ["ekfac_heuristic"] {
        known.formUnion(["\(prefix)\(key)", "self.\(prefix)\(key)"])
      }
    }
    for key in ["explicit", "cg", "lissa", "arnoldi_3"] { known.insert("dattri.fisher.\(key)") }
    for key in ["explicit", "relatif_l", "relatif_theta", "datainf", "tracin", "grad_cos", "trak"] {
      known.insert("dattri.\(key)")
    }
    for key in ["cg_12", "cg_200", "cg_1000", "explicit_batches", "datainf_default", "ekfac"] {
      known.insert("dattri.\(key)")
    }
    known.insert("dattri.arnoldi_indefinite")
    for number in 0..<3 {
      known.formUnion(["dattri.trak.\(number)", "dattri.trak_ridge.\(number)"])
    }
    #expect(fixture.names.libraries == known)
  }
}
