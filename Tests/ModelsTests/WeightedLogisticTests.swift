import Data
import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Weighted logistic regression")
struct WeightedLogisticTests {
  private let settings = NewtonSettings(regularization: 1e-2)
  /// Two minima of one loss with curvature of at least 1e-2, each with a gradient of at most 1e-10.
  private let tolerance = Bound.absolute(4e-8)

  private func data() throws -> TabularDataSet<Double> {
    try SyntheticGroups(.gaussians, noise: 1, seed: 2).parts([60])[0].data
  }

  @Test("weight 0 is training without the example, at the same α")
  func removal() throws {
    let data = try data()
    let removed = [0, 5, 6, 59]
    let kept = (0..<60).filter { !removed.contains($0) }
    let weights = (0..<60).map { removed.contains($0) ? 0.0 : 1 }
    let weighted = try LogisticRegression(trainedOn: data, settings: settings, weights: weights)
    let alone = try LogisticRegression(trainedOn: data.selecting(kept), settings: settings)
    #expect(weighted.denominator == 56)
    expectClose(weighted.parameters, alone.parameters, bound: tolerance)
    expectClose(weighted.hessian(), alone.hessian(), bound: .absolute(1e-7))
    let all = try LogisticRegression(trainedOn: data, settings: settings)
    #expect(zip(all.parameters, alone.parameters).contains { abs($0 - $1) > 1e-4 })
  }

  @Test("leaving out keeps N: training on the others with α·n/(n − k)")
  func leavingOut() throws {
    let data = try data()
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    let removed = [1, 2, 30]
    let kept = (0..<60).filter { !removed.contains($0) }
    let expected = try LogisticRegression(
      trainedOn: data.selecting(kept),
      settings: NewtonSettings(regularization: 1e-2 * 60 / 57))
    let found = try model.leavingOut(removed)
    expectClose(found.parameters, expected.parameters, bound: tolerance)
    // One at a time, in turn, ends where all at once do.
    let inTurn = try model.leavingOut([30]).leavingOut([2]).leavingOut([1])
    expectClose(inTurn.parameters, found.parameters, bound: tolerance)
    // And a single one agrees with the version that takes a factor.
    let factor = try Cholesky(factoring: model.hessian())
    expectClose(
      try model.leavingOut([7]).parameters, try model.leavingOut(7, factor: factor).parameters,
      bound: tolerance)
  }

  @Test("weight 2 is the example twice, and all weights may be scaled")
  func copies() throws {
    let data = try data()
    let weights = (0..<60).map { Double(1 + $0 % 3) }
    let rows = (0..<60).flatMap { row in Array(repeating: row, count: 1 + row % 3) }
    let weighted = try LogisticRegression(trainedOn: data, settings: settings, weights: weights)
    let copied = try LogisticRegression(trainedOn: data.selecting(rows), settings: settings)
    let scaled = try LogisticRegression(
      trainedOn: data, settings: settings, weights: weights.map { 7 * $0 })
    expectClose(weighted.parameters, copied.parameters, bound: tolerance)
    expectClose(scaled.parameters, copied.parameters, bound: tolerance)
  }

  @Test("the gradient of the weighted loss vanishes")
  func stationary() throws {
    let data = try data()
    let weights = (0..<60).map { 0.1 * Double($0 % 4) }
    let model = try LogisticRegression(
      trainedOn: data, settings: settings, weights: weights, denominator: 11)
    let rows = model.gradients(of: data)
    let gradient = (0..<3).map { column in
      (0..<60).reduce(0) { $0 + weights[$1] * rows[$1, column] } / 11
        + 1e-2 * model.parameters[column]
    }
    #expect(Naive.norm(gradient) <= 2e-10)
    let warm = try LogisticRegression(
      trainedOn: data, settings: settings, weights: weights, denominator: 11,
      startingFrom: model.parameters)
    #expect(warm.parameters == model.parameters)
  }

  @Test("bad weights are errors")
  func badWeights() throws {
    let data = try data()
    for bad in [-1, .nan, .infinity] as [Double] {
      var weights = [Double](repeating: 1, count: 60)
      weights[3] = bad
      #expect(throws: ModelError.self) {
        try LogisticRegression(trainedOn: data, settings: settings, weights: weights)
      }
    }
    #expect(throws: ModelError.self) {
      try LogisticRegression(
        trainedOn: data, settings: settings, weights: [Double](repeating: 0, count: 60))
    }
    #expect(throws: ModelError.self) {
      try LogisticRegression(trainedOn: data, settings: settings, denominator: 0)
    }
  }

  @Test("probabilities and accuracy follow from the parameters")
  func predictions() throws {
    let data = try data()
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    let theta = model.parameters
    var hits = 0
    for (row, probability) in model.probabilities(of: data).enumerated() {
      let score = theta[0] * data.features[row, 0] + theta[1] * data.features[row, 1] + theta[2]
      #expect(abs(probability - 1 / (1 + exp(-score))) < 1e-14)
      if (score > 0 ? 1 : 0) == data.labels[row] { hits += 1 }
    }
    #expect(model.accuracy(on: data) == Double(hits) / 60)
  }
}
