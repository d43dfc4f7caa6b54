import Data
import LinearAlgebra
import Models

/// Small networks and data with nothing special about them: no zero matrix, no symmetric layer.
enum Examples {
  /// A network of 5 inputs and 4 classes, every trained parameter random.
  static func network<Element: Scalar>(
    _ activation: Activation, isAdapted: Bool, of: Element.Type = Element.self
  ) throws -> MultilayerPerceptron<Element> {
    var model = try MultilayerPerceptron<Element>(
      sizes: [5, 9, 6, 4], activation: activation, seed: 3)
    if isAdapted { try model.addAdapters(rank: 3, alpha: 6, seed: 4) }
    var generator = SeededGenerator(seed: 5)
    model.trainableValues = model.trainableValues.map { values in
      values.map { $0 + Element(0.3 * generator.normal()) }
    }
    return model
  }

  /// Normal features with random labels, for ``network(_:isAdapted:of:)``.
  static func data<Element: Scalar>(
    count: Int = 13, of: Element.Type = Element.self
  ) throws -> TabularDataSet<Element> {
    var generator = SeededGenerator(seed: 6)
    let features = Matrix<Element>.normal(count, 5, using: &generator)
    let labels = (0..<count).map { _ in generator.index(below: 4) }
    return try TabularDataSet(features: features, labels: labels, classCount: 4)
  }

  /// The largest difference between two vectors, relative to the largest element of the second.
  static func relativeError<Element: Scalar>(_ a: some Collection<Element>, _ b: [Double]) -> Double
  {
    precondition(a.count == b.count, "\(a.count) elements against \(b.count)")
    let difference = zip(a, b).map { abs(Double($0) - $1) }.max() ?? 0
    return difference / max(b.map(abs).max() ?? 0, .leastNormalMagnitude)
  }
}
