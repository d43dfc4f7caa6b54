public import Data

/// Why a model could not be built, trained or differentiated: a property of settings or data that a
/// person chose.
public enum ModelError: Error, Equatable, Sendable {
  /// The data cannot be used by any model.
  case data(DataError)
  /// The data do not fit the model's inputs or outputs.
  case dataDoNotFit(features: Int, classes: Int, inputs: Int, outputs: Int)
  /// A number in the settings is out of its range.
  case badSetting(name: String, value: Double, allowed: String)
  /// A network needs at least an input and an output size, all positive.
  case badLayerSizes([Int])
  /// The parameters of a network, and what training keeps of them, do not fit into memory.
  case networkTooLarge([Int])
  /// The parameters of one layer do not fit each other or the layer before.
  case layerDoesNotFit(layer: Int, reason: String)
  /// A matrix over all parameters would be too large.
  case tooManyParameters(count: Int, limit: Int)
  /// Newton's method ended before the gradient was small enough.
  case notConverged(steps: Int, gradientNorm: Double, tolerance: Double)
  /// Newton's method is for models whose loss is convex.
  case notConvex(layers: Int)
  /// The training loss became NaN or infinite.
  case diverged(epoch: Int)
}

extension ModelError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .data(let error):
      error.description
    case .dataDoNotFit(let features, let classes, let inputs, let outputs):
      "data of \(features) features and \(classes) classes do not fit a network of \(inputs) inputs and \(outputs) outputs; make the first and last layer sizes \(features) and \(classes)"
    case .badSetting(let name, let value, let allowed):
      "\(name) is \(value); choose \(allowed)"
    case .badLayerSizes(let sizes):
      "layer sizes \(sizes) make no network; give at least an input and an output size, all positive"
    case .networkTooLarge(let sizes):
      "a network of layer sizes \(sizes) does not fit into memory; take smaller layers"
    case .layerDoesNotFit(let layer, let reason):
      "layer \(layer): \(reason); check the shapes of its parameters"
    case .tooManyParameters(let count, let limit):
      "a matrix over all \(count) trained parameters is past the limit of \(limit); take a smaller network, or train adapters"
    case .notConverged(let steps, let norm, let tolerance):
      "the gradient's norm is \(norm) after \(steps) Newton steps where \(tolerance) was asked for; raise the regularisation, or scale the features"
    case .notConvex(let layers):
      "Newton's method is for networks of one layer, whose loss is convex; this one has \(layers): train it by gradient steps"
    case .diverged(let epoch):
      "the training loss is no longer finite in epoch \(epoch); lower the learning rate"
    }
  }
}

extension ModelError: SettingError {}
