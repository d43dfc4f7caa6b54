import Data
import Evaluation
import Foundation
import Gradients
import Influence
import LinearAlgebra
import Models
import TensorFiles
import TestSupport
import Testing

/// Leaving one example out of convex models, against training without it from zero by another program
/// (scripts/oracles/leave_one_out.py, checked there against scikit-learn).
@Suite("Leave-one-out against an independent program")
struct LeaveOneOutOracleTests {
  private struct Facts: Decodable {
    let ridgePenalty: Double
    let penalty: Double
    let classCount: Int
    let twoClasses: [Int]
    let classes: [Int]
  }

  private let facts: Facts
  private let file: SafetensorsFile

  init() throws {
    func url(_ name: String) throws -> URL {
      try #require(
        Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    facts = try decoder.decode(Facts.self, from: Data(contentsOf: url("leave_one_out.json")))
    file = try SafetensorsFile(opening: url("leave_one_out.safetensors"))
  }

  private func array(_ name: String) throws -> Matrix<Double> { try file.matrix(name) }

  private func data(
    _ labels: [Int], classes: Int
  ) throws -> (training: TabularDataSet<Double>, queries: TabularDataSet<Double>) {
    let (features, queries) = (try array("features"), try array("query_features"))
    return (
      try TabularDataSet(
        features: features, labels: Array(labels.prefix(features.rows)), classCount: classes),
      try TabularDataSet(
        features: queries, labels: Array(labels.suffix(queries.rows)), classCount: classes)
    )
  }

  /// Newton's method to ‖∇‖ ≤ 1e-13.
  private var settings: NewtonSettings {
    NewtonSettings(regularization: facts.penalty, tolerance: 1e-13)
  }

  /// A gradient of 1e-13 over curvature of at least the penalty, 0.05, times a query's gradient of norm
  /// below 5, for both of the minima that a change is the difference of.
  private let bound = Bound.absolute(2 * 5 * 1e-13 / 0.05)

  /// V·H⁻¹·Gᵀ/n by the engine's exact Hessian without damping.
  private func influence(
    _ gradients: Matrix<Double>, _ queries: Matrix<Double>, _ hessian: Matrix<Double>
  ) throws -> Matrix<Double> {
    let folder = try TemporaryDirectory()
    try StoredCurvature(hessian: hessian).write(to: folder.url)
    let curvature = try StoredCurvature(opening: folder.file(StoredCurvature.fileName))
    let training = GradientStore(
      name: "train", blocks: [("all", [gradients.columns], gradients)]
    ).with(curvature: curvature)
    let query = GradientStore(name: "query", blocks: [("all", [gradients.columns], queries)])
    var scores = try Curvature(
      fitting: [ExactHessian()], on: training,
      options: CurvatureOptions(damping: .absolute(0), precision: .double)
    ).scores(of: query)[0].values
    scores.scale(by: 1 / Double(gradients.rows))
    return scores
  }

  @Test("Ridge regression")
  func ridge() throws {
    let model = try RidgeRegression(
      features: try array("features"), targets: try array("ridge.targets").elements,
      penalty: facts.ridgePenalty)
    // H has a condition of about ten, and leverages are below a half.
    let bound = Bound.relative(1e-13)
    expectClose(model.parameters, try array("ridge.parameters").elements, bound: bound)
    let queries = try array("query_features")
    let targets = try array("ridge.query_targets").elements
    expectClose(
      LeaveOneOut.changes(of: model, queries: queries, targets: targets),
      try array("ridge.changes"), bound: bound)
    var gradients = queries
    let fitted = Naive.product(
      queries, Matrix(rows: 3, columns: 1, elements: model.parameters)
    ).elements
    gradients.scaleRows(by: zip(fitted, targets).map { $0 - $1 })
    let influence = Naive.product(
      model.solution(rows: gradients), Naive.transpose(model.gradients))
    expectClose(influence, try array("ridge.influence"), bound: bound)
  }

  @Test("Logistic regression")
  func logistic() throws {
    let (training, queries) = try data(facts.twoClasses, classes: 2)
    let model = try LogisticRegression(trainedOn: training, settings: settings)
    expectClose(model.parameters, try array("logistic.parameters").elements, bound: bound)
    expectClose(
      try LeaveOneOut.changes(of: model, queries: queries), try array("logistic.changes"),
      bound: bound)
    expectClose(
      try influence(
        model.gradients(of: training), model.gradients(of: queries), model.hessian()),
      try array("logistic.influence"), bound: bound)
  }

  @Test("Softmax regression")
  func softmax() throws {
    let (training, queries) = try data(facts.classes, classes: facts.classCount)
    let model = try SoftmaxRegression(trainedOn: training, settings: settings)
    expectClose(
      model.model.trainableValues.flatMap { $0 }, try array("softmax.parameters").elements,
      bound: bound)
    expectClose(
      try LeaveOneOut.changes(of: model, queries: queries), try array("softmax.changes"),
      bound: bound)
    func gradients(_ data: TabularDataSet<Double>) throws -> Matrix<Double> {
      var joined = Matrix<Double>.zeros(data.count, model.model.parameterCount)
      var column = 0
      for block in try PerExampleGradients(of: model.model).batch(of: data).blocks {
        joined.place(block, firstColumn: column)
        column += block.columns
      }
      return joined
    }
    expectClose(
      try influence(gradients(training), gradients(queries), model.hessian()),
      try array("softmax.influence"), bound: bound)
  }
}
