public import Data
public import Models

/// The model of one seed, with the examples that it was trained on and those that it is asked of.
public struct TrainedTask<Model: DifferentiableModel>: Sendable {
  /// The trained model.
  public let model: Model
  /// The examples of the seed.
  public let parts: ExampleParts<Model.Examples>
  /// What the examples and the training followed from.
  public let seed: UInt64

  /// Collects what a training led to.
  public init(_ model: Model, on parts: ExampleParts<Model.Examples>, seed: UInt64) {
    self.model = model
    self.parts = parts
    self.seed = seed
  }

  /// What the model says of each example's class.
  ///
  /// - Throws: ``EvaluationError/noClasses`` for a model without classes; an error of the model.
  public func answers(to examples: Model.Examples) throws -> ClassAnswers {
    guard let answers = try model.answers(to: examples) else { throw EvaluationError.noClasses }
    return answers
  }

  /// What trains the model again, on rows of its training examples.
  ///
  /// - Parameter queries: What each model is asked; the validation examples unless given.
  /// - Throws: As ``Retraining/init(of:on:queries:)``.
  public func retraining(asking queries: Model.Examples? = nil) throws -> Retraining {
    try Retraining(of: model, on: parts.training, queries: queries ?? parts.validation)
  }

  /// The test accuracies after training again on some training rows alone.
  ///
  /// - Parameters:
  ///   - choices: The rows of each training.
  ///   - seeds: At least one seed.
  /// - Returns: For each choice, the mean over trainings with these seeds, from 0 to 1.
  /// - Throws: ``EvaluationError/noClasses`` for a model without classes; an error of a training.
  public func accuracies(after choices: [[Int]], seeds: [UInt64]) throws -> [Double] {
    let labels = try answers(to: parts.test).labels
    let values = try retraining(asking: parts.test).results(
      of: choices.flatMap { rows in seeds.map { TrainingRun(rows: rows, seed: $0) } }
    ).outcomes.map { $0.accuracy(labels: labels) }
    return choices.indices.map {
      values[$0 * seeds.count..<($0 + 1) * seeds.count].reduce(0, +) / Double(seeds.count)
    }
  }
}
