import InfluenceKit
import TestSupport
import Testing

@Suite("Cost model")
struct CostModelTests {
  private func side(
    _ method: Method, n: Int, d: Int, queries: Int? = nil,
    request: CostModel.Request = .automatic, hasKernel: Bool = false, certifies: Bool = false
  ) throws -> CostModel.Choice {
    let block = try #require(BlockLayout([("w", [d])]).blocks.first)
    return CostModel(request: request, expectedQueries: queries).side(
      for: method.estimator(for: Problem(blocks: [])), exampleCount: n, block: block,
      hasKernel: hasKernel, certifies: certifies)
  }

  @Test(
    "What needs K or F takes the smaller", arguments: [Method.exact, .lissa, .conjugateGradient])
  func smaller(method: Method) throws {
    for hasKernel in [false, true] {
      let wide = try side(method, n: 100, d: 101, hasKernel: hasKernel)
      #expect(wide.side == .score)
      #expect(wide.reason.contains("100") && wide.reason.contains("101"))
      #expect(try side(method, n: 100, d: 100, hasKernel: hasKernel).side == .score)
      let narrow = try side(method, n: 100, d: 99, hasKernel: hasKernel)
      #expect(narrow.side == .query)
      #expect(narrow.reason.contains("100") && narrow.reason.contains("99"))
    }
  }

  @Test("A request overrides costs", arguments: Method.allCases)
  func request(method: Method) throws {
    for (n, d) in [(10, 1000), (1000, 10)] {
      #expect(try side(method, n: n, d: d, request: .score).side == .score)
      #expect(try side(method, n: n, d: d, request: .query).side == .query)
      #expect(try side(method, n: n, d: d, request: .query).reason == "asked for")
    }
  }

  @Test(
    "Inner products are certified by a pass, or by a kernel that is there",
    arguments: [Method.hessianFree, .blockNormalized])
  func products(method: Method) throws {
    #expect(try side(method, n: 10, d: 20).side == .score)
    #expect(try side(method, n: 10, d: 20, certifies: true).side == .query)
    #expect(try side(method, n: 10, d: 20, hasKernel: true, certifies: true).side == .score)
  }

  @Test("DataInf takes a kernel that is there, or one that pays")
  func dataInf() throws {
    #expect(try side(.dataInf, n: 1000, d: 10, hasKernel: true).side == .score)
    // With very many queries K pays where n ≤ d.
    #expect(try side(.dataInf, n: 100, d: 100).side == .score)
    #expect(try side(.dataInf, n: 101, d: 100).side == .query)
  }

  @Test(
    "The number of queries tips DataInf where n(d + 2m) < 4md",
    arguments: [
      (n: 100, d: 1000), (n: 1000, d: 1000), (n: 100, d: 40), (n: 3000, d: 1000), (n: 5, d: 2),
    ])
  func queries(n: Int, d: Int) throws {
    var sides: Set<Side> = []
    for m in [1, 2, 5, 10, 26, 27, 50, 100, 500, 501, 1000, 100_000] {
      let choice = try side(.dataInf, n: n, d: d, queries: m)
      sides.insert(choice.side)
      #expect(choice.side == (n * (d + 2 * m) < 4 * m * d ? .score : .query), "m = \(m)")
      #expect(choice.reason.contains("%"))
    }
    // One query never pays for a kernel here; many do unless n ≥ 2d.
    #expect(sides.count == (n < 2 * d ? 2 : 1))
  }

  @Test(
    "Choices are made block by block, and named", arguments: CurvatureOptions.Precision.allCases)
  func perBlock(precision: CurvatureOptions.Precision) throws {
    // n = 24 against d = 36, 10 and 24.
    let problem = Problem.standard
    let estimators = Method.allCases.map { $0.estimator(for: problem) }
    let curvature = try Curvature(
      fitting: estimators, on: problem.training(precision),
      options: CurvatureOptions(precision: precision))
    let all = try curvature.scores(of: problem.queries(precision))
    for (index, method) in Method.allCases.enumerated() {
      let sides = curvature.choices(forEstimator: index).map { $0?.side }
      switch method {
      case .exact, .lissa, .conjugateGradient: #expect(sides == [.score, .query, .score])
      // In the middle block no kernel is formed, so the certificate costs a pass.
      case .hessianFree, .blockNormalized, .dataInf: #expect(sides == [.score, .query, .score])
      }
      let (expected, tolerance) = try problem.expectedScores(method, precision)
      expectClose(all[index].values, expected, bound: .absolute(tolerance), "\(method)")
    }
  }
}
