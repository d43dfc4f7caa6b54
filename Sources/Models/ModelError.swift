/// Why a model could not be built, trained or differentiated: a property of settings or data that a
/// person chose.
public enum ModelError: Error, Equatable, Sendable {
  /// The data set has no examples.
  case noExamples
  /// There are not as many labels as rows of features.
  case labelCount(rows: Int, labels: Int)
  /// A label is not in 0 ..< `classCount`.
  case labelOutOfRange(row: Int, label: Int, classCount: Int)
  /// A feature is NaN or infinite.
  case featureNotFinite(row: Int, column: Int)
  /// A line of a CSV file could not be read; lines and columns count from 1, the header is line 1.
  case unreadableTable(line: Int, column: String, found: String)
  /// A CSV file has no column of that name.
  case missingColumn(name: String, columns: [String])
  /// The data do not fit the model's inputs or outputs.
  case dataDoNotFit(features: Int, classes: Int, inputs: Int, outputs: Int)
  /// A split asks for more examples than there are, or for a negative number.
  case splitTooLarge(requested: [Int], available: Int)
  /// A number in the settings is out of its range.
  case badSetting(name: String, value: Double, allowed: String)
  /// A network needs at least an input and an output size, all positive.
  case badLayerSizes([Int])
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
    case .noExamples:
      "the data set is empty; give at least one example"
    case .labelCount(let rows, let labels):
      "\(labels) labels for \(rows) rows of features; give one label a row"
    case .labelOutOfRange(let row, let label, let classCount):
      "label \(label) of row \(row) is not a class in 0 ..< \(classCount); number the classes from 0 or raise the class count"
    case .featureNotFinite(let row, let column):
      "the feature in row \(row), column \(column) is NaN or infinite; remove or fill in missing values"
    case .unreadableTable(let line, let column, let found):
      "line \(line), column \(column): expected a number, found \"\(found)\"; encode the column as numbers first"
    case .missingColumn(let name, let columns):
      "there is no column \"\(name)\"; the columns are \(columns.joined(separator: ", "))"
    case .dataDoNotFit(let features, let classes, let inputs, let outputs):
      "data of \(features) features and \(classes) classes do not fit a network of \(inputs) inputs and \(outputs) outputs; make the first and last layer sizes \(features) and \(classes)"
    case .splitTooLarge(let requested, let available):
      "a split into \(requested) is not possible with \(available) examples; ask for fewer"
    case .badSetting(let name, let value, let allowed):
      "\(name) is \(value); choose \(allowed)"
    case .badLayerSizes(let sizes):
      "layer sizes \(sizes) make no network; give at least an input and an output size, all positive"
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

extension ModelError {
  /// Refuses a setting unless a condition holds; `allowed` completes the sentence "choose …".
  static func check(
    _ holds: Bool, _ name: String, _ value: some BinaryFloatingPoint, _ allowed: String
  ) throws(ModelError) {
    guard holds else { throw .badSetting(name: name, value: Double(value), allowed: allowed) }
  }

  static func check(
    _ holds: Bool, _ name: String, _ value: Int, _ allowed: String
  ) throws(ModelError) {
    guard holds else { throw .badSetting(name: name, value: Double(value), allowed: allowed) }
  }
}
