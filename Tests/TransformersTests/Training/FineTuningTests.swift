import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

import Transformers

@Suite("Fine-tuning")
struct FineTuningTests {
  let model = BagOfTokens(vocabularySize: 8, classCount: 2)
  let texts = BagOfTokens.texts(50, seed: 1)

  private func trained(
    _ settings: FineTuningSettings, heldOut: [TokenSequence] = [],
    observers: FineTuning<BagOfTokens>.Observers = .init()
  ) throws -> FineTuning<BagOfTokens> {
    var training = try FineTuning(model, on: texts, settings: settings)
    try training.run(heldOut: heldOut, observers: observers)
    return training
  }

  @Test(
    "The learning rate rises and falls as Hugging Face's schedule does",
    arguments: [(10, 0.0), (10, 0.3), (10, 0.25), (1, 0.0), (1, 0.9), (7, 0.99), (1000, 0.06)])
  func schedule(steps: Int, warmup: Double) {
    let schedule = LearningRateSchedule(peak: 0.5, stepCount: steps, warmup: warmup)
    let rising = min(steps - 1, Int((warmup * Double(steps)).rounded(.up)))
    for step in 0...steps + 2 {
      let share =
        step < rising
        ? Double(step) / Double(max(1, rising))
        : max(0, Double(steps - step) / Double(max(1, steps - rising)))
      #expect(abs(schedule.rate(ofStep: step) - 0.5 * share) < 1e-15)
    }
    #expect(schedule.warmupCount == rising)
  }

  @Test("Each epoch is another order of all texts, cut into steps and batches")
  func plan() throws {
    let plan = try FineTuningPlan(
      FineTuningSettings(epochs: 3, batchSize: 4, accumulation: 2, seed: 5, checkpoints: 4),
      textCount: 19)
    #expect(plan.stepsPerEpoch == 3 && plan.stepCount == 9 && plan.checkpoints == [2, 4, 6, 9])
    var orders: [[Int]] = []
    for epoch in 0..<3 {
      let order = plan.order(ofEpoch: epoch)
      let steps = (0..<3).map { plan.batches(ofStep: 3 * epoch + $0, in: order) }
      #expect(steps.map { $0.map(\.count) } == [[4, 4], [4, 4], [3]])
      #expect(steps.joined().joined().elementsEqual(order))
      #expect(order.sorted() == Array(0..<19))
      orders.append(order)
    }
    #expect(Set(orders).count == 3)
    let other = try FineTuningPlan(
      FineTuningSettings(epochs: 3, batchSize: 4, accumulation: 2, seed: 6), textCount: 19)
    #expect(other.order(ofEpoch: 0) != orders[0] && other.checkpoints.isEmpty)
  }

  /// The whole training written from its definitions, in double precision.
  private func naive(_ settings: FineTuningSettings) throws -> [Double] {
    let plan = try FineTuningPlan(settings, textCount: texts.count)
    var model = model
    var parameters = model.adapter.parameters.flatMap { $0.elements.map(Double.init) }
    var (first, second) = (parameters.map { _ in 0.0 }, parameters.map { _ in 0.0 })
    for step in 0..<plan.stepCount {
      let order = plan.order(ofEpoch: step / plan.stepsPerEpoch)
      let batches = plan.batches(ofStep: step, in: order)
      let count = batches.reduce(0) { $0 + $1.count }
      var gradient = parameters.map { _ in 0.0 }
      for (number, rows) in batches.enumerated() {
        let part = try model.trainingGradient(
          of: rows.map { texts[$0] }, weights: rows.map { _ in 1 },
          dropout: DropoutStream(
            seed: settings.seed, step: UInt64(step * settings.accumulation + number)))
        for (index, value) in part.gradient.flatMap(\.elements).enumerated() {
          gradient[index] += Double(value) / Double(count)
        }
      }
      let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if settings.largestNorm > 0, norm > settings.largestNorm {
        gradient = gradient.map { $0 * settings.largestNorm / (norm + 1e-6) }
      }
      let rate = plan.schedule.rate(ofStep: step)
      let (own, others) = (0.9, 0.999)
      for index in parameters.indices {
        first[index] = own * first[index] + (1 - own) * gradient[index]
        second[index] = others * second[index] + (1 - others) * gradient[index] * gradient[index]
        let mean = first[index] / (1 - pow(own, Double(step + 1)))
        let square = second[index] / (1 - pow(others, Double(step + 1)))
        parameters[index] -= rate * settings.weightDecay * parameters[index]
        parameters[index] -= rate * mean / (square.squareRoot() + 1e-8)
      }
      model.adapter.parameters = [
        Matrix(rows: 2, columns: 8, elements: parameters[..<16].map { Float($0) }),
        Matrix(rows: 2, columns: 1, elements: parameters[16...].map { Float($0) }),
      ]
    }
    return parameters
  }

  @Test(
    "A training is its definition: AdamW with decay, schedule, clipping, dropout and accumulation",
    arguments: [
      FineTuningSettings(epochs: 3, batchSize: 8, learningRate: 0.05, largestNorm: 0),
      FineTuningSettings(
        epochs: 3, batchSize: 8, learningRate: 0.05, warmup: 0, weightDecay: 0.1,
        largestNorm: 0.05, seed: 9),
      FineTuningSettings(
        epochs: 2, batchSize: 4, accumulation: 3, learningRate: 0.05, warmup: 0.4, seed: 2),
    ])
  func definition(settings: FineTuningSettings) throws {
    let training = try trained(settings)
    let parameters = training.model.adapter.parameters.flatMap { $0.elements.map(Double.init) }
    // Adam divides by the gradient's own size, so that a rounding error of a step is one of its learning rate.
    let steps = Double(training.plan.stepCount)
    expectClose(
      parameters, try naive(settings),
      bound: .absolute(steps * settings.learningRate * 64 * Double(Float.ulpOfOne)))
  }

  @Test("Two batches of eight are one of sixteen where nothing is dropped")
  func accumulation() throws {
    var plain = model
    plain.dropoutRate = 0
    func parameters(batch: Int, accumulation: Int) throws -> [Double] {
      var training = try FineTuning(
        plain, on: texts,
        settings: FineTuningSettings(
          epochs: 4, batchSize: batch, accumulation: accumulation, learningRate: 0.05))
      try training.run()
      return training.model.adapter.parameters.flatMap { $0.elements.map(Double.init) }
    }
    let sixteen = try parameters(batch: 16, accumulation: 1)
    expectClose(
      try parameters(batch: 8, accumulation: 2), sixteen,
      bound: .absolute(16 * 0.05 * 64 * Double(Float.ulpOfOne)))
    // A step of other texts is another training.
    let other = try parameters(batch: 8, accumulation: 1)
    #expect(zip(other, sixteen).contains { abs($0 - $1) > 1e-3 })
  }

  @Test("Gradients longer than the limit are scaled down to it, and no others")
  func clipping() throws {
    var training = try FineTuning(
      model, on: texts,
      settings: FineTuningSettings(batchSize: 50, learningRate: 1, warmup: 0, largestNorm: 1e-3))
    let norm = try training.takeStep().gradientNorm
    let gradient = try model.trainingGradient(
      of: training.plan.order(ofEpoch: 0).map { texts[$0] },
      weights: Array(repeating: 0.02, count: 50), dropout: DropoutStream(seed: 0, step: 0)
    ).gradient
    let expected = gradient.flatMap(\.elements).reduce(0) { $0 + Double($1) * Double($1) }
    #expect(abs(norm - expected.squareRoot()) < 1e-6 && norm > 0.1)
    let moments = training.state.firstMoments.flatMap { $0.map(Double.init) }
    let length = moments.reduce(0) { $0 + $1 * $1 }.squareRoot()
    // The first step's m is a tenth of its gradient.
    #expect(abs(length - 1e-4) < 1e-9)
    var free = try FineTuning(
      model, on: texts,
      settings: FineTuningSettings(batchSize: 50, learningRate: 1, warmup: 0, largestNorm: 10))
    _ = try free.takeStep()
    expectClose(
      free.state.firstMoments.flatMap { $0.map(Double.init) },
      gradient.flatMap { $0.elements.map { 0.1 * Double($0) } }, bound: .absolute(1e-7))
  }

  @Test("What is learnt holds for texts that were not, and each epoch says how well")
  func learning() throws {
    let heldOut = BagOfTokens.texts(200, seed: 2)
    let training = try trained(
      FineTuningSettings(epochs: 6, batchSize: 10, learningRate: 0.1), heldOut: heldOut)
    let epochs = training.progress.epochs
    #expect(epochs.count == 6 && epochs[5].loss < epochs[0].loss)
    let result = try #require(epochs[5].heldOut)
    #expect(try #require(result.accuracy) > 0.85)
    let classes = try training.model.classes(of: heldOut)
    let right = zip(classes, heldOut).count { $0.1.goal == .label($0.0) }
    #expect(result.accuracy == Double(right) / 200)
    let losses = try training.model.losses(of: heldOut)
    #expect(abs(result.loss - losses.reduce(0, +) / 200) < 1e-12)
    #expect(try trained(FineTuningSettings(epochs: 1)).progress.epochs[0].heldOut == nil)
  }

  @Test("Checkpoints are at equal distances, and their rates are all rates")
  func checkpoints() throws {
    var kept: [(checkpoint: TrainingCheckpoint, parameters: [Matrix<Float>])] = []
    let settings = FineTuningSettings(
      epochs: 3, batchSize: 8, learningRate: 0.05, warmup: 0.2, checkpoints: 4)
    let training = try trained(
      settings,
      observers: .init(checkpoint: { checkpoint, model, _ in
        kept.append((checkpoint, model.adapter.parameters))
      }))
    let plan = training.plan
    #expect(kept.map(\.checkpoint.step) == [5, 10, 15, 21])
    #expect(kept.map(\.checkpoint.folderName) == (1...4).map { "checkpoint-\($0)" })
    #expect(kept.last?.parameters == training.model.adapter.parameters)
    var first = 0
    for (checkpoint, _) in kept {
      let rates = (first..<checkpoint.step).map { plan.schedule.rate(ofStep: $0) }
      #expect(abs(checkpoint.segmentLearningRate - rates.reduce(0, +)) < 1e-12)
      #expect(checkpoint.learningRate == rates.last)
      #expect(checkpoint.epoch == Double(checkpoint.step) / 7)
      first = checkpoint.step
    }
  }

  @Test("A training that diverges says in which step, and what to do")
  func divergence() throws {
    var broken = model
    broken.scale = .nan
    var training = try FineTuning(broken, on: texts, settings: FineTuningSettings(warmup: 0))
    let before = training.state
    let error = #expect(throws: FineTuningError.self) { try training.run() }
    #expect(
      error
        == .diverged(step: 1, epoch: 1, learningRate: 3e-4, found: "the loss is nan"))
    // Nothing was learnt yet that the learning rate could be at fault for.
    #expect("\(try #require(error))".contains("before anything was learnt; look for weights"))
    let later = FineTuningError.diverged(step: 2, epoch: 1, learningRate: 3e-4, found: "")
    #expect("\(later)".contains("lower the learning rate"))
    #expect(training.state == before)
    for settings in [
      FineTuningSettings(epochs: 0), FineTuningSettings(batchSize: 0),
      FineTuningSettings(accumulation: 0), FineTuningSettings(learningRate: 0),
      FineTuningSettings(learningRate: .infinity), FineTuningSettings(warmup: 1),
      FineTuningSettings(warmup: .nan), FineTuningSettings(weightDecay: -1),
      FineTuningSettings(largestNorm: -1), FineTuningSettings(checkpoints: 21),
      FineTuningSettings(checkpoints: -1),
      FineTuningSettings(epochs: Int(Int32.max) + 1),
    ] {
      #expect(throws: ModelError.self, "\(settings)") {
        try FineTuning(model, on: texts, settings: settings)
      }
    }
    #expect(throws: ModelError.self) { try FineTuning(model, on: [], settings: .init()) }
  }
}
