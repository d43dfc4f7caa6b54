/// The function between the two linear maps of a feed-forward layer.
public enum ModelActivation: String, Sendable, Hashable, CaseIterable {
  /// x · Φ(x), with the normal distribution function Φ itself.
  case gelu
  /// x · Φ(x) with Φ approximated by a hyperbolic tangent: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
  case geluTanh
  /// x / (1 + e⁻ˣ), also called swish.
  case silu
  /// max(x, 0).
  case relu

  /// The function that configurations call `name`; nil for any other.
  package init?(configured name: String) {
    switch name {
    case "gelu": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh": self = .geluTanh
    case "silu", "swish": self = .silu
    case "relu": self = .relu
    default: return nil
    }
  }

  /// The names that are known, for sentences.
  static let names = "gelu, gelu_new, gelu_pytorch_tanh, silu, swish and relu"
}
