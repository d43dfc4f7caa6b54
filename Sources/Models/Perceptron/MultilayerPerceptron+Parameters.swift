public import Gradients
internal import LinearAlgebra

/// One trained tensor of a network.
struct TrainableParameter: Sendable {
  enum Role { case weight, bias, down, up }
  let layer: Int
  let role: Role
  let name: String
  let shape: [Int]
}

extension MultilayerPerceptron {
  /// The names and shapes of the trained parameters: the blocks of a gradient row, in order.
  ///
  /// With adapters: `layers.k.lora_A` (`[rank, inputs]`) and `layers.k.lora_B` (`[outputs, rank]`)
  /// of each adapted layer, then `head.weight` (`[classes, inputs]`) and `head.bias` (`[classes]`).
  /// Without: `layers.k.weight` and `layers.k.bias` of each hidden layer, then the head.
  public var layout: BlockLayout { layout(fromLayer: 0) }

  /// The part of ``layout`` that belongs to a layer and those after it.
  func layout(fromLayer first: Int) -> BlockLayout {
    BlockLayout(trainableParameters.filter { $0.layer >= first }.map { ($0.name, $0.shape) })
  }

  /// The values of the trained parameters, each row by row, in the order of ``layout``.
  ///
  /// Set to move the network through parameter space; sizes must stay as they are.
  public var trainableValues: [[Element]] {
    get {
      trainableParameters.map { parameter in
        let layer = layers[parameter.layer]
        return switch parameter.role {
        case .weight: layer.weight.elements
        case .bias: layer.bias
        case .down: layer.adapter?.down.elements ?? []
        case .up: layer.adapter?.up.elements ?? []
        }
      }
    }
    set {
      let parameters = trainableParameters
      precondition(
        newValue.count == parameters.count,
        "\(newValue.count) tensors for \(parameters.count) trained parameters")
      for (parameter, values) in zip(parameters, newValue) {
        let shape = parameter.shape
        switch parameter.role {
        case .weight:
          layers[parameter.layer].weight = Matrix(
            rows: shape[0], columns: shape[1], elements: values)
        case .bias:
          precondition(values.count == shape[0], "\(values.count) biases for \(shape[0]) outputs")
          layers[parameter.layer].bias = values
        case .down:
          layers[parameter.layer].adapter?.down = Matrix(
            rows: shape[0], columns: shape[1], elements: values)
        case .up:
          layers[parameter.layer].adapter?.up = Matrix(
            rows: shape[0], columns: shape[1], elements: values)
        }
      }
    }
  }

  /// What is trained, in the order of ``layout``: the one place that decides both.
  var trainableParameters: [TrainableParameter] {
    let isAdapted = hasAdapters
    var parameters: [TrainableParameter] = []
    for (index, layer) in layers.enumerated() {
      let isHead = index == layers.count - 1
      let prefix = isHead ? "head" : "layers.\(index)"
      func add(_ role: TrainableParameter.Role, _ name: String, _ shape: [Int]) {
        parameters.append(
          TrainableParameter(layer: index, role: role, name: "\(prefix).\(name)", shape: shape))
      }
      if let adapter = layer.adapter {
        add(.down, "lora_A", [adapter.rank, layer.inputs])
        add(.up, "lora_B", [layer.outputs, adapter.rank])
      }
      if isHead || !isAdapted {
        add(.weight, "weight", [layer.outputs, layer.inputs])
        add(.bias, "bias", [layer.outputs])
      }
    }
    return parameters
  }
}
