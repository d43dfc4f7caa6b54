public import LinearAlgebra

/// How far a computed number may lie from the expected one, derived rather than guessed.
///
/// The tolerance is *normwise*: it is relative to one scale for all elements, by default the
/// expected element of the largest magnitude, because that is what the error bounds of matrix
/// algorithms are about. A small element of a large matrix has no more correct digits than that.
public struct Bound: Sendable {
  private enum Rule: Sendable {
    case absolute(Double)
    case relative(Double)
    case backward(factor: Double, precision: (any Scalar.Type)?)
  }

  /// The factor c of ``backward(order:condition:scale:in:)``.
  ///
  /// Published bounds count rounding errors of u = ulp(1) / 2 with constants of 1 to about 8 before
  /// the order (Higham, "Accuracy and Stability of Numerical Algorithms", chapters 3, 8 and 10);
  /// 4 · ulp(1) covers them.
  public static let constant = 4.0

  private let rule: Rule
  private let scale: Double?

  /// Nothing but equality will do.
  public static let exact = Bound(rule: .absolute(0), scale: nil)

  /// The same distance whatever the magnitude of the expected numbers.
  public static func absolute(_ tolerance: Double) -> Bound {
    Bound(rule: .absolute(tolerance), scale: nil)
  }

  /// A fraction of the largest expected magnitude.
  public static func relative(_ tolerance: Double) -> Bound {
    Bound(rule: .relative(tolerance), scale: nil)
  }

  /// What a backward stable algorithm owes: c · n · κ · ulp(1) · scale.
  ///
  /// - Parameters:
  ///   - order: The length n of the longest sum behind one element.
  ///   - condition: The condition number κ of the problem; 1 for products and reconstructions.
  ///   - scale: The magnitude that errors are relative to; by default the largest expected magnitude.
  ///     Give it where cancellation makes the result smaller than the numbers that are summed.
  ///   - precision: The type that was computed in; by default the type of the found numbers.
  public static func backward(
    order: Int, condition: Double = 1, scale: Double? = nil, in precision: (any Scalar.Type)? = nil
  ) -> Bound {
    Bound(
      rule: .backward(
        factor: constant * Double(max(order, 1)) * max(condition, 1), precision: precision),
      scale: scale)
  }

  /// The largest distance allowed between numbers found as `Found`.
  func tolerance<Found: BinaryFloatingPoint>(for: Found.Type, largestExpected: Double) -> Double {
    switch rule {
    case .absolute(let tolerance): return tolerance
    case .relative(let tolerance): return tolerance * (scale ?? largestExpected)
    case .backward(let factor, let precision):
      let unit = precision.map { Self.unit(of: $0) } ?? Double(Found.ulpOfOne)
      return factor * unit * (scale ?? largestExpected)
    }
  }

  private static func unit<Element: Scalar>(of: Element.Type) -> Double { Double(Element.ulpOfOne) }
}

extension Bound: CustomStringConvertible {
  /// How the tolerance comes about.
  public var description: String {
    let suffix = scale.map { " at a scale of \($0)" } ?? ""
    return switch rule {
    case .absolute(0): "exactly equal"
    case .absolute(let tolerance): "within \(tolerance)"
    case .relative(let tolerance): "within \(tolerance) of the largest expected" + suffix
    case .backward(let factor, let precision):
      "within \(factor) ulp(1)" + (precision.map { " of \($0)" } ?? "") + suffix
    }
  }
}
