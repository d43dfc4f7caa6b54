/// What a method says of itself beside its name, settings and needs: what `influence methods NAME` prints.
///
/// The notation is that of docs/methods.md: gradients G (n × d) and V (m × d) of a block, F = GᵀG/n, K = GGᵀ, C = VGᵀ,
/// damping λ, blocks that are linear maps of q × p.
public struct MethodPage: Sendable, Hashable {
  /// What scores are, one formula a line.
  public let formula: [String]
  /// Who described it, and where.
  public let source: String
  /// Operations for each block, once and for m queries.
  public let cost: String
  /// What to know before it is used; empty where there is nothing.
  public let remark: String

  /// Collects the texts.
  public init(formula: String..., source: String, cost: String, remark: String = "") {
    self.formula = formula
    self.source = source
    self.cost = cost
    self.remark = remark
  }
}
