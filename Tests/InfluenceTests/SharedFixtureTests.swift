import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Gradients of a real adapter with scores from numpy, where the shared folder is at hand.
@Suite(
  "Shared fixture",
  .enabled(if: SharedData.has("fixtures/sst2-minilm-lora4/train.safetensors"), SharedData.absent))
struct SharedFixtureTests {
  static let folder = "fixtures/sst2-minilm-lora4"

  let training: GradientStore
  let queries: GradientStore

  init() throws {
    training = try GradientStore(opening: try Self.file("train.safetensors"))
    queries = try GradientStore(opening: try Self.file("query.safetensors"))
  }

  private static func file(_ name: String) throws -> URL {
    try #require(SharedData.url(folder + "/" + name))
  }

  private func expected(_ method: Method) throws -> Matrix<Double> {
    try SafetensorsFile(opening: try Self.file("expected_scores.safetensors"))
      .matrix(method.key, as: Double.self)
  }

  private func curvature(
    _ estimators: [any Estimator], _ side: CostModel.Request, certifies: Bool = true
  ) throws -> Curvature {
    try Curvature(
      fitting: estimators, on: training,
      options: CurvatureOptions(costModel: CostModel(request: side), certifies: certifies))
  }

  /// max|S − S*| / max|S*|.
  private func distance(_ found: Matrix<Double>, _ expected: Matrix<Double>) -> Double {
    Naive.sum(found, expected, scale: -1).largest / expected.largest
  }

  @Test("λ of every block")
  func lambda() throws {
    let expected = try JSONDecoder().decode(
      [String: Double].self, from: Data(contentsOf: try Self.file("expected_damping.json")))
    let curvature = try curvature([HessianFree()], .score, certifies: false)
    #expect(curvature.contexts.count == expected.count)
    for context in curvature.contexts {
      let lambda = try #require(expected[context.name])
      // What is promised of λ. Sums of squares in double precision are far closer.
      expectClose(context.damping ?? 0, lambda, bound: .relative(1e-5))
      expectClose(
        context.damping ?? 0, lambda,
        bound: .backward(order: context.exampleCount + context.width))
    }
  }

  @Test("Scores in single precision", arguments: [CostModel.Request.score, .query])
  func scores(side: CostModel.Request) throws {
    // What the fixture's reader may expect: products in single precision keep five digits of 1/λ times
    // an inner product, and lose the condition number's one digit more where F is solved with.
    let promised: [(method: Method, distance: Double)] = [
      (.hessianFree, 1e-5), (.blockNormalized, 1e-5), (.dataInf, 1e-5), (.exact, 1e-4),
    ]
    let curvature = try curvature(
      [HessianFree(), BlockNormalized(), DataInf(), ExactFisher()], side)
    let all = try curvature.scores(of: queries)
    let exact = try expected(.exact)
    for (scores, (method, limit)) in zip(all, promised) {
      let distance = distance(scores.values, try expected(method))
      #expect(distance < limit, "\(scores.method), \(side) side")
      // The certificate of real scores: no score further from exact than it says, but for rounding.
      let certificate = try #require(scores.certificate)
      let rounding = limit * exact.largest
      for query in 0..<exact.rows {
        for example in 0..<exact.columns {
          let bound = certificate.errorBound(query: query, example: example)
          let error = (scores.values[query, example] - exact[query, example]).magnitude
          if error > bound + rounding {
            Issue.record("\(method): (\(query), \(example)) is \(error) off, bound \(bound)")
          }
        }
      }
    }
  }

  @Test("LiSSA and conjugate gradients to 1e-6 are close to exact")
  func iterations() throws {
    let curvature = try curvature(
      [LiSSA(depth: .tolerance(1e-6)), ConjugateGradient(tolerance: 1e-6)], .score)
    for scores in try curvature.scores(of: queries) {
      // ‖r‖ ≤ 1e-6·‖v‖ with a condition number of a thousand in the worst case, on the score side.
      #expect(distance(scores.values, try expected(.exact)) < 1e-3, "\(scores.method)")
      #expect(scores.warnings.isEmpty)
      let residuals = try #require(scores.certificate).relativeResiduals
      #expect(try #require(scores.certificate).isMeasured)
      #expect((residuals.max() ?? 0) <= 1e-6)
    }
  }

  @Test("Precisions agree")
  func precisions() throws {
    let options = CurvatureOptions(certifies: false, precision: .double)
    let estimators: [any Estimator] = [DataInf(), ExactFisher()]
    let double = try Curvature(fitting: estimators, on: training, options: options)
    let scores = try double.scores(of: queries)
    // In double precision the oracle's numbers are met to its own rounding, with K summed over up to
    // 1536 columns and a condition number below 10·d + 1.
    let rounding = Double(training.count + 1536).squareRoot() * Double.ulpOfOne * 15_361
    #expect(distance(scores[0].values, try expected(.dataInf)) < rounding)
    #expect(distance(scores[1].values, try expected(.exact)) < rounding)
  }
}
