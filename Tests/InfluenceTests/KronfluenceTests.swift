import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Factors that kronfluence 1.0.1 wrote, and its own scores with them: scripts/oracles/kronfluence_factors.py.
@Suite("kronfluence's factors beside gradients of the same layers")
struct KronfluenceTests {
  private let fixture: URL
  let folder: TemporaryDirectory

  init() throws {
    fixture = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
      .appending(path: "kronfluence")
    folder = try TemporaryDirectory()
  }

  private var factors: URL { fixture.appending(path: "factors_ekfac") }

  private func store(_ name: String) throws -> GradientStore {
    try GradientStore(opening: fixture.appending(path: "\(name).safetensors"))
  }

  private func expected(_ name: String) throws -> Matrix<Double> {
    try SafetensorsFile(opening: fixture.appending(path: "expected.safetensors")).matrix(name)
  }

  private func scores(
    _ method: String, _ damping: Damping, _ training: GradientStore, _ queries: GradientStore
  ) throws -> Matrix<Double> {
    let curvature = try Curvature(
      fitting: [EstimatorCatalog.estimator(method)], on: training,
      options: CurvatureOptions(damping: damping, precision: .double))
    return try curvature.scores(of: queries)[0].values
  }

  /// Sums of 25 columns and 12 examples; eigenvalues are below 1, and dampings 1e-3 or more.
  private var bound: Bound { .backward(order: 37, condition: 1e3) }

  @Test("Scores are kronfluence's, with its damping and with an absolute one")
  func scores() throws {
    let training = try store("train").withFactors(ofKronfluenceAt: factors)
    let queries = try store("query").withFactors(ofKronfluenceAt: factors)
    #expect(training.layout.blocks.map(\.name) == ["first", "head", "second.weight"])
    #expect(training.layout.blocks.map(\.shape) == [[5, 5], [3, 5], [4, 5]])
    let cases = [
      ("heuristic", EKFAC.name, Damping.relative(0.1)), ("absolute", EKFAC.name, .absolute(1e-3)),
      ("kfac", KFAC.name, .absolute(1e-3)),
    ]
    for (name, method, damping) in cases {
      let found = try scores(method, damping, training, queries)
      expectClose(found, try expected(name), bound: bound)
    }
  }

  @Test("A copy keeps the factors beside it, and scores as before")
  func copied() throws {
    for (name, type) in [("train", ElementType.float64), ("query", .float64)] {
      let outcome = try StoreCopy(
        of: store(name).withFactors(ofKronfluenceAt: factors), to: folder.file(name),
        elementType: type, chunkBytes: 300
      ).run()
      #expect(outcome.rows > 0)
    }
    let training = try GradientStore(opening: folder.file("train"))
    #expect(training.curvature?.metadata == ["examples": "12", "fisher": "empirical"])
    let found = try scores(
      EKFAC.name, .absolute(1e-3), training, GradientStore(opening: folder.file("query")))
    expectClose(found, try expected("absolute"), bound: bound)
  }
}
