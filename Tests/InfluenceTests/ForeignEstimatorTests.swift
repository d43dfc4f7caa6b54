import InfluenceKit
import TestSupport
import Testing

/// A method that the library does not have: the inner product, halved `times` times.
private struct Halved: Estimator {
  static let name = "halved"
  static let summary = "inner product, halved"
  static let declaredSettings: [MethodSetting<Halved>] = [
    .integer("times", \.times, .positive, usage: "times=N")
  ]
  var times = 1
  var isDamped: Bool { false }
  var allowsZeroDamping: Bool { true }
  var querySide: (any QuerySideFit)? { QuerySide(factor: 1 / Double(1 << times)) }

  private struct QuerySide: QuerySideFit {
    let factor: Double
    var needs: Set<Need> { [] }
    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) -> any QuerySideOperator { Scaled(factor: factor) }
  }

  private struct Scaled: QuerySideOperator {
    let factor: Double
    func precondition<Element: Scalar>(
      _ queries: MatrixView<Element>, pass: GradientPass<Element>
    ) -> Preconditioned<Element> {
      Preconditioned(rows: Matrix(queries, scaledBy: Element(factor)))
    }
  }
}

@Suite("A method of another program")
struct ForeignEstimatorTests {
  /// Registers the method once for all tests of the process.
  private static let registered: Void = EstimatorCatalog.register(Halved.self)

  init() { Self.registered }

  @Test("The catalog reads it, with its settings, and lists it")
  func catalog() throws {
    #expect(EstimatorCatalog.names.last == "halved")
    #expect(EstimatorCatalog.summaries["halved"] == "inner product, halved; times=N")
    let halved = try EstimatorCatalog.estimator("halved:times=3")
    #expect(halved.settings == ["times": "3"] && halved.specification == "halved:times=3")
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("halved:times=0") }
    let relative = try EstimatorCatalog.estimator("relatif-l:base=halved:times=2")
    #expect(relative.settings == ["base": "halved:times=2"])
  }

  @Test("Plan, score, self-influence, a kept fit and a comparison know it")
  func commands() throws {
    let (training, queries) = (
      Problem.standard.training(.single), Problem.standard.queries(.single)
    )
    let halved = try EstimatorCatalog.estimator("halved:times=2")
    let plan = RunPlan(
      try RunShape(training: training, queryCount: queries.count), estimators: [halved],
      options: CurvatureOptions())
    #expect(plan.methods == ["halved"] && plan.passes >= 1)
    let curvature = try Curvature(fitting: [HessianFree(), halved], on: training)
    let scores = try curvature.scores(of: queries)
    let quarter = scores[0].values.elements.map { $0 / 4 }
    // A power of two: exact in any precision.
    #expect(scores[1].values.elements == quarter)
    let own = try curvature.selfInfluence()
    expectClose(own[1].values, own[0].values.map { $0 / 4 }, bound: .relative(1e-5))
    let folder = try TemporaryDirectory()
    let fit = folder.file("fit")
    try FitWriter(of: [halved], on: training, to: fit).run()
    let kept = try Curvature(opening: fit, on: training, estimators: [halved])
    #expect(try kept.scores(of: queries)[0].values == scores[1].values)
    let comparison = try MethodComparison(
      of: ["halved:times=2"], training: training, queries: queries)
    #expect(comparison.entries.map(\.specification) == ["halved:times=2", "exact"])
  }
}
