/// How the damping λ of each block is chosen.
public enum Damping: Hashable, Sendable {
  /// λ = c · tr(F)/d: a share of the block's mean eigenvalue, as DataInf does with c = 0.1
  /// (arXiv 2310.00902, section 4). Follows the scale of the gradients, so one value suits all blocks.
  case relative(Double)
  /// The same λ for every block, in squared units of the gradients.
  case absolute(Double)

  /// DataInf's rule, 0.1 · tr(F)/d.
  public static var standard: Damping { .relative(0.1) }

  /// The damping of one block.
  ///
  /// - Parameters:
  ///   - trace: tr(F), the mean squared norm of the block's gradients; positive.
  ///   - width: The number of columns d of the block.
  /// - Throws: ``InfluenceError/invalidDamping(_:)`` unless λ is positive and finite.
  public func lambda(trace: Double, width: Int) throws(InfluenceError) -> Double {
    try validate()
    let lambda =
      switch self {
      case .relative(let share): share * trace / Double(width)
      case .absolute(let value): value
      }
    guard lambda > 0 || self == .absolute(0), lambda.isFinite else {
      throw .invalidDamping("\(self) of a mean eigenvalue of \(trace / Double(width))")
    }
    return lambda
  }

  /// Checks that the damping is positive, or absolutely zero, and finite.
  public func validate() throws(InfluenceError) {
    let value =
      switch self {
      case .relative(let share): share
      case .absolute(let value): value
      }
    guard value > 0 || self == .absolute(0), value.isFinite else {
      throw .invalidDamping("\(self)")
    }
  }
}

extension Damping: LosslessStringConvertible {
  /// Reads `0.1` (relative) or `absolute:1e-3`.
  public init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 1, let share = Double(parts[0]) {
      self = .relative(share)
    } else if parts.count == 2, parts[0] == "relative", let share = Double(parts[1]) {
      self = .relative(share)
    } else if parts.count == 2, parts[0] == "absolute", let value = Double(parts[1]) {
      self = .absolute(value)
    } else {
      return nil
    }
  }

  /// `0.1`, or `absolute:0.001`.
  public var description: String {
    switch self {
    case .relative(let share): "\(share)"
    case .absolute(let value): "absolute:\(value)"
    }
  }
}
