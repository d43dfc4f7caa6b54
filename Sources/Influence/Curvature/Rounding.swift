import LinearAlgebra

/// How far sums of products in one precision can be from what they should be.
///
/// A sum of k products in any order differs from the true sum by at most γₖ·Σ|xⱼ||yⱼ|, with
/// γₖ = ku/(1 − ku) and u the unit roundoff (Higham, "Accuracy and Stability of Numerical Algorithms",
/// 2nd edition, section 3.1), and by a tiny amount for each product that underflows.
struct Rounding: Sendable {
  /// u: 2⁻²⁴ or 2⁻⁵³.
  let unit: Double
  /// The most that one underflowing operation loses.
  let smallest: Double

  /// 32-bit numbers.
  static let single = Rounding(unit: 0x1p-24, smallest: 0x1p-149)
  /// 64-bit numbers.
  static let double = Rounding(unit: 0x1p-53, smallest: 0x1p-1074)

  /// That of an element type.
  static func of<Element: Scalar>(_ type: Element.Type) -> Rounding {
    Element.self == Float.self ? single : double
  }

  /// γₖ for k summands, each rounded twice more: once as it is read, once as the sum is stored.
  ///
  /// Infinite where nothing can be said: then a bound is infinite too.
  func gamma(_ summands: Int) -> Double {
    let share = Double(Self.depth(summands) + 4) * unit
    return share < 0.5 ? share / (1 - share) : .infinity
  }

  /// The most roundings that one summand of a long sum goes through.
  ///
  /// Matrix products sum at most ``blockDepth`` products in registers before they add to what is
  /// there, and never fewer than ``fewestInBlock`` where that many are left.
  static func depth(_ summands: Int) -> Int {
    summands <= blockDepth ? summands : blockDepth + summands / fewestInBlock
  }

  /// The most products that a BLAS sums before it adds to memory: above OpenBLAS's largest, 1,024.
  private static let blockDepth = 2048
  /// The fewest: below OpenBLAS's smallest for processors of today, 192.
  private static let fewestInBlock = 128
}
