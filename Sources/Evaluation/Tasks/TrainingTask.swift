public import Data
public import Influence
public import LinearAlgebra
public import Models

/// What is learnt and by what: a source of examples, and how a model is made of the parts of one seed.
///
/// It is what experiments stand on, for a perceptron, a regression and a language model alike. (`Task` alone would be
/// read as Swift's unit of concurrent work.)
///
///     let task = TrainingTask(MislabelledExamples<Float>(), PerceptronPlan())
///     let trained = try task.trained(seed: 0)
///     let gradients = try trained.gradients(for: ["datainf"])
public struct TrainingTask<Source: ExampleSource, Model: DifferentiableModel>: Sendable
where Model.Examples == Source.Examples {
  /// Makes the trained model of the parts of a seed.
  public typealias Training =
    @Sendable (
      _ parts: ExampleParts<Model.Examples>, _ seed: UInt64, _ progress: ProgressHandler?
    ) throws -> Model

  /// Where the examples come from.
  public let source: Source
  private let training: Training

  /// Pairs a source with a training of one's own.
  ///
  /// - Parameters:
  ///   - source: Where the examples come from.
  ///   - training: Makes the trained model; all that is random in it follows from the seed.
  public init(_ source: Source, training: @escaping Training) {
    self.source = source
    self.training = training
  }

  /// Pairs a source with a model that learns the training examples, such as a `FineTunedModel`.
  ///
  /// - Parameters:
  ///   - source: Where the examples come from.
  ///   - model: The model before training, which is the same for every seed.
  public init(_ source: Source, _ model: Model) {
    self.init(source) { parts, seed, progress in
      try model.trained(on: parts.training, weights: nil, seed: seed) { progress?("training", $0) }
    }
  }

  /// Pairs a source with a perceptron.
  public init<Element: Scalar>(_ source: Source, _ plan: PerceptronPlan)
  where Model == TrainedPerceptron<Element> {
    self.init(source) { try plan.trained(on: $0, seed: $1, progress: $2) }
  }

  /// Draws the examples of a seed, and trains on them.
  ///
  /// - Parameters:
  ///   - seed: Decides the examples and the training.
  ///   - progress: Called with what is trained, and the share of its training that is done.
  /// - Throws: An error of the source, or of the training.
  public func trained(
    seed: UInt64, progress: ProgressHandler? = nil
  ) throws -> TrainedTask<Model> {
    try trained(on: source.parts(seed: seed), seed: seed, progress: progress)
  }

  /// Trains on parts that are given, such as those of a seed with other labels.
  ///
  /// - Throws: An error of the training.
  public func trained(
    on parts: ExampleParts<Model.Examples>, seed: UInt64, progress: ProgressHandler? = nil
  ) throws -> TrainedTask<Model> {
    TrainedTask(try training(parts, seed, progress), on: parts, seed: seed)
  }
}
