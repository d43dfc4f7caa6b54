import Foundation
import InfluenceKit
import Reporting

/// The gradients that `influence compare` makes when it is given none: a perceptron with LoRA
/// adapters, fine-tuned on digits of which a share is mislabelled.
struct DigitsGradients {
  let training: GradientStore
  let queries: GradientStore
  let flippedRows: Set<Int>
  let headline: String

  /// - Parameters:
  ///   - seed: The task's.
  ///   - folder: Where a folder `gradients` is made.
  ///   - representations: Whether what the last layer reads is written, too.
  init(seed: UInt64, folder: URL, representations: Bool = false) throws {
    var task = DigitsTask()
    task.seed = seed
    let outcome = try task.run(in: Float.self)
    let base = folder.appending(path: "gradients")
    for (name, data) in [("train", outcome.training), ("query", outcome.queries)] {
      try outcome.trained.writeGradients(
        of: data, to: base.appending(path: name),
        provenance: ["model": "digits perceptron with LoRA", "seed": "\(seed)"])
    }
    if representations {
      try StoredRepresentations.write(
        of: outcome.model, outcome.training, outcome.queries, to: base)
    }
    training = try GradientStore(opening: base.appending(path: "train"))
    queries = try GradientStore(opening: base.appending(path: "query"))
    flippedRows = Set(outcome.flippedRows)
    headline =
      "digits: \(training.count) training rows (\(flippedRows.count) labels flipped) × \(training.layout.columnCount) LoRA and head gradients in \(training.layout.count) blocks; \(queries.count) queries; test accuracy \(NumberFormat.decimals(outcome.accuracy, 3)); seed \(seed)"
  }
}
