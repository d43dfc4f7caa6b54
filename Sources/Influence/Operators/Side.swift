/// Where the curvature of a block is applied.
public enum Side: String, Sendable, CaseIterable {
  /// To the products C = V·Gᵀ, through the `n × n` kernel K.
  case score
  /// To the queries V, giving X = V·M and then S = X·Gᵀ.
  case query
}
