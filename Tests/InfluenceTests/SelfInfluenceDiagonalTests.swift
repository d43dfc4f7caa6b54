import InfluenceKit
import TestSupport
import Testing

/// Self-influence against the scores of the training examples on themselves, for every method.
@Suite("Self-influence is the diagonal of the scores")
struct SelfInfluenceDiagonalTests {
  @Test("On a network's gradients", arguments: EstimatorCatalog.names, Side.allCases)
  func diagonal(method: String, side: Side) throws {
    let estimator = try EstimatorCatalog.estimator(ModelStores.specification(method))
    guard estimator.works(on: side) else { return }
    let stores = try ModelStores()
    let training = stores.training(for: method)
    let curvature = try Curvature(
      fitting: [estimator], on: training,
      options: CurvatureOptions(
        damping: .relative(0.5), costModel: CostModel(request: side == .score ? .score : .query),
        certifies: false, precision: .double))
    let scores = try curvature.scores(of: training)[0].values
    let own = try curvature.selfInfluence()[0].values
    #expect(own.count == 20)
    // Conditions are below 100; pcg solves to 1e-12 of the query, in other company.
    expectClose(own, scores.diagonal, bound: .relative(1e-10))
    #expect(own.contains { $0 != 0 })
  }
}
