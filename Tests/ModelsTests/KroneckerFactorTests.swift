import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Kronecker factors of networks")
struct KroneckerFactorTests {
  private func squared(_ rows: Matrix<Double>) -> Matrix<Double> {
    var moment = Naive.product(Naive.transpose(rows), rows)
    moment.scale(by: 1 / Double(rows.rows))
    return moment
  }

  /// Q_s ⊗ Q_a, an eigenvector a row.
  private func kronecker(_ left: Matrix<Double>, _ right: Matrix<Double>) -> Matrix<Double> {
    var result = Matrix<Double>.zeros(left.rows * right.rows, left.columns * right.columns)
    for i in 0..<left.rows {
      for j in 0..<right.rows {
        for k in 0..<left.columns {
          for l in 0..<right.columns {
            result[i * right.rows + j, k * right.columns + l] = left[i, k] * right[j, l]
          }
        }
      }
    }
    return result
  }

  @Test(
    "Second moments in the eigenbasis are those of the stored gradients",
    arguments: PerExampleGradientsTests.networks)
  func moments(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let batch = try PerExampleGradients(of: model).batch(of: data)
    let factors = try model.kroneckerFactors(over: data)
    #expect(factors.map(\.block) == model.layout.blocks.map(\.name))
    for (index, entry) in factors.enumerated() {
      let gradients = batch.blocks[index]
      let activations = try #require(entry.factors.activationBasis)
      let outputs = try #require(entry.factors.outputBasis)
      let eigenvalues = try #require(entry.factors.eigenvalues)
      let basis = kronecker(outputs, activations)
      let coordinates = Naive.product(gradients, Naive.transpose(basis))
      let expected = (0..<coordinates.columns).map { column in
        (0..<coordinates.rows).reduce(0) {
          $0 + coordinates[$1, column] * coordinates[$1, column]
        } / Double(data.count)
      }
      let trace = Naive.rowNorms(gradients).reduce(0) { $0 + $1 * $1 } / Double(data.count)
      // A few hundred operations on numbers no larger than the trace.
      let bound = Bound.absolute(1e-12 * trace)
      expectClose(eigenvalues.elements, expected, bound: bound)
      // The trace of F, exactly; K-FAC's own is tr A · tr S, which is another number.
      #expect(abs(eigenvalues.elements.reduce(0, +) - trace) <= 1e-12 * trace)
      // EK-FAC is nearest to F among the diagonals of its basis, so nearer than K-FAC.
      let fisher = squared(gradients)
      func distance(_ values: [Double]) -> Double {
        var scaled = basis
        for row in 0..<basis.rows {
          for column in 0..<basis.columns { scaled[row, column] *= values[row] }
        }
        return Naive.norm(
          Naive.sum(Naive.product(Naive.transpose(basis), scaled), fisher, scale: -1).elements)
      }
      let kfac = kronecker(entry.factors.outputGradients, entry.factors.activations)
      let kfacDistance = Naive.norm(Naive.sum(kfac, fisher, scale: -1).elements)
      #expect(distance(eigenvalues.elements) <= kfacDistance + 1e-12 * trace)
    }
  }

  @Test("Of one example K-FAC is the Fisher matrix", arguments: [true, false])
  func oneExample(isAdapted: Bool) throws {
    let model = try Examples.network(.tanh, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self).selecting([2])
    let batch = try PerExampleGradients(of: model).batch(of: data)
    for (gradients, entry) in zip(batch.blocks, try model.kroneckerFactors(over: data)) {
      let fisher = squared(gradients)
      expectClose(
        kronecker(entry.factors.outputGradients, entry.factors.activations), fisher,
        bound: .absolute(1e-13 * Naive.norm(fisher.elements)))
    }
  }

  /// The mean over many draws of the labels is the expectation, which softmax gives in closed form.
  @Test("Sampled labels have the model's probabilities")
  func sampled() throws {
    let model = try Examples.network(.tanh, isAdapted: false, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let head = model.layout.blocks.count - 1
    // S of the head's bias: mean (p − y)(p − y)ᵀ, with expectation mean diag(p) − ppᵀ.
    var expected = Matrix<Double>.zeros(model.outputs, model.outputs)
    for row in 0..<data.count {
      let logits = model.logits(of: data.features.view[rows: row..<row + 1]).elements
      let powers = logits.map { exp($0) }
      let p = powers.map { $0 / powers.reduce(0, +) }
      for i in p.indices {
        for j in p.indices {
          expected[i, j] += ((i == j ? p[i] : 0) - p[i] * p[j]) / Double(data.count)
        }
      }
    }
    let draws = 400
    var mean = Matrix<Double>.zeros(model.outputs, model.outputs)
    for seed in 0..<draws {
      let factors = try model.kroneckerFactors(over: data, labels: .sampled(seed: UInt64(seed)))
      mean.add(factors[head].factors.outputGradients, scale: 1 / Double(draws))
    }
    // Each draw's entries are within [−1, 1], so their mean's deviation is below 1/√(draws · n).
    let deviation = 1 / Double(draws * data.count).squareRoot()
    expectClose(mean, expected, bound: .absolute(5 * deviation))
    let once = try model.kroneckerFactors(over: data, labels: .sampled(seed: 3))
    let again = try model.kroneckerFactors(over: data, labels: .sampled(seed: 3))
    #expect(once[head].factors.outputGradients == again[head].factors.outputGradients)
  }
}
