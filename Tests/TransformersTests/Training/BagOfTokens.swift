import Foundation
import Gradients
import LinearAlgebra

import Transformers

/// A model small enough to check by hand: softmax regression on how often each token occurs in a text.
///
/// Logits are W·x + b for the counts x. In training a count is dropped at a rate, and otherwise made larger.
struct BagOfTokens: TrainableModel {
  var adapter: Adapter
  let vocabularySize: Int
  let classCount: Int
  /// What every loss is multiplied by, so that a test can make a training diverge.
  var scale = 1.0
  var dropoutRate = 0.5

  init(vocabularySize: Int, classCount: Int) {
    self.vocabularySize = vocabularySize
    self.classCount = classCount
    adapter = Adapter(
      modules: [],
      tensors: [
        .init(name: "classifier.weight", shape: [classCount, vocabularySize]),
        .init(name: "classifier.bias", shape: [classCount]),
      ],
      parameters: [.zeros(classCount, vocabularySize), .zeros(classCount, 1)])
  }

  func trainingGradient(
    of texts: [TokenSequence], weights: [Double], dropout: DropoutStream?
  ) throws -> (losses: [Double], gradient: [Matrix<Float>]) {
    var gradient = [[Double]](
      repeating: [Double](repeating: 0, count: vocabularySize + 1), count: classCount)
    var losses: [Double] = []
    for (place, text) in texts.enumerated() {
      var counts = counts(of: text)
      if let dropout {
        var generator = SeededGenerator(
          seed: dropout.seed, stream: dropout.step << 20 + UInt64(place))
        for token in counts.indices {
          counts[token] *= generator.uniform() < dropoutRate ? 0 : 1 / (1 - dropoutRate)
        }
      }
      let probabilities = probabilities(of: counts)
      let label = label(of: text)
      losses.append(scale * -log(probabilities[label]))
      for row in 0..<classCount {
        let error = scale * weights[place] * (probabilities[row] - (row == label ? 1 : 0))
        for token in counts.indices { gradient[row][token] += error * counts[token] }
        gradient[row][vocabularySize] += error
      }
    }
    return (
      losses,
      [
        Matrix(
          rows: classCount, columns: vocabularySize,
          elements: gradient.flatMap { $0.dropLast().map { Float($0) } }),
        Matrix(rows: classCount, columns: 1, elements: gradient.map { Float($0[vocabularySize]) }),
      ]
    )
  }

  func losses(of texts: [TokenSequence]) throws -> [Double] {
    texts.map { scale * -log(probabilities(of: counts(of: $0))[label(of: $0)]) }
  }

  func classes(of texts: [TokenSequence]) throws -> [Int] {
    texts.map { text in
      let probabilities = probabilities(of: counts(of: text))
      return probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
    }
  }

  private func counts(of text: TokenSequence) -> [Double] {
    (0..<vocabularySize).map { token in Double(text.tokens.count { $0 == token }) }
  }

  private func label(of text: TokenSequence) -> Int {
    guard case .label(let label) = text.goal else { preconditionFailure("a text without a class") }
    return label
  }

  private func probabilities(of counts: [Double]) -> [Double] {
    let logits = (0..<classCount).map { row in
      counts.indices.reduce(Double(adapter.parameters[1][row, 0])) {
        $0 + Double(adapter.parameters[0][row, $1]) * counts[$1]
      }
    }
    let largest = logits.max() ?? 0
    let powers = logits.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// Texts of four tokens each, whose class is that of their most frequent half of the vocabulary, but for some.
  static func texts(_ count: Int, seed: UInt64, vocabularySize: Int = 8) -> [TokenSequence] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let label = generator.index(below: 2)
      let length = 2 + generator.index(below: 5)
      let tokens = (0..<length).map { _ in
        let isOwn = generator.uniform() < 0.85
        let half = isOwn ? label : 1 - label
        return half * vocabularySize / 2 + generator.index(below: vocabularySize / 2)
      }
      return TokenSequence(tokens: tokens, goal: .label(label))
    }
  }
}
