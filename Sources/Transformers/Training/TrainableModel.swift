package import LinearAlgebra

/// What training asks of a language model whose own weights are frozen.
package protocol TrainableModel: Sendable {
  /// What is trained.
  var adapter: Adapter { get set }

  /// The gradient of a weighted sum of losses by the adapter's parameters, Σ weightᵢ · ∂lossᵢ/∂θ.
  ///
  /// The same numbers to the last bit on any number of threads.
  ///
  /// - Parameters:
  ///   - texts: At least one.
  ///   - weights: A number for each text.
  ///   - dropout: The random numbers of this batch, for whatever the model drops; nil: nothing is dropped.
  /// - Returns: The loss of each text in nats, as it was under dropout, and the gradient, a matrix of the same shape for
  ///   each of the adapter's parameters.
  func trainingGradient(
    of texts: [TokenSequence], weights: [Double], dropout: DropoutStream?
  ) throws -> (losses: [Double], gradient: [Matrix<Float>])

  /// The loss of each text in nats, without dropout.
  func losses(of texts: [TokenSequence]) throws -> [Double]

  /// The most likely class of each text, from 0; for models with a classifier.
  func classes(of texts: [TokenSequence]) throws -> [Int]
}
