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

/// What a program is told of the method, once it has registered it.
private enum Program {
  static func catalog() throws {
    EstimatorCatalog.register(Halved.self)
    #expect(EstimatorCatalog.names.last == "halved")
    // The lines of which every list of methods in the command's help is made.
    #expect(EstimatorCatalog.summaries["halved"] == "inner product, halved; times=N")
    let halved = try EstimatorCatalog.estimator("halved:times=3")
    #expect(halved.settings == ["times": "3"] && halved.specification == "halved:times=3")
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("halved:times=0") }
    let relative = try EstimatorCatalog.estimator("relatif-l:base=halved:times=2")
    #expect(relative.settings == ["base": "halved:times=2"])
  }

  static func use() throws {
    EstimatorCatalog.register(Halved.self)
    let training = Problem.standard.training(.single)
    let queries = Problem.standard.queries(.single)
    let halved = try EstimatorCatalog.estimator("halved:times=2")
    let plan = RunPlan(
      try RunShape(training: training, queryCount: queries.count), estimators: [halved],
      options: CurvatureOptions())
    #expect(plan.methods == ["halved"] && plan.passes >= 1)
    let curvature = try Curvature(fitting: [HessianFree(), halved], on: training)
    let scores = try curvature.scores(of: queries)
    // A power of two: exact in any precision.
    #expect(scores[1].values.elements == scores[0].values.elements.map { $0 / 4 })
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

/// The method is registered in processes of their own: the catalog of the other tests does not have it.
@Suite("A method of another program")
struct ForeignEstimatorTests {
  @Test("The catalog reads it, with its settings, and lists it")
  func catalog() async {
    await #expect(processExitsWith: .success) { try Program.catalog() }
  }

  @Test("Plan, score, self-influence, a kept fit and a comparison know it")
  func use() async {
    await #expect(processExitsWith: .success) { try Program.use() }
  }

  @Test("What is wrong in such a process is seen here")
  func failure() async {
    await withKnownIssue {
      await #expect(processExitsWith: .success) {
        EstimatorCatalog.register(Halved.self)
        #expect(EstimatorCatalog.names.last == "exact")
      }
    }
    await #expect(processExitsWith: .failure) {
      EstimatorCatalog.register(Halved.self)
      EstimatorCatalog.register(Halved.self)
    }
  }
}
