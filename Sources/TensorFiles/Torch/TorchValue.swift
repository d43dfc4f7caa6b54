/// What a `.pt` file holds: tensors, containers of them, and plain values.
public indirect enum TorchValue: Sendable {
  /// A tensor.
  case tensor(TorchTensor)
  /// A list or a tuple.
  case list([TorchValue])
  /// A dictionary, in the order in which its keys were set; integers that are keys are written in decimal.
  case dictionary([(key: String, value: TorchValue)])
  /// An integer, a number, a text, a truth value or nothing, as Python would print it.
  case plain(String)

  /// Whether there is a tensor in it.
  public var holdsTensors: Bool {
    switch self {
    case .tensor: true
    case .list(let values): values.contains(where: \.holdsTensors)
    case .dictionary(let members): members.contains { $0.value.holdsTensors }
    case .plain: false
    }
  }
}
