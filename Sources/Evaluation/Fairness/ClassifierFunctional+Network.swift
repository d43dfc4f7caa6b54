public import Data
public import LinearAlgebra
public import Models

extension ClassifierFunctional {
  /// The functional f of a network of two classes.
  ///
  /// - Parameters:
  ///   - model: The network.
  ///   - examples: What it is measured on, with the network's own inputs. Attacks move penultimate features.
  /// - Throws: ``EvaluationError``, or `ModelError` if the data do not fit.
  public func value<Element: Scalar>(
    of model: MultilayerPerceptron<Element>, on examples: GroupedDataSet<Element>
  ) throws -> Double {
    try value(of: BinaryHead(model), on: Self.penultimate(model, examples))
  }

  /// ∇f by the parameters of a network's head: the gradient row that stands beside the stores of
  /// `PerExampleGradients` with `lastLayers: 1`.
  ///
  /// The logits' difference decides alone, so row 1 of the weight has the gradient g by w, and row 0 has −g; likewise
  /// the biases. What lies before the head is taken as fixed.
  ///
  /// - Returns: `head.weight`, `1 × 2h`, and `head.bias`, `1 × 2`.
  /// - Throws: As `value(of:on:)`.
  public func headGradient<Element: Scalar>(
    of model: MultilayerPerceptron<Element>, on examples: GroupedDataSet<Element>
  ) throws -> [Matrix<Double>] {
    let gradient = try gradient(of: BinaryHead(model), on: Self.penultimate(model, examples))
    let (weights, bias) = (gradient.dropLast(), gradient[gradient.count - 1])
    return [
      Matrix(
        rows: 1, columns: 2 * weights.count, elements: weights.map { -$0 } + Array(weights)),
      Matrix(rows: 1, columns: 2, elements: [-bias, bias]),
    ]
  }

  /// The examples as the head sees them, in double precision.
  private static func penultimate<Element: Scalar>(
    _ model: MultilayerPerceptron<Element>, _ examples: GroupedDataSet<Element>
  ) throws -> GroupedDataSet<Double> {
    let data = try model.penultimateFeatures(of: examples.data)
    return try GroupedDataSet(
      TabularDataSet(
        features: Matrix<Double>(converting: data.features), labels: data.labels,
        classCount: data.classCount), groups: examples.groups)
  }
}
