import Data
import Evaluation
import Foundation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Functionals of a classifier")
struct ClassifierFunctionalTests {
  static let functionals: [ClassifierFunctional] = [
    .utility(), .utility(.mean), .demographicParity, .equalOpportunity, .robustness(),
    .robustness(.standard, .mean),
  ]
  private let head = BinaryHead(weights: [0.7, -1.2, 0.4], intercept: 0.3)

  private func examples() throws -> GroupedDataSet<Double> {
    var generator = SeededGenerator(seed: 7)
    let features = Matrix<Double>.normal(25, 3, using: &generator)
    let data = try TabularDataSet(
      features: features, labels: (0..<25).map { $0 * 7 % 5 % 2 }, classCount: 2)
    return try GroupedDataSet(data, groups: (0..<25).map { $0 % 3 == 0 ? 1 : 0 })
  }

  /// f by its definition, example by example; attacked examples stay where they are.
  private func naive(
    _ functional: ClassifierFunctional, _ head: BinaryHead, _ examples: GroupedDataSet<Double>,
    attackedBy attacked: BinaryHead
  ) -> Double {
    let data = examples.data
    func score(_ x: [Double], _ head: BinaryHead) -> Double {
      zip(x, head.weights).reduce(head.intercept) { $0 + $1.0 * $1.1 }
    }
    func loss(_ x: [Double], _ label: Int) -> Double {
      log(1 + exp(label == 1 ? -score(x, head) : score(x, head)))
    }
    let rows = (0..<data.count).map { Array(data.features[row: $0]) }
    func mean(_ rows: [Int], _ value: (Int) -> Double) -> Double {
      rows.reduce(0) { $0 + value($1) } / Double(rows.count)
    }
    func members(_ group: Int, _ label: Int? = nil) -> [Int] {
      rows.indices.filter {
        examples.groups[$0] == group && (label == nil || data.labels[$0] == label)
      }
    }
    func moved(_ x: [Double], _ strength: Double) -> [Double] {
      let square = attacked.weights.reduce(0) { $0 + $1 * $1 }
      let length = strength * score(x, attacked) / square
      return zip(x, attacked.weights).map { $0 - length * $1 }
    }
    switch functional {
    case .utility(let reduction):
      let sum = rows.indices.reduce(0) { $0 + loss(rows[$1], data.labels[$1]) }
      return reduction == .sum ? sum : sum / 25
    case .robustness(let attack, let reduction):
      let sum = rows.indices.reduce(0) {
        $0 + loss(moved(rows[$1], attack.strength), data.labels[$1])
      }
      return reduction == .sum ? sum : sum / 25
    case .demographicParity:
      func probability(_ row: Int) -> Double { 1 / (1 + exp(-score(rows[row], head))) }
      return mean(members(1), probability) - mean(members(0), probability)
    case .equalOpportunity:
      return mean(members(0, 1)) { loss(rows[$0], 1) } - mean(members(1, 1)) { loss(rows[$0], 1) }
    }
  }

  @Test("values are those of the definitions", arguments: functionals)
  func values(functional: ClassifierFunctional) throws {
    let examples = try examples()
    let expected = naive(functional, head, examples, attackedBy: head)
    #expect(abs(try functional.value(of: head, on: examples) - expected) < 1e-13 * 25)
  }

  @Test("gradients are slopes of the definitions", arguments: functionals)
  func gradients(functional: ClassifierFunctional) throws {
    let examples = try examples()
    let gradient = try functional.gradient(of: head, on: examples)
    #expect(gradient.count == 4)
    let step = 1e-5
    for index in 0..<4 {
      func moved(_ by: Double) -> Double {
        var parameters = head.weights + [head.intercept]
        parameters[index] += by
        let other = BinaryHead(weights: Array(parameters.prefix(3)), intercept: parameters[3])
        return naive(functional, other, examples, attackedBy: head)
      }
      let slope = (moved(step) - moved(-step)) / (2 * step)
      // step² · f‴/6 and rounding of f over the step, f up to 25 terms.
      #expect(abs(slope - gradient[index]) < 2e-8)
    }
  }

  @Test("parity and opportunity are positive where group 1 is favoured")
  func signs() throws {
    // Group 1 lies where the score is high.
    let data = try TabularDataSet<Double>(
      features: Matrix(rows: 4, columns: 1, elements: [2, 1, -1, -2]), labels: [1, 1, 1, 1],
      classCount: 2)
    let examples = try GroupedDataSet(data, groups: [1, 1, 0, 0])
    let head = BinaryHead(weights: [1], intercept: 0)
    #expect(try ClassifierFunctional.demographicParity.value(of: head, on: examples) > 0.3)
    #expect(try ClassifierFunctional.equalOpportunity.value(of: head, on: examples) > 0.3)
    let predictions = head.predictions(of: data.features)
    #expect(predictions == [1, 1, 0, 0])
    for gap in FairnessGap.allCases {
      #expect(
        try gap.value(predictions: predictions, labels: data.labels, groups: examples.groups) == 1)
    }
    // Rates 1, ½, 0 of three groups: (½ + 1 + ½)/3.
    #expect(
      try FairnessGap.demographicParity.value(
        predictions: [1, 1, 0, 0], labels: [0, 0, 0, 0], groups: [0, 1, 1, 2]) == 2.0 / 3)
  }

  @Test("the attack leaves −0.3 of the score, moves along w only, and flips accuracy")
  func attack() throws {
    let examples = try examples()
    let data = examples.data
    let attacked = try BoundaryAttack.standard.attacked(data.features, by: head)
    let (before, after) = (head.scores(of: data.features), head.scores(of: attacked))
    expectClose(after, before.map { -0.3 * $0 }, bound: .backward(order: 8))
    for row in 0..<data.count {
      let change = (0..<3).map { attacked[row, $0] - data.features[row, $0] }
      let factor = change[0] / head.weights[0]
      for column in 0..<3 { #expect(abs(change[column] - factor * head.weights[column]) < 1e-14) }
    }
    let robust = try BoundaryAttack.standard.robustAccuracy(of: head, on: data)
    #expect(abs(robust + (try head.accuracy(on: data)) - 1) < 1e-15)
    #expect(
      try BoundaryAttack(strength: 0).robustAccuracy(of: head, on: data)
        == head.accuracy(on: data))
    let some = try BoundaryAttack.standard.attacked(data, by: head, rows: [2, 4])
    for row in 0..<data.count {
      #expect(
        some.features[row: row] == ([2, 4].contains(row) ? attacked : data.features)[row: row])
    }
  }

  @Test("logistic regression: influence on the functional is its slope by an example's weight")
  func influence() throws {
    let parts = try SyntheticGroups(.gaussians, noise: 1.2, seed: 8).parts([150, 100])
    let data = parts[0].data
    let settings = NewtonSettings(regularization: 1e-2, tolerance: 1e-12)
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    let factor = try Cholesky(factoring: model.hessian())
    let gradients = model.gradients(of: data)
    for functional: ClassifierFunctional in [
      .utility(.mean), .demographicParity, .equalOpportunity,
    ] {
      let query = try functional.gradient(of: BinaryHead(model), on: parts[1])
      #expect(query.count == model.parameters.count)
      let solved = factor.solution(rows: Matrix(rows: 1, columns: 3, elements: query))
      let predicted = Matrix(product: solved.view, gradients.transposed).elements.map { -$0 / 150 }
      let step = 1e-2
      for row in stride(from: 0, to: 150, by: 13) {
        func value(_ change: Double) throws -> Double {
          var weights = model.weights
          weights[row] += change
          let moved = try LogisticRegression(
            trainedOn: data, settings: settings, weights: weights, denominator: 150,
            startingFrom: model.parameters)
          return try functional.value(of: BinaryHead(moved), on: parts[1])
        }
        let slope = try (value(step) - value(-step)) / (2 * step)
        // Gradients of 1e-12 over curvature of 1e-2 are parameters within 1e-10, divided by the step.
        #expect(abs(slope - predicted[row]) < 1e-8)
      }
      // Far larger than what the comparison lets pass.
      #expect(predicted.contains { abs($0) > 1e-4 })
    }
  }

  @Test("a network's head: values, and the gradient's slopes by head.weight and head.bias")
  func network() throws {
    let data = try SyntheticGroups(.moons, seed: 4).parts([40])[0]
    let model = try MultilayerPerceptron<Double>(sizes: [2, 5, 3, 2], activation: .tanh, seed: 3)
    let head = try BinaryHead(model)
    let seen = try model.penultimateFeatures(of: data.data)
    expectClose(
      head.losses(of: seen), try model.losses(of: data.data), bound: .backward(order: 16, scale: 4))
    #expect(try head.accuracy(on: seen) == model.accuracy(on: data.data))
    let names = PerExampleGradients(of: model, lastLayers: 1).layout.blocks
    for functional: ClassifierFunctional in [.utility(), .demographicParity, .equalOpportunity] {
      let blocks = try functional.headGradient(of: model, on: data)
      #expect(blocks.map(\.columns) == names.map(\.width))
      let values = model.trainableValues
      let step = 1e-5
      for (block, place) in [(0, 0), (0, 4), (0, 5), (1, 0), (1, 1)] {
        func moved(_ by: Double) throws -> Double {
          var (copy, changed) = (model, values)
          changed[values.count - 2 + block][place] += by
          copy.trainableValues = changed
          return try functional.value(of: copy, on: data)
        }
        let slope = (try moved(step) - moved(-step)) / (2 * step)
        #expect(abs(slope - blocks[block][0, place]) < 2e-8)
      }
    }
    // Σ ℓ: the sum of the head's own per-example gradients.
    let own = try PerExampleGradients(of: model, lastLayers: 1).batch(of: data.data)
    for (block, rows) in zip(
      try ClassifierFunctional.utility().headGradient(of: model, on: data), own.blocks)
    {
      expectClose(
        block.elements, rows.meanRow().elements.map { 40 * $0 },
        bound: .backward(order: 40, scale: 40))
    }
  }

  @Test("what has no value is an error")
  func errors() throws {
    let examples = try examples()
    let alone = try GroupedDataSet(examples.data, groups: [Int](repeating: 0, count: 25))
    #expect(throws: EvaluationError.noExampleInGroup(1, label: nil)) {
      try ClassifierFunctional.demographicParity.value(of: head, on: alone)
    }
    let negatives = try GroupedDataSet(
      examples.data.relabelled([Int](repeating: 0, count: 25)), groups: examples.groups)
    #expect(throws: EvaluationError.noExampleInGroup(0, label: 1)) {
      try ClassifierFunctional.equalOpportunity.gradient(of: head, on: negatives)
    }
    let third = try GroupedDataSet(examples.data, groups: (0..<25).map { $0 % 3 })
    #expect(throws: EvaluationError.notTwoGroups(2)) {
      try ClassifierFunctional.demographicParity.value(of: head, on: third)
    }
    let flat = BinaryHead(weights: [0, 0, 0], intercept: 1)
    #expect(throws: EvaluationError.noBoundary) {
      try ClassifierFunctional.robustness().value(of: flat, on: examples)
    }
    #expect(throws: EvaluationError.badStrength(-1)) { try BoundaryAttack(strength: -1) }
    #expect(throws: EvaluationError.notTwoClasses(3)) {
      try BinaryHead(MultilayerPerceptron<Double>(sizes: [2, 3], seed: 0))
    }
    #expect(throws: EvaluationError.differentLengths(2, 1)) {
      try FairnessGap.demographicParity.value(predictions: [0, 1], labels: [0], groups: [0, 1])
    }
  }
}
