import Data
import LinearAlgebra
import Models

/// Labels and tokens that are drawn from a model's own predictions, in place of those of the data.
///
/// Each text has a random sequence of its own, named by its row, of which each prediction takes one number: what is drawn
/// depends neither on batches nor on threads.
package struct LabelDraws: Sendable {
  let seed: UInt64

  /// Nothing is drawn, and this nil, where labels are those of the data.
  init?(_ labels: FisherLabels) {
    guard case .sampled(let seed) = labels else { return nil }
    self.seed = seed
  }

  /// Numbers uniform in [0, 1) for the predictions of a text.
  func uniforms(row: Int, count: Int) -> [Double] {
    var generator = SeededGenerator(seed: seed, stream: RandomStream.fisherLabels + UInt64(row))
    return (0..<count).map { _ in generator.uniform() }
  }

  /// Those of some texts with one prediction or more each, one after the other.
  func uniforms(_ texts: ArraySlice<TokenSequence>) -> [Double] {
    zip(texts.indices, texts).flatMap { row, text in
      uniforms(row: row, count: max(1, text.predictedCount))
    }
  }
}

extension Matrix {
  /// A column for each row of logits, drawn with the probabilities of their softmax.
  ///
  /// - Parameter uniforms: A number from 0 to below 1 for each row.
  func drawnColumns(_ uniforms: ArraySlice<Double>) -> [Int32] {
    uniforms.enumerated().map { row, uniform in
      Int32(Softmax(self[row: row].map { Double($0) }).drawn(uniform))
    }
  }
}
