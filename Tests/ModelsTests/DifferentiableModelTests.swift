import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

/// The seam over which models are trained and differentiated, whatever kind they are.
@Suite("Differentiable models")
struct DifferentiableModelTests {
  private static let newton = NewtonSettings(regularization: 0.1)

  private func data(classes: Int, count: Int = 40) throws -> TabularDataSet<Double> {
    var generator = SeededGenerator(seed: 17)
    let features = Matrix<Double>.normal(count, 3, using: &generator)
    return try TabularDataSet(
      features: features, labels: (0..<count).map { _ in generator.index(below: classes) },
      classCount: classes)
  }

  /// A model of each kind, trained.
  private func models() throws -> [any Classifier<Double>] {
    let (two, three) = (try data(classes: 2), try data(classes: 3))
    let settings = TrainingSettings(epochs: 2)
    let random = try TrainedPerceptron<Double>(sizes: [3, 4, 3], settings: settings)
      .trained(on: three, seed: 1)
    var last = random
    last.lastLayers = 1
    return [
      try LogisticRegression(trainedOn: two, settings: Self.newton),
      try SoftmaxRegression(trainedOn: three, settings: Self.newton), random, last,
      try TrainedPerceptron(adapting: random.network, rank: 2, alpha: 4, settings: settings)
        .trained(on: three, seed: 2),
    ]
  }

  private func check(_ model: some Classifier<Double>, _ data: TabularDataSet<Double>) throws {
    let store = try model.gradients(of: data, name: "all", as: Double.self)
    #expect(store.count == data.count && store.layout == model.layout)
    // In batches that do not divide the rows, the same gradients and losses in the same order.
    let losses = try model.losses(of: data)
    var next = 0
    try model.forEachGradientBatch(of: data, target: .loss, batchSize: 16) { rows, blocks, batch in
      #expect(rows == next..<min(data.count, next + 16))
      next = rows.upperBound
      expectClose(batch, Array(losses[rows]), bound: .relative(1e-12))
      for (index, block) in blocks.enumerated() {
        expectClose(
          block, Matrix(try store.rows(rows, of: index, as: Double.self)), bound: .relative(1e-12))
      }
    }
    #expect(next == data.count)
    // A loss is −log p of the label.
    let logits = model.logits(of: data.features.view)
    for (row, label) in data.labels.enumerated() {
      let own = Softmax(Array(logits[row: row])).probabilities[label]
      #expect(abs(Double(losses[row]) - (-log(own))) <= 1e-12 * max(1, losses[row]))
    }
    // tr Λ is the mean of the squared gradients where labels are the data's.
    let curvature = try model.curvature(over: data, .kroneckerFactors, labels: .empirical)
    for (index, block) in model.layout.blocks.enumerated() {
      let moments = try #require(try curvature.kroneckerFactors(of: block).eigenvalues)
      let squares = try store.rows(0..<data.count, of: index, as: Double.self).squaredRowNorms()
      let mean = squares.reduce(0, +) / Double(data.count)
      #expect(abs(moments.elements.reduce(0, +) - mean) <= 1e-10 * mean)
    }
  }

  @Test("Every kind has gradients, losses and factors that agree")
  func kinds() throws {
    for model in try models() {
      let classes = model.logits(of: Matrix<Double>.zeros(1, 3).view).columns
      try check(model, try data(classes: classes))
    }
  }

  @Test("Second derivatives hold the penalty, and those of a convex model are its Hessian")
  func secondDerivatives() throws {
    let kinds: CurvatureKinds = [.hessian, .gaussNewton]
    func check(_ model: some Classifier<Double>, _ hessian: Matrix<Double>) throws {
      let data = try data(classes: model.logits(of: Matrix<Double>.zeros(1, 3).view).columns)
      let curvature = try model.curvature(over: data, kinds, labels: .empirical)
      for kind in StoredCurvature.SecondDerivative.allCases {
        expectClose(
          try curvature.secondDerivative(
            kind, columns: [0..<hessian.rows], of: model.layout.columnCount),
          hessian, bound: .relative(1e-9))
      }
    }
    let logistic = try LogisticRegression(
      trainedOn: data(classes: 2), settings: Self.newton)
    try check(logistic, logistic.hessian())
    let softmax = try SoftmaxRegression(trainedOn: data(classes: 3), settings: Self.newton)
    try check(softmax, try softmax.hessian())
  }

  @Test("The margin of logistic regression has the gradient that a small step finds")
  func margin() throws {
    let data = try data(classes: 2)
    let model = try LogisticRegression(trainedOn: data, settings: Self.newton)
    try model.forEachGradientBatch(of: data, target: .margin, batchSize: data.count) {
      rows, blocks, _ in
      for row in rows {
        // The margin is linear in the parameters: ±θᵀx, so that it is the product with its gradient.
        let product = zip(blocks[0][row: row], model.parameters).reduce(0) { $0 + $1.0 * $1.1 }
        let logit = model.logits(of: data.features)[row]
        #expect(abs(product - (data.labels[row] == 1 ? logit : -logit)) <= 1e-12)
      }
    }
  }

  @Test("A perceptron is trained as by hand, from new weights, and the same again")
  func perceptron() throws {
    let data = try data(classes: 3)
    let settings = TrainingSettings(epochs: 3, batchSize: 8)
    let template = try TrainedPerceptron<Double>(sizes: [3, 5, 3], settings: settings, stage: 1)
    var epochs: [Int] = []
    let weights = data.labels.map { Double($0 + 1) }
    let trained = try template.trained(on: data, weights: weights, seed: 6) { epoch, _, _ in
      epochs.append(epoch)
    }
    #expect(epochs == [1, 2, 3])
    var byHand = try MultilayerPerceptron<Double>(sizes: [3, 5, 3], seed: 6)
    var stage = settings
    stage.seed = 13
    try byHand.train(on: data, settings: stage, weights: weights)
    #expect(trained.network == byHand)
    // What a network has learnt has no part in its next training.
    let again = try trained.trained(on: data, weights: weights, seed: 6, progress: nil)
    #expect(again.network == byHand)
    #expect(try template.trained(on: data, seed: 7).network != byHand)
  }
}
