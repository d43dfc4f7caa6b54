import Foundation
import InfluenceKit
import TestSupport

/// Stores of a small network with all that any method takes beside gradients.
struct ModelStores {
  private let folder: TemporaryDirectory
  let training: GradientStore
  let queries: GradientStore
  /// The same gradients, projected from both sides.
  let projected: GradientStore

  init() throws {
    folder = try TemporaryDirectory(inMemory: ())
    var generator = SeededGenerator(seed: 12)
    func data(_ count: Int) throws -> TabularDataSet<Double> {
      let features = Matrix<Double>.normal(count, 5, using: &generator)
      return try TabularDataSet(
        features: features, labels: (0..<count).map { _ in generator.index(below: 3) },
        classCount: 3)
    }
    let model = try MultilayerPerceptron<Double>(sizes: [5, 4, 3], seed: 9)
    let gradients = PerExampleGradients(of: model)
    let examples = try data(20)
    for (name, data) in [("train", examples), ("query", try data(6))] {
      let writer = try GradientStoreWriter(
        creating: folder.file(name), layout: gradients.layout, elementType: .float64)
      try gradients.forEachBatch(of: data) { _, blocks, _ in try writer.append(blocks) }
      try writer.finish()
    }
    let train = folder.file("train")
    try StoredCurvature(
      kronecker: try model.kroneckerFactors(over: examples),
      hessian: try model.hessian(over: examples),
      gaussNewton: try model.gaussNewton(over: examples)
    ).write(to: train)
    try LabelProbabilities(values: try model.labelProbabilities(of: examples)).write(to: train)
    try Self.optimizer(of: gradients.layout, seed: 15).write(of: gradients.layout, to: train)
    training = try GradientStore(opening: train)
    queries = try GradientStore(opening: folder.file("query"))
    let projection = GradientProjection(.kronecker(outputs: 2, inputs: 1), seed: 3)
    _ = try StoreProjection(
      of: training, by: projection, to: folder.file("small"), elementType: .float64
    ).run()
    projected = try GradientStore(opening: folder.file("small"))
  }

  /// Moments of an optimizer after seven steps: v is at least m², as a mean of squares is.
  static func optimizer(of layout: BlockLayout, seed: UInt64) -> OptimizerMoments {
    var generator = SeededGenerator(seed: seed)
    return OptimizerMoments(
      rule: .init(stepCount: 7, firstDecay: 0.9, secondDecay: 0.999, epsilon: 1e-8),
      moments: layout.blocks.map { block in
        let first = (0..<block.width).map { _ in 0.1 * generator.normal() }
        return (block.name, .init(first: first, second: first.map { 2 * $0 * $0 + 1e-4 }))
      })
  }

  /// The training gradients that a method takes.
  func training(for method: String) -> GradientStore { method == "logra" ? projected : training }

  /// A method as precise as it can be.
  static func specification(_ method: String) -> String {
    switch method {
    case "cg": "cg:tolerance=1e-13"
    case "pcg", "ekfac-cg": "\(method):tolerance=1e-12"
    default: method
    }
  }
}
