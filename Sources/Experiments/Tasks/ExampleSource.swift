internal import Foundation
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// A data set with classes, by the name that files of experiments use.
struct ExampleSource: Sendable {
  /// The names.
  static let names = ["digits"]

  /// The name.
  let name: String
  /// The examples to draw from, with right labels.
  let pool: TabularDataSet<Double>
  /// Examples that the data set keeps apart for validation and test; nil where it does not.
  let held: TabularDataSet<Double>?
  /// Labels of people who were sometimes wrong, for all examples of the pool; nil where there are none.
  let noisyLabels: [Int]?
  /// What the data are, in a few characters.
  let fingerprint: String

  /// Reads the data set that settings name.
  ///
  /// - Throws: ``ExperimentError/missingKey(_:key:allowed:help:)`` where it needs a folder; an error from reading.
  init(_ settings: Settings) throws {
    name = settings.text("data.set")
    switch name {
    case "digits":
      pool = Digits.dataSet()
      held = nil
      noisyLabels = nil
      fingerprint = "embedded"
    default: preconditionFailure("data set \(name) has a name and no reader")
    }
  }
}
