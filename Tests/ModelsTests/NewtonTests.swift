import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Models trained by Newton's method")
struct NewtonTests {
  private let settings = NewtonSettings(regularization: 1e-2)

  private func twoClasses() throws -> TabularDataSet<Double> {
    let data = try Examples.data(count: 40, of: Double.self)
    return try TabularDataSet(
      features: data.features, labels: data.labels.map { $0 % 2 }, classCount: 2)
  }

  @Test("The gradient vanishes at the end of training")
  func stationary() throws {
    let data = try Examples.data(count: 40, of: Double.self)
    let softmax = try SoftmaxRegression(trainedOn: data, settings: settings)
    let gradient = try softmax.model.totalGradient(over: data).gradient.flatMap { $0 }
    let values = softmax.model.trainableValues.flatMap { $0 }
    let rest = zip(gradient, values).map { $0 / 40 + 1e-2 * $1 }
    #expect(Naive.norm(rest) <= 1e-10 && softmax.gradientNorm <= 1e-10)

    let two = try twoClasses()
    let logistic = try LogisticRegression(trainedOn: two, settings: settings)
    let rows = logistic.gradients(of: two)
    let mean = (0..<rows.columns).map { column in
      (0..<40).reduce(0) { $0 + rows[$1, column] } / 40 + 1e-2 * logistic.parameters[column]
    }
    #expect(Naive.norm(mean) <= 1e-10)
  }

  @Test("Logistic regression: slopes of the loss and of the gradient")
  func logisticSlopes() throws {
    let data = try twoClasses()
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    // log(1 + exp(−(2y − 1)θᵀx)), by itself.
    func loss(_ row: Int, _ parameters: [Double]) -> Double {
      let x = Array(data.features[row: row]) + [1]
      let logit = zip(x, parameters).reduce(0) { $0 + $1.0 * $1.1 }
      return log(1 + exp(data.labels[row] == 1 ? -logit : logit))
    }
    let losses = model.losses(of: data)
    let gradients = model.gradients(of: data)
    let step = 1e-5
    func moved(_ column: Int, _ by: Double) -> [Double] {
      var copy = model.parameters
      copy[column] += by
      return copy
    }
    for row in 0..<data.count {
      #expect(abs(losses[row] - loss(row, model.parameters)) < 1e-14)
      for column in 0..<gradients.columns {
        let slope = (loss(row, moved(column, step)) - loss(row, moved(column, -step))) / (2 * step)
        #expect(abs(slope - gradients[row, column]) < 1e-9)
      }
    }
    // Σ p(1 − p)xxᵀ/n + α.
    var expected = Matrix<Double>.zeros(gradients.columns, gradients.columns)
    for row in 0..<data.count {
      let x = Array(data.features[row: row]) + [1]
      let p = 1 / (1 + exp(-zip(x, model.parameters).reduce(0) { $0 + $1.0 * $1.1 }))
      for i in x.indices {
        for j in x.indices { expected[i, j] += p * (1 - p) * x[i] * x[j] / Double(data.count) }
      }
    }
    for index in 0..<expected.rows { expected[index, index] += 1e-2 }
    expectClose(model.hessian(), expected, bound: .relative(1e-13))
  }

  @Test("Leaving an example out from the minimum is training without it from zero")
  func leavingOut() throws {
    let data = try Examples.data(count: 30, of: Double.self)
    let softmax = try SoftmaxRegression(trainedOn: data, settings: settings)
    let two = try twoClasses()
    let logistic = try LogisticRegression(trainedOn: two, settings: settings)
    for row in [0, 7, 29] {
      let kept = data.selecting((0..<30).filter { $0 != row })
      let cold = try SoftmaxRegression(
        trainedOn: kept, settings: NewtonSettings(regularization: 1e-2 * 30 / 29))
      let warm = try softmax.leavingOut(row, factor: Cholesky(factoring: softmax.hessian()))
      // Gradients below 1e-10 over curvature of at least 1e-2.
      expectClose(
        warm.model.trainableValues.flatMap { $0 }, cold.model.trainableValues.flatMap { $0 },
        bound: .absolute(4e-8))
      let keptTwo = two.selecting((0..<40).filter { $0 != row })
      let coldTwo = try LogisticRegression(
        trainedOn: keptTwo, settings: NewtonSettings(regularization: 1e-2 * 40 / 39))
      let warmTwo = try logistic.leavingOut(row, factor: Cholesky(factoring: logistic.hessian()))
      expectClose(warmTwo.parameters, coldTwo.parameters, bound: .absolute(4e-8))
    }
  }

  @Test("Ridge: the formula is a fit without the example, and first order lacks the leverage")
  func ridge() throws {
    var generator = SeededGenerator(seed: 23)
    let features = Matrix<Double>.normal(15, 4, using: &generator)
    let targets = Matrix<Double>.normal(1, 15, using: &generator).elements
    let model = try RidgeRegression(features: features, targets: targets, penalty: 0.3)
    for row in 0..<15 {
      let kept = (0..<15).filter { $0 != row }
      let without = try RidgeRegression(
        features: features.selecting(rows: kept), targets: kept.map { targets[$0] }, penalty: 0.3)
      let change = model.changeLeavingOut(row)
      expectClose(
        zip(model.parameters, change).map { $0 + $1 }, without.parameters, bound: .absolute(1e-13))
      // −H⁻¹·g·(−1): removing subtracts the gradient.
      let first = model.solution(rows: model.gradients.selecting(rows: [row])).elements
      for (exact, linear) in zip(change, first) {
        #expect(abs(linear - (1 - model.leverages[row]) * exact) < 1e-14)
      }
    }
  }

  @Test("Bad settings and too few steps are errors")
  func errors() throws {
    let data = try Examples.data(of: Double.self)
    #expect(throws: ModelError.self) {
      try SoftmaxRegression(trainedOn: data, settings: NewtonSettings(regularization: 0))
    }
    #expect(throws: ModelError.self) {
      try SoftmaxRegression(
        trainedOn: data, settings: NewtonSettings(regularization: 1e-3, maximumSteps: 1))
    }
    #expect(throws: ModelError.self) {
      try LogisticRegression(trainedOn: data, settings: settings)
    }
  }

  @Test("Standardised features have mean 0 and deviation 1")
  func standardized() throws {
    let data = try TabularDataSet<Double>(
      features: Matrix(rows: 4, columns: 2, elements: [1, 5, 2, 5, 3, 5, 6, 5]),
      labels: [0, 1, 0, 1], classCount: 2)
    let scaled = data.standardized()
    let column = (0..<4).map { scaled.features[$0, 0] }
    #expect(abs(column.reduce(0, +)) < 1e-15)
    #expect(abs(column.reduce(0) { $0 + $1 * $1 } - 4) < 1e-14)
    #expect((0..<4).allSatisfy { scaled.features[$0, 1] == 0 })
    #expect(data.selecting([0]).standardized(by: data).features[0, 0] == column[0])
  }
}
