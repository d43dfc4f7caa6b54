import Data
import Evaluation
import Foundation
import Gradients
import Influence
import LinearAlgebra
import Models
import TestSupport
import Testing

/// Influence against the truth, on models that have one minimum.
@Suite("Leave-one-out truth")
struct LeaveOneOutTests {
  /// Scores of a store with a stored Hessian, whole, without further damping.
  private func scores(
    gradients: Matrix<Double>, queries: Matrix<Double>, hessian: Matrix<Double>
  ) throws -> Matrix<Double> {
    let block = [("all", [gradients.columns])]
    let training = GradientStore(
      name: "train", blocks: block.map { ($0.0, $0.1, gradients) }
    ).with(curvature: StoredCurvature(hessian: hessian))
    let query = GradientStore(name: "query", blocks: block.map { ($0.0, $0.1, queries) })
    return try Curvature(
      fitting: [ExactHessian()], on: training,
      options: CurvatureOptions(damping: .absolute(0), precision: .double)
    ).scores(of: query)[0].values
  }

  private func correlations(
    _ truth: Matrix<Double>, _ scores: Matrix<Double>
  ) throws -> (pearson: Double, spearman: Double) {
    let agreement = try ScoreAgreement(of: scores, with: truth)
    return (try #require(agreement.meanPearson), try #require(agreement.meanSpearman))
  }

  /// With a tenth of this penalty Spearman stays above 0.998, but a few examples of high leverage, whose
  /// effect is larger than its first order, take Pearson to 0.95.
  @Test("Logistic regression on breast cancer")
  func breastCancer() throws {
    let url = try #require(
      Bundle.module.url(
        forResource: "breast_cancer", withExtension: "csv", subdirectory: "Fixtures"))
    let table = try String(contentsOf: url, encoding: .utf8)
    let label = try #require(table.split(separator: "\n").first?.split(separator: ",").last)
    let data = try TabularDataSet<Double>(
      csv: table, labelColumn: label.trimmingCharacters(in: .whitespaces))
    let parts = try data.split(counts: [400, 60], seed: 1)
    let training = parts[0].standardized()
    let queries = parts[1].standardized(by: parts[0])
    let model = try LogisticRegression(
      trainedOn: training, settings: NewtonSettings(regularization: 1e-1))
    let truth = try LeaveOneOut.changes(of: model, queries: queries)
    let scores = try scores(
      gradients: model.gradients(of: training), queries: model.gradients(of: queries),
      hessian: model.hessian())
    let (pearson, spearman) = try correlations(truth, scores)
    #expect(pearson > 0.99 && spearman > 0.99)
    // Not just in proportion: S/n is the change, to first order.
    let ratios = (0..<60).map { query in
      let row = scores[row: query].map { $0 / 400 }
      return zip(row, truth[row: query]).reduce(0) { $0 + $1.0 * $1.1 }
        / truth[row: query].reduce(0) { $0 + $1 * $1 }
    }.sorted()
    #expect(ratios[30] > 0.85 && ratios[30] < 1.05)
  }

  @Test("Softmax regression on digits")
  func digits() throws {
    let parts = try Digits.dataSet(of: Double.self).split(counts: [250, 20], seed: 2)
    let model = try SoftmaxRegression(
      trainedOn: parts[0], settings: NewtonSettings(regularization: 1e-2))
    let rows = Array(0..<60)
    let truth = try LeaveOneOut.changes(of: model, queries: parts[1], rows: rows)
    func gradients(_ data: TabularDataSet<Double>) throws -> Matrix<Double> {
      let blocks = try PerExampleGradients(of: model.model).batch(of: data).blocks
      var joined = Matrix<Double>.zeros(data.count, model.model.parameterCount)
      joined.place(blocks[0], firstColumn: 0)
      joined.place(blocks[1], firstColumn: blocks[0].columns)
      return joined
    }
    let scores = try scores(
      gradients: try gradients(parts[0]), queries: try gradients(parts[1]),
      hessian: try model.hessian())
    let (pearson, spearman) = try correlations(truth, Matrix(scores.view[columns: 0..<60]))
    #expect(pearson > 0.99 && spearman > 0.99)
  }

  @Test("Ridge: fits without each example, by hand")
  func ridge() throws {
    var generator = SeededGenerator(seed: 29)
    let features = Matrix<Double>.normal(12, 3, using: &generator)
    let targets = Matrix<Double>.normal(1, 12, using: &generator).elements
    let queries = Matrix<Double>.normal(4, 3, using: &generator)
    let queryTargets = Matrix<Double>.normal(1, 4, using: &generator).elements
    let model = try RidgeRegression(features: features, targets: targets, penalty: 0.5)
    let truth = LeaveOneOut.changes(of: model, queries: queries, targets: queryTargets)
    func losses(_ model: RidgeRegression) -> [Double] {
      (0..<4).map { query in
        let fitted = zip(queries[row: query], model.parameters).reduce(0) { $0 + $1.0 * $1.1 }
        return (queryTargets[query] - fitted) * (queryTargets[query] - fitted) / 2
      }
    }
    for row in 0..<12 {
      let kept = (0..<12).filter { $0 != row }
      let without = try RidgeRegression(
        features: features.selecting(rows: kept), targets: kept.map { targets[$0] }, penalty: 0.5)
      for (query, (after, before)) in zip(losses(without), losses(model)).enumerated() {
        #expect(abs(truth[query, row] - (after - before)) < 1e-13)
      }
    }
  }
}
