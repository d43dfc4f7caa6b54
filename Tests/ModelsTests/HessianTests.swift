import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Second derivatives of networks")
struct HessianTests {
  private func meanGradient(
    _ model: MultilayerPerceptron<Double>, _ data: TabularDataSet<Double>
  ) throws -> [Double] {
    try model.totalGradient(over: data).gradient.flatMap { $0 }.map { $0 / Double(data.count) }
  }

  private func moved(
    _ model: MultilayerPerceptron<Double>, along direction: [Double], by step: Double
  ) -> MultilayerPerceptron<Double> {
    var copy = model
    var place = 0
    copy.trainableValues = model.trainableValues.map { values in
      values.map { value in
        defer { place += 1 }
        return value + step * direction[place]
      }
    }
    return copy
  }

  @Test("Products are the slopes of gradients", arguments: PerExampleGradientsTests.networks)
  func slopes(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    var generator = SeededGenerator(seed: 17)
    for _ in 0..<3 {
      let direction = Matrix<Double>.normal(1, model.parameterCount, using: &generator).elements
      let found = try model.hessianProduct(with: direction, over: data)
      let step = 1e-6
      let above = try meanGradient(moved(model, along: direction, by: step), data)
      let below = try meanGradient(moved(model, along: direction, by: -step), data)
      let slopes = zip(above, below).map { ($0 - $1) / (2 * step) }
      // Rounding over the step, and the cubic remainder; relu bends nowhere near these points.
      #expect(Examples.relativeError(found, slopes) < 1e-7)
    }
  }

  @Test(
    "The explicit Hessian is symmetric, and its products are products",
    arguments: PerExampleGradientsTests.networks)
  func explicit(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let hessian = try model.hessian(over: data)
    var generator = SeededGenerator(seed: 18)
    let direction = Matrix<Double>.normal(1, model.parameterCount, using: &generator)
    let product = Naive.product(direction, hessian).elements
    let direct = try model.hessianProduct(with: direction.elements, over: data)
    #expect(Examples.relativeError(direct, product) < 1e-12)
  }

  /// mean Jᵀ(diag(p) − ppᵀ)J, J by central differences of the logits.
  @Test("The Gauss–Newton matrix against Jacobians", arguments: [true, false])
  func gaussNewton(isAdapted: Bool) throws {
    let model = try Examples.network(.tanh, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(count: 6, of: Double.self)
    let count = model.parameterCount
    let step = 1e-5
    var jacobians = [Matrix<Double>](
      repeating: .zeros(model.outputs, count), count: data.count)
    for column in 0..<count {
      var unit = [Double](repeating: 0, count: count)
      unit[column] = 1
      let above = moved(model, along: unit, by: step).logits(of: data.features.view)
      let below = moved(model, along: unit, by: -step).logits(of: data.features.view)
      for row in 0..<data.count {
        for label in 0..<model.outputs {
          jacobians[row][label, column] = (above[row, label] - below[row, label]) / (2 * step)
        }
      }
    }
    var expected = Matrix<Double>.zeros(count, count)
    let logits = model.logits(of: data.features.view)
    for row in 0..<data.count {
      let powers = logits[row: row].map { exp($0) }
      let p = powers.map { $0 / powers.reduce(0, +) }
      var outer = Matrix<Double>.zeros(p.count, p.count)
      for i in p.indices {
        for j in p.indices { outer[i, j] = (i == j ? p[i] : 0) - p[i] * p[j] }
      }
      let part = Naive.product(
        Naive.product(Naive.transpose(jacobians[row]), outer), jacobians[row])
      expected.add(part, scale: 1 / Double(data.count))
    }
    let found = try model.gaussNewton(over: data)
    expectClose(found, expected, bound: .relative(1e-8))
    let least = try SymmetricEigendecomposition(decomposing: found).values[0]
    #expect(least > -1e-12 * Naive.largest(found))
  }

  @Test("Without hidden layers Hessian, Gauss–Newton and the closed form are one")
  func oneLayer() throws {
    var model = try MultilayerPerceptron<Double>(sizes: [5, 4], seed: 2)
    var generator = SeededGenerator(seed: 19)
    model.trainableValues = model.trainableValues.map { $0.map { _ in generator.normal() } }
    let data = try Examples.data(of: Double.self)
    let hessian = try model.hessian(over: data)
    expectClose(try model.gaussNewton(over: data), hessian, bound: .relative(1e-13))
    // (1/n) Σ (diag(p) − ppᵀ) ⊗ x·xᵀ of the weights.
    var expected = Matrix<Double>.zeros(20, 20)
    let logits = model.logits(of: data.features.view)
    for row in 0..<data.count {
      let powers = logits[row: row].map { exp($0) }
      let p = powers.map { $0 / powers.reduce(0, +) }
      let x = Array(data.features[row: row])
      for a in 0..<4 {
        for b in 0..<4 {
          let weight = ((a == b ? p[a] : 0) - p[a] * p[b]) / Double(data.count)
          for i in 0..<5 {
            for j in 0..<5 { expected[a * 5 + i, b * 5 + j] += weight * x[i] * x[j] }
          }
        }
      }
    }
    expectClose(
      Matrix(hessian.view[rows: 0..<20, columns: 0..<20]), expected, bound: .relative(1e-13))
  }

  @Test("A network that is too large is refused")
  func tooLarge() throws {
    let model = try MultilayerPerceptron<Double>(sizes: [100, 100, 4], seed: 1)
    let data = try TabularDataSet<Double>(
      features: .zeros(1, 100), labels: [0], classCount: 4)
    #expect(throws: ModelError.self) { try model.hessian(over: data) }
    #expect(throws: ModelError.self) { try model.gaussNewton(over: data) }
  }
}
