import Data
import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

import Evaluation

@Suite("Retraining on subsets")
struct RetrainingTests {
  private let data: TabularDataSet<Double>
  private let queries: TabularDataSet<Double>
  private let newton = NewtonSettings(regularization: 0.05)
  private let training = TrainingSettings(epochs: 3, batchSize: 8, learningRate: 0.02)

  init() throws { (data, queries) = try clouds(30, queries: 6) }

  private func models() throws -> [any Classifier<Double>] {
    [
      try logisticModel(), try softmaxModel(),
      try TrainedPerceptron(sizes: [3, 4, 2], settings: training),
      try TrainedPerceptron(
        adapting: MultilayerPerceptron(sizes: [3, 5, 2], seed: 3), rank: 2, alpha: 4,
        settings: training),
    ]
  }

  private func logisticModel(_ scale: LossScale = .kept) throws -> LogisticRegression {
    var model = try LogisticRegression(trainedOn: data, settings: newton)
    model.lossScale = scale
    return model
  }

  private func softmaxModel(_ scale: LossScale = .kept) throws -> SoftmaxRegression {
    var model = try SoftmaxRegression(trainedOn: data, settings: newton)
    model.lossScale = scale
    return model
  }

  @Test("A group of one is leave-one-out, for logistic and softmax regression")
  func leaveOneOut() throws {
    let groups = (0..<30).map { [$0] }
    let logistic = try LogisticRegression(trainedOn: data, settings: newton)
    let expected = try LeaveOneOut.changes(of: logistic, queries: queries)
    let found = try LeaveGroupOut(
      of: groups, by: Retraining(of: logisticModel(.all), on: data, queries: queries))
    // Both stop at ‖∇‖ ≤ 1e-10 where the Hessian is at least 0.05: θ is within 2e-9, and a loss moves
    // by at most ‖x‖ ≈ 4 times that, for each of the four trainings.
    expectClose(found.changes, expected, bound: .absolute(4e-8))
    #expect(found.results.computed == 31 && found.bySeed == [found.changes])
    let softmax = try SoftmaxRegression(trainedOn: data, settings: newton)
    let changes = try LeaveGroupOut(
      of: groups, by: Retraining(of: softmaxModel(.all), on: data, queries: queries)
    ).changes
    expectClose(
      changes, try LeaveOneOut.changes(of: softmax, queries: queries), bound: .absolute(4e-8))
  }

  @Test("What retraining gives is what a training from the start gives")
  func coldStart() throws {
    let rows = [0, 3, 4, 7, 8, 11, 12, 20, 25, 28]
    let subset = data.selecting(rows)
    let run = TrainingRun(rows: rows, seed: 5)
    func outcome(_ model: some Classifier<Double>) throws -> RetrainingOutcome {
      try Retraining(of: model, on: data, queries: queries).outcome(of: run)
    }
    let models = try models()
    let logistic = try LogisticRegression(trainedOn: subset, settings: newton)
    expectClose(
      try outcome(models[0]).losses, logistic.losses(of: queries), bound: .absolute(2e-8))
    let softmax = try SoftmaxRegression(trainedOn: subset, settings: newton)
    expectClose(
      try outcome(models[1]).losses, try softmax.model.losses(of: queries), bound: .absolute(2e-8))
    var seeded = training
    seeded.seed = 5
    var network = try MultilayerPerceptron<Double>(sizes: [3, 4, 2], seed: 5)
    try network.train(on: subset, settings: seeded)
    let found = try outcome(models[2])
    #expect(try found.losses == network.losses(of: queries))
    #expect(found.predictions == network.predictions(for: queries.features.view))
    #expect(
      found.accuracy(labels: queries.labels) == (try network.accuracy(on: queries)))
    var adapted = try MultilayerPerceptron<Double>(sizes: [3, 5, 2], seed: 3)
    try adapted.addAdapters(rank: 2, alpha: 4, seed: 5)
    try adapted.train(on: subset, settings: seeded)
    #expect(try outcome(models[3]).losses == adapted.losses(of: queries))
  }

  @Test("Margins are log p/(1 − p) with −log p the loss")
  func margins() throws {
    for model in try models() {
      let outcome = try Retraining(of: model, on: data, queries: queries).outcome(
        of: TrainingRun(rows: Array(0..<30)))
      for (loss, margin) in zip(outcome.losses, outcome.margins) {
        // p = 1/(1 + e^−margin), so −log p = log(1 + e^−margin).
        #expect(abs(loss - log1p(exp(-margin))) < 1e-14 * (1 + margin.magnitude))
      }
      for (query, isRight) in outcome.isCorrect(labels: queries.labels).enumerated() {
        #expect(isRight == (outcome.margins[query] > 0))
      }
    }
  }

  @Test("A weight of 2 is the row twice, of 0 its absence, for convex models of either scale")
  func weights() throws {
    for scale in LossScale.allCases {
      let models: [any Classifier<Double>] = [try logisticModel(scale), try softmaxModel(scale)]
      for model in models {
        let retraining = try Retraining(of: model, on: data, queries: queries)
        let rows = Array(0..<12)
        let weights = rows.map { Double($0 % 3) }
        let weighted = try retraining.outcome(of: TrainingRun(rows: rows, weights: weights))
        let repeated = rows.flatMap { row in Array(repeating: row, count: row % 3) }
        let expected = try retraining.outcome(of: TrainingRun(rows: repeated))
        expectClose(weighted.losses, expected.losses, bound: .absolute(4e-8))
        let plain = try retraining.outcome(of: TrainingRun(rows: rows))
        #expect(plain.losses != weighted.losses)
      }
    }
  }

  @Test("Networks: weights of 1 change nothing, others do; seeds matter")
  func networkWeights() throws {
    for model in try models().suffix(2) {
      let retraining = try Retraining(of: model, on: data, queries: queries)
      let rows = Array(0..<20)
      let plain = try retraining.outcome(of: TrainingRun(rows: rows))
      let ones = TrainingRun(rows: rows, weights: rows.map { _ in 1 })
      #expect(try retraining.outcome(of: ones) == plain)
      let other = TrainingRun(rows: rows, weights: rows.map { Double($0 % 2) })
      #expect(try retraining.outcome(of: other) != plain)
      #expect(try retraining.outcome(of: TrainingRun(rows: rows, seed: 1)) != plain)
    }
  }

  @Test("The same bits whatever the number of threads, and means over seeds")
  func threads() throws {
    let subsets = try RandomSubsets.subsets(6, of: 30, seed: 2)
    for model in try models() {
      let retraining = try Retraining(of: model, on: data, queries: queries)
      let before = Parallelism.threads
      Parallelism.threads = 1
      let one = try SubsetTruth(of: subsets, by: retraining, seeds: [3, 4])
      Parallelism.threads = 3
      let three = try SubsetTruth(of: subsets, by: retraining, seeds: [3, 4])
      Parallelism.threads = before
      #expect(one == three)
      #expect(one.bySeed.count == (model.dependsOnSeed ? 2 : 1))
      guard model.dependsOnSeed else { continue }
      for (place, seed) in [UInt64(3), 4].enumerated() {
        let single = try retraining.outcome(of: TrainingRun(rows: subsets[2], seed: seed))
        for query in 0..<6 { #expect(one.bySeed[place][query, 2] == -single.losses[query]) }
      }
      for index in one.values.elements.indices {
        let mean = (one.bySeed[0].elements[index] + one.bySeed[1].elements[index]) / 2
        #expect(abs(one.values.elements[index] - mean) <= 1e-15 * max(1, mean.magnitude))
      }
      let margins = try SubsetTruth(of: subsets, by: retraining, seeds: [3], measure: .margin)
      #expect(margins.values != one.bySeed[0])
    }
  }

  @Test("Runs that cannot be trained say why")
  func errors() throws {
    let retraining = try Retraining(of: logisticModel(), on: data, queries: queries)
    #expect(throws: EvaluationError.emptySubset(1)) {
      try retraining.results(of: [TrainingRun(rows: [0]), TrainingRun(rows: [])])
    }
    #expect(throws: EvaluationError.rowOutOfRange(index: 30, count: 30)) {
      try retraining.outcome(of: TrainingRun(rows: [0, 30]))
    }
    #expect(throws: EvaluationError.rowOutOfRange(index: -1, count: 30)) {
      try LeaveGroupOut(of: [[-1]], by: retraining)
    }
    #expect(throws: EvaluationError.nothingLeft(removed: 30, count: 30)) {
      try LeaveGroupOut(of: [Array(0..<30)], by: retraining)
    }
    for weights in [[1.0, -1], [0, 0], [.nan, 1]] {
      #expect(throws: ModelError.self) {
        try retraining.outcome(of: TrainingRun(rows: [0, 1], weights: weights))
      }
    }
    #expect(try retraining.results(of: []).outcomes.isEmpty)
  }
}
