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
    let trained = try TrainingTask(MislabelledExamples<Float>(), PerceptronPlan())
      .trained(seed: seed)
    let (network, parts) = (trained.model.network, trained.parts)
    let base = folder.appending(path: "gradients")
    for (name, data) in [("train", parts.training), ("query", parts.test)] {
      try trained.model.writeGradients(
        of: data, to: base.appending(path: name),
        provenance: ["model": "digits perceptron with LoRA", "seed": "\(seed)"])
    }
    if representations {
      try StoredRepresentations.write(of: network, parts.training, parts.test, to: base)
    }
    training = try GradientStore(opening: base.appending(path: "train"))
    queries = try GradientStore(opening: base.appending(path: "query"))
    flippedRows = parts.wrongRows
    let accuracy = try network.accuracy(on: parts.test)
    headline =
      "digits: \(training.count) training rows (\(flippedRows.count) labels flipped) × \(training.layout.columnCount) LoRA and head gradients in \(training.layout.count) blocks; \(queries.count) queries; test accuracy \(NumberFormat.decimals(accuracy, 3)); seed \(seed)"
  }
}
