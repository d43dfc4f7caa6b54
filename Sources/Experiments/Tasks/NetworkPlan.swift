internal import InfluenceKit

/// How an experiment's network is made of the examples of one seed: a perceptron, or a convolutional network where its
/// file names filters.
struct NetworkPlan: Sendable {
  /// The settings beside those of a perceptron.
  static let settings = [
    Setting(
      "model.filters", .integers(.counting, mayBeEmpty: true), standard: .array([]),
      help:
        "filters of each convolution, for images of pixels, instead of hidden layers; a perceptron without"
    ),
    Setting(
      "model.head-pooling", .integer(1...64), standard: 1,
      help: "with filters: the side of the squares that are averaged before the head"),
  ]

  private let perceptron: PerceptronPlan
  private let convolutional: TrainedConvolutionalNetwork<Double>?

  /// Takes the settings under `model`.
  ///
  /// - Parameters:
  ///   - settings: Those of ``settings`` and of a perceptron.
  ///   - perceptron: What the latter say, among it how the network is trained and which layers have gradients.
  ///   - data: The examples.
  /// - Throws: ``ExperimentError`` where examples are no images, or `ModelError` where filters do not fit them.
  init(_ settings: Settings, _ perceptron: PerceptronPlan, _ data: LabelledExamples) throws {
    self.perceptron = perceptron
    let filters = settings.integers("model.filters")
    guard !filters.isEmpty else {
      convolutional = nil
      return
    }
    guard let image = data.image else {
      throw settings.invalid(
        "model.filters",
        "the features are no pixels; leave the filters out, or give data.features: raw-pooled for cifar10n"
      )
    }
    guard perceptron.rank == 0 else {
      throw settings.invalid(
        "model.filters", "a convolutional network has no adapters; give rank 0")
    }
    let network: ConvolutionalNetwork<Double>
    do {
      network = try ConvolutionalNetwork(
        image: image, filters: filters, headPooling: settings.integer("model.head-pooling"),
        classes: data.classCount, seed: 0)
    } catch {
      throw settings.invalid("model.filters", "\(error)")
    }
    var model = TrainedConvolutionalNetwork(network, settings: perceptron.training)
    model.lastLayers = perceptron.lastLayers
    convolutional = model
  }

  /// The training of the network on the examples of a seed.
  func task(on data: LabelledExamples) -> TrainingTask<LabelledExamples, TrainedNetwork> {
    TrainingTask(data) { parts, seed, progress in
      guard let convolutional else {
        return .perceptron(try perceptron.trained(on: parts, seed: seed, progress: progress))
      }
      return .convolutional(
        try convolutional.trained(on: parts.training, weights: nil, seed: seed) {
          progress?("training", $0)
        })
    }
  }
}
