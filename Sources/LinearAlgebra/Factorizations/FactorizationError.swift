/// Why a matrix could not be factorised: a property of the matrix, never a programming mistake.
public enum FactorizationError: Error, Equatable, Sendable {
  /// The matrix is not positive definite: the leading minor of this order (from 1) is not positive.
  case notPositiveDefinite(leadingMinor: Int, order: Int)
  /// An element is NaN or infinite.
  case notFinite(order: Int)
  /// A pivot block is exactly singular.
  case singular(pivot: Int, order: Int)
  /// Fewer eigenvalues than the order are larger than rounding; with the ratio of the largest to the
  /// smallest magnitude.
  case rankDeficient(rank: Int, order: Int, condition: Double)
  /// The eigenvalue iteration did not converge.
  case didNotConverge(unconverged: Int, order: Int)
  /// The routine's 32-bit workspace sizes cannot hold a matrix of this order.
  case tooLarge(order: Int, limit: Int)
}

extension FactorizationError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .notPositiveDefinite(let minor, let order):
      "the \(order) × \(order) matrix is not positive definite (leading minor \(minor)); raise the damping"
    case .notFinite(let order):
      "the \(order) × \(order) matrix holds NaN or infinite elements; look for the rows they come from in the health of the store"
    case .singular(let pivot, let order):
      "the \(order) × \(order) matrix is singular at pivot \(pivot); raise the damping"
    case .rankDeficient(let rank, let order, let condition):
      "the \(order) × \(order) matrix is singular: its rank is \(rank), and its condition number \(condition); raise the damping"
    case .didNotConverge(let unconverged, let order):
      "\(unconverged) eigenvalues of the \(order) × \(order) matrix did not converge; rescale the gradients or raise the damping"
    case .tooLarge(let order, let limit):
      "a matrix of order \(order) is past the limit of \(limit) for this factorization; use an iterative method (cg) or fewer rows"
    }
  }
}
