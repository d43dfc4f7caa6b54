import Foundation
import InfluenceKit

/// Writes the representations of a model that was trained here beside its gradients.
enum StoredRepresentations {
  /// The penalty of the last layer unless one is given.
  static let penalty = 1e-2

  /// Writes them into `train`, with a last layer fitted to them, and `query`.
  static func write<Element: Scalar>(
    of model: MultilayerPerceptron<Element>, _ training: TabularDataSet<Element>,
    _ queries: TabularDataSet<Element>, penalty: Double = penalty, to folder: URL
  ) throws {
    try model.representations(of: training, fittingHeadWith: penalty).write(
      to: folder.appending(path: "train"), metadata: ["examples": "\(training.count)"])
    try model.representations(of: queries).write(
      to: folder.appending(path: "query"), metadata: ["examples": "\(queries.count)"])
  }
}
