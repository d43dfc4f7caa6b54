import InfluenceKit
import TestSupport
import Testing

@Suite("Estimators against plain formulas")
struct EstimatorTests {
  @Test("Scores", arguments: Setup.all, Method.allCases)
  func scores(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let (expected, tolerance) = try problem.expectedScores(method, setup.precision)
    let scores = try setup.scores(of: problem, method.estimator(for: problem))
    expectClose(scores, expected, bound: .absolute(tolerance))
    // A tolerance as large as the scores would let anything pass.
    #expect(tolerance < 0.05 * expected.largest)
  }

  @Test("Self-influence", arguments: Setup.all, Method.allCases)
  func selfInfluence(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let (expected, tolerance) = try problem.expectedSelfInfluence(method, setup.precision)
    let influence = try setup.selfInfluence(of: problem, method.estimator(for: problem))
    expectClose(influence, expected, bound: .absolute(tolerance))
  }

  @Test("One problem of every spectrum", arguments: Setup.all, Spectrum.allCases)
  func spectra(setup: Setup, spectrum: Spectrum) throws {
    for shape in [[40], [12]] {
      let problem = Problem(blocks: [.random("w", shape: shape, rows: 25, spectrum, seed: 9)])
      let methods = Method.allCases
      let all = try setup.scores(of: problem, methods.map { $0.estimator(for: problem) })
      for (method, scores) in zip(methods, all) {
        let (expected, tolerance) = try problem.expectedScores(method, setup.precision)
        expectClose(scores.values, expected, bound: .absolute(tolerance), "\(method) d = \(shape)")
      }
    }
  }

  @Test("All estimators together score as each alone", arguments: Setup.all)
  func together(setup: Setup) throws {
    let problem = Problem.standard
    let estimators = Method.allCases.map { $0.estimator(for: problem) }
    let together = try setup.curvature(of: problem, estimators)
    let scores = try together.scores(of: problem.queries(setup.precision))
    let influence = try together.selfInfluence().map(\.values)
    #expect(scores.map(\.method) == estimators.map(\.name))
    for (index, method) in Method.allCases.enumerated() {
      let tolerance = try problem.expectedScores(method, setup.precision).tolerance
      expectClose(
        scores[index].values, try setup.scores(of: problem, estimators[index]),
        bound: .absolute(tolerance), "\(method)")
      let selfTolerance = try problem.expectedSelfInfluence(method, setup.precision).tolerance
      expectClose(
        influence[index], try setup.selfInfluence(of: problem, estimators[index]),
        bound: .absolute(selfTolerance), "\(method)")
      #expect(scores[index].certificate != nil)
    }
  }

  @Test("Scores do not depend on the certificate", arguments: Setup.all, Method.allCases)
  func uncertified(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let estimator = method.estimator(for: problem)
    let plain = try #require(
      try setup.scores(of: problem, [estimator], certifies: false).first)
    #expect(plain.certificate == nil)
    expectClose(
      plain.values, try setup.scores(of: problem, estimator),
      bound: .absolute(try problem.expectedScores(method, setup.precision).tolerance))
  }

  @Test("The sign of a convention")
  func convention() throws {
    let problem = Problem.standard
    let scores = try #require(try Setup.all[0].scores(of: problem, [DataInf()]).first)
    #expect(scores.values(in: .helpful) == scores.values)
    #expect(scores.values(in: .influence) == scores.values.scaled(by: -1))
    #expect(ScoreConvention.helpful.sign == 1 && ScoreConvention.influence.sign == -1)
    #expect(scores.queryCount == problem.queryCount)
    #expect(scores.exampleCount == problem.exampleCount)
  }
}
