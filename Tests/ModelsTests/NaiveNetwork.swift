import Data
import Foundation
import LinearAlgebra
import Models

/// The reference, slow and obvious: textbook backpropagation, an example at a time.
struct NaiveNetwork {
  let model: MultilayerPerceptron<Double>

  /// The loss of one example and its gradient by every trained parameter, in the layout's order.
  func lossAndGradient(_ features: [Double], label: Int) -> (loss: Double, gradient: [[Double]]) {
    var inputs: [[Double]] = []
    var current = features
    for (index, layer) in model.layers.enumerated() {
      inputs.append(current)
      let weight = effectiveWeight(layer)
      var output = layer.bias
      for o in output.indices {
        for i in current.indices { output[o] += weight[o][i] * current[i] }
      }
      current = index == model.layers.count - 1 ? output : output.map(model.activation.value)
    }
    let total = current.map { exp($0) }.reduce(0, +)
    let loss = log(total) - current[label]
    var delta = current.enumerated().map { exp($1) / total - ($0 == label ? 1 : 0) }

    var byLayer: [[[Double]]] = []
    for (index, layer) in model.layers.enumerated().reversed() {
      byLayer.append(
        gradients(of: layer, isHead: index == model.layers.count - 1, delta, inputs[index]))
      let weight = effectiveWeight(layer)
      delta = inputs[index].indices.map { i in
        var sum = 0.0
        for o in delta.indices { sum += delta[o] * weight[o][i] }
        return index == 0 ? 0 : sum * derivative(output: inputs[index][i])
      }
    }
    return (loss, byLayer.reversed().flatMap { $0 })
  }

  /// The derivative of what hidden units do, from its own value.
  private func derivative(output: Double) -> Double {
    switch model.activation {
    case .tanh: 1 - output * output
    case .relu: output > 0 ? 1 : 0
    }
  }

  /// W + (α/r)·B·A.
  private func effectiveWeight(_ layer: LinearLayer<Double>) -> [[Double]] {
    (0..<layer.outputs).map { o in
      (0..<layer.inputs).map { i in
        var value = layer.weight[o, i]
        if let adapter = layer.adapter {
          for k in 0..<adapter.rank {
            value += adapter.alpha / Double(adapter.rank) * adapter.up[o, k] * adapter.down[k, i]
          }
        }
        return value
      }
    }
  }

  private func gradients(
    of layer: LinearLayer<Double>, isHead: Bool, _ delta: [Double], _ input: [Double]
  ) -> [[Double]] {
    // The gradient by the effective weight; what adapters get follows by the product rule.
    let weight = delta.map { d in input.map { d * $0 } }
    guard let adapter = layer.adapter else {
      return model.hasAdapters && !isHead ? [] : [weight.flatMap { $0 }, delta]
    }
    let scale = adapter.alpha / Double(adapter.rank)
    var down: [Double] = []
    for k in 0..<adapter.rank {
      for i in input.indices {
        down.append(delta.indices.map { scale * adapter.up[$0, k] * weight[$0][i] }.reduce(0, +))
      }
    }
    var up: [Double] = []
    for o in delta.indices {
      for k in 0..<adapter.rank {
        up.append(input.indices.map { scale * weight[o][$0] * adapter.down[k, $0] }.reduce(0, +))
      }
    }
    return [down, up]
  }
}
