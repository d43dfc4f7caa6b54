import InfluenceKit
import TestSupport
import Testing

@Suite("LiSSA")
struct LiSSATests {
  private func problem(_ width: Int, _ spectrum: Spectrum = .lowRank) -> Problem {
    Problem(
      blocks: [.random("layer.weight", shape: [width], rows: 18, spectrum, seed: 21)])
  }

  /// s_max + λ.
  private func top(_ block: NaiveBlock) throws -> Double {
    try #require(Naive.eigendecomposition(block.fisher).values.last) + block.lambda
  }

  /// A number of terms, and σ as a share of s_max + λ.
  struct Series: Sendable {
    let terms: Int
    let share: Double

    static let all = [1, 2, 3, 10, 51, 400].flatMap { terms -> [Series] in
      // Below s_max + λ, factors 1 − (s + λ)/σ are negative, near half of it close to −1.
      [0.501, 0.51, 0.6, 1, 1.1, 20].map { Series(terms: terms, share: $0) }
    }
  }

  @Test("The filter is the recursion", arguments: Setup.all, Series.all)
  func recursion(setup: Setup, series: Series) throws {
    for width in [26, 9] {
      let problem = problem(width)
      let block = try #require(problem.naive.first)
      let scale = series.share * (try top(block))
      let lissa = LiSSA(depth: .terms(series.terms), scale: scale)
      let expected = block.scores(
        of: block.lissa(block.queries, terms: series.terms, scale: scale))
      // A series of T terms moves by up to T times what its factor moves by, while that is near ±1.
      let terms = Double(series.terms)
      let tolerance =
        block.scoreTolerance(.lissa, expected, setup.precision)
        + block.rounding(setup.precision) * terms * expected.largestRow
      expectClose(
        try setup.scores(of: problem, lissa), expected, bound: .absolute(tolerance),
        "d = \(width)")
      let own = block.scores(
        of: block.lissa(block.gradients, terms: series.terms, scale: scale)
      ).diagonal
      expectClose(
        try setup.selfInfluence(of: problem, lissa), own,
        bound: .absolute(
          (1 + terms / block.condition) * block.selfTolerance(.lissa, own, setup.precision)),
        "d = \(width)")
    }
  }

  @Test("One term is Hessian-free over σ", arguments: Setup.all)
  func oneTerm(setup: Setup) throws {
    let problem = problem(26)
    let block = try #require(problem.naive.first)
    let scale = 2 * (try top(block))
    let found = try setup.scores(of: problem, LiSSA(depth: .terms(1), scale: scale))
    let expected = block.products.scaled(by: 1 / scale)
    expectClose(
      found, expected, bound: .absolute(block.scoreTolerance(.lissa, expected, setup.precision)))
  }

  @Test(
    "A tolerance is reached, at the scale that is chosen", arguments: Setup.all, Spectrum.allCases)
  func tolerance(setup: Setup, spectrum: Spectrum) throws {
    for tolerance in [1e-1, 1e-4] {
      let problem = problem(26, spectrum)
      let block = try #require(problem.naive.first)
      let scores = try #require(
        try setup.scores(of: problem, [LiSSA(depth: .tolerance(tolerance))]).first)
      let certificate = try #require(scores.certificate)
      for query in 0..<problem.queryCount {
        let norm = certificate.queryNorms[query, 0]
        let residual = certificate.residualNorms[query, 0]
        #expect(
          residual <= tolerance * norm
            + block.residualTolerance(
              .lissa, residual: tolerance * norm, queryNorm: norm, setup.precision))
      }
    }
  }

  @Test("A scale below (s_max + λ)/2 is refused", arguments: Setup.all)
  func divergence(setup: Setup) throws {
    let problem = problem(26)
    let least = try top(try #require(problem.naive.first)) / 2
    let error = #expect(throws: InfluenceError.self) {
      _ = try setup.curvature(of: problem, [LiSSA(depth: .terms(10), scale: 0.98 * least)])
    }
    guard case .diverges(let method, let block, let growth, let remedy)? = error else {
      Issue.record("not a divergence but \(String(describing: error))")
      return
    }
    #expect(method == "lissa")
    #expect(block == "layer.weight")
    // |1 − 2/0.98|, up to the rounding of s_max.
    expectClose(growth, 2 / 0.98 - 1, bound: .relative(1e-3))
    #expect(remedy.contains("scale above \(least)".prefix(18)))
    #expect("\(try #require(error))".contains("layer.weight"))
    // What the remedy says does help.
    _ = try setup.curvature(of: problem, [LiSSA(depth: .terms(10), scale: 1.02 * least)])
  }

  @Test("The published sign slip is another method", arguments: Setup.all)
  func signSlip(setup: Setup) throws {
    let problem = problem(26)
    let block = try #require(problem.naive.first)
    let scale = 1.1 * (try top(block))
    var distances: [Double] = []
    for terms in [10, 200, 4000] {
      let ours = try setup.scores(of: problem, LiSSA(depth: .terms(terms), scale: scale))
      let right = block.scores(of: block.lissa(block.queries, terms: terms, scale: scale))
      let slip = block.scores(
        of: block.lissa(block.queries, terms: terms, scale: scale, sign: -1))
      let tolerance = block.scoreTolerance(.lissa, right, setup.precision)
      expectClose(ours, right, bound: .absolute(tolerance))
      distances.append(Naive.sum(ours, slip, scale: -1).largest / right.largest)
      #expect(Naive.sum(ours, slip, scale: -1).largest > 2 * tolerance)
    }
    // Its answer goes away from the damped solution as terms are added: eigenvalues s < λ grow.
    #expect(distances[0] < distances[1] && distances[1] < distances[2])
  }

  @Test("Settings are recorded")
  func settings() {
    #expect(LiSSA(depth: .terms(7), scale: 2).settings == ["depth": "7", "scale": "2.0"])
    #expect(
      LiSSA(depth: .tolerance(0.5)).settings == ["tolerance": "0.5", "scale": "power-iteration"])
  }
}
