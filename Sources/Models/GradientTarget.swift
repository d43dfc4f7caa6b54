/// What per-example gradients are the gradients of.
public enum GradientTarget: String, Sendable, Hashable, CaseIterable {
  /// Each example's own loss, −log p.
  case loss
  /// The margin log p/(1 − p) of its class, which TRAK takes (Park et al., 2023).
  case margin
}
