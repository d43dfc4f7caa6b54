import InfluenceKit
import TestSupport
import Testing

/// Rows that are divided among parts, which meet at each quantity that crosses rows.
@Suite("Divided rows")
struct ReductionTests {
  private func options(
    _ side: Side, certifies: Bool, _ reduction: (any Reduction)? = nil
  ) -> CurvatureOptions {
    var options = CurvatureOptions(
      costModel: CostModel(request: side == .score ? .score : .query), certifies: certifies,
      precision: .double)
    if let reduction { options.reduction = reduction }
    return options
  }

  /// Methods on gradients alone.
  private static let methods = EstimatorCatalog.names.filter { name in
    (try? EstimatorCatalog.estimator(name))?.inputs.isEmpty == true
  }

  @Test("Scores and self-influence are those of one process", arguments: methods, [2, 3])
  func scores(method: String, parts: Int) throws {
    let problem = Problem.standard
    let (training, queries) = (problem.training(.double), problem.queries(.double))
    let estimator = try EstimatorCatalog.estimator(method)
    for side in Side.allCases where estimator.works(on: side) {
      let whole = try Curvature(
        fitting: [estimator], on: training, options: options(side, certifies: true))
      let expected = try whole.scores(of: queries)[0]
      let expectedOwn = try whole.selfInfluence()[0].values
      let divided = try RowExchange(parts: parts).run { rows in
        let curvature = try Curvature(
          fitting: [estimator], on: training,
          options: options(side, certifies: true, rows))
        return (
          try curvature.scores(of: queries)[0].values, try curvature.selfInfluence()[0].values
        )
      }
      for (values, own) in divided {
        // All parts hold the same numbers, bit for bit.
        #expect(values == divided[0].0 && own == divided[0].1)
        // Sums in another order; steps of iterations amplify that.
        expectClose(values, expected.values, bound: .relative(1e-6), "\(method) \(side)")
        expectClose(own, expectedOwn, bound: .relative(1e-6), "\(method) \(side)")
      }
    }
  }
}
