package import Gradients
internal import LinearAlgebra
package import Models

/// Trains the adapter of a language model step by step, so that a caller can look at it, or keep it, in between.
///
/// AdamW on the mean loss of the texts of a step; every epoch is a new random order of all texts. The same model, texts
/// and settings give the same numbers to the last bit, on any number of threads, and wherever the training was
/// interrupted (``FineTuningState``).
package struct FineTuning<Model: TrainableModel>: Sendable {
  /// What a step did.
  package struct Step: Sendable, Hashable {
    /// The mean loss of the step's texts in nats, before the step.
    package let loss: Double
    /// The norm of the gradient of that, before it was scaled down.
    package let gradientNorm: Double
    /// The learning rate.
    package let learningRate: Double
    /// The tokens of the step's texts.
    package let tokenCount: Int
  }

  /// The model as it is after the steps so far.
  package private(set) var model: Model
  /// The texts in the order of their rows.
  package let texts: [TokenSequence]
  /// What each text's loss is multiplied by; nil: 1.
  private let weights: [Double]?
  /// The texts of each step.
  package let plan: FineTuningPlan
  /// The progress so far.
  package private(set) var progress = FineTuningProgress()
  private var optimizer: AdamW<Float>
  private var order: [Int] = []

  /// Prepares a training; the first step is still to take.
  ///
  /// - Throws: `ModelError` for a setting or a weight out of its range, or without texts.
  package init(
    _ model: Model, on texts: [TokenSequence], weights: [Double]? = nil,
    settings: FineTuningSettings
  ) throws(ModelError) {
    self.model = model
    self.texts = texts
    try ExampleWeights.check(weights, count: texts.count)
    self.weights = weights
    plan = try FineTuningPlan(settings, textCount: texts.count)
    optimizer = try AdamW(
      AdamW.Settings(learningRate: settings.learningRate, weightDecay: settings.weightDecay))
  }

  /// Whether all steps were taken.
  package var isComplete: Bool { progress.step == plan.stepCount }

  /// Takes one step.
  ///
  /// - Precondition: Not all steps were taken.
  /// - Throws: ``FineTuningError/diverged(step:epoch:learningRate:found:)``, or an error of the model; the training is
  ///   then as it was before the step.
  /// - Complexity: a gradient of the step's texts.
  package mutating func takeStep() throws -> Step {
    precondition(!isComplete, "all \(plan.stepCount) steps were taken")
    let number = progress.step
    let epoch = number / plan.stepsPerEpoch
    if order.isEmpty || number % plan.stepsPerEpoch == 0 { order = plan.order(ofEpoch: epoch) }
    let rate = plan.schedule.rate(ofStep: number)
    var (gradient, losses) = try gradient(ofStep: number)
    let loss = losses.reduce(0, +) / Double(losses.count)
    let norm = GradientNorm.of(gradient)
    guard loss.isFinite, norm.isFinite else {
      throw FineTuningError.diverged(
        step: number + 1, epoch: epoch + 1, learningRate: rate,
        found: loss.isFinite ? "the gradient is \(norm)" : "the loss is \(loss)")
    }
    GradientNorm.limit(&gradient, of: norm, to: plan.settings.largestNorm)
    var parameters = model.adapter.parameters.map(\.elements)
    optimizer.step(&parameters, gradients: gradient, learningRate: rate)
    put(parameters)
    progress.add(losses: losses, learningRate: rate)
    return Step(
      loss: loss, gradientNorm: norm, learningRate: rate,
      tokenCount: plan.batches(ofStep: number, in: order).joined().reduce(0) {
        $0 + texts[$1].tokens.count
      })
  }

  /// The mean gradient of a step's texts, batch by batch, and their losses.
  private func gradient(ofStep step: Int) throws -> (gradient: [[Float]], losses: [Double]) {
    let batches = plan.batches(ofStep: step, in: order)
    let count = batches.reduce(0) { $0 + $1.count }
    var (sum, losses): ([[Float]], [Double]) = ([], [])
    for (number, rows) in batches.enumerated() {
      let stream = UInt64(step) &* UInt64(plan.settings.accumulation) &+ UInt64(number)
      let part = try model.trainingGradient(
        of: rows.map { texts[$0] },
        weights: rows.map { (weights?[$0] ?? 1) / Double(count) },
        dropout: DropoutStream(seed: plan.settings.seed, step: stream))
      losses += part.losses
      if sum.isEmpty {
        sum = part.gradient.map(\.elements)
      } else {
        for (index, matrix) in part.gradient.enumerated() { sum[index].add(matrix.elements) }
      }
    }
    return (sum, losses)
  }

  private mutating func put(_ parameters: [[Float]]) {
    // In one step: a model prepares what it computes with whenever its adapter changes.
    var adapter = model.adapter
    for (index, elements) in parameters.enumerated() {
      adapter.parameters[index].elements = elements
    }
    model.adapter = adapter
  }

  /// Closes an epoch whose last step was taken.
  ///
  /// - Parameter heldOut: What the model says of texts that are not learnt, if there are such.
  package mutating func endEpoch(heldOut: HeldOutResult?) {
    progress.endEpoch(heldOut: heldOut)
  }

  /// Forgets the learning rates so far, whose sum the checkpoint that was kept has.
  package mutating func beginSegment() { progress.beginSegment() }

  /// What is needed to go on from here.
  package var state: FineTuningState {
    FineTuningState(
      progress: progress, parameters: model.adapter.parameters.map(\.elements),
      firstMoments: optimizer.firstMoments, secondMoments: optimizer.secondMoments)
  }

  /// What the optimizer knows of each parameter of the adapter; nil before the first step.
  package var optimizerMoments: OptimizerMoments? {
    optimizer.moments(
      of: model.adapter.layout,
      learningRateSum: (0..<progress.step).reduce(0) { $0 + plan.schedule.rate(ofStep: $1) })
  }

  /// Goes on where an earlier training was.
  ///
  /// - Parameter state: Of a training of the same model, texts and settings.
  package mutating func restore(_ state: FineTuningState) {
    progress = state.progress
    put(state.parameters)
    optimizer.restore(
      stepCount: progress.step, firstMoments: state.firstMoments,
      secondMoments: state.secondMoments)
    order =
      progress.step < plan.stepCount
      ? plan.order(ofEpoch: progress.step / plan.stepsPerEpoch) : []
  }
}
