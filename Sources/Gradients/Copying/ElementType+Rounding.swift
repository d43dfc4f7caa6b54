package import TensorFiles

extension ElementType {
  /// The number that is read again where `value` was written as this type, rounded to nearest even as
  /// the writer does.
  ///
  /// - Parameters:
  ///   - value: A finite number.
  ///   - peak: The largest magnitude in the number's row of its block, which decides the scale of int8;
  ///     other types do not need it.
  /// - Returns: Infinity where the type cannot hold a number so large.
  package func rounded(_ value: Double, peak: Double) -> Double {
    switch self {
    case .float64: return value
    case .float32: return Double(Float(value))
    case .float16:
      return Self.rounded(value, precision: 10, leastExponent: -14, limit: 65_504)
    case .bfloat16:
      return Self.rounded(
        value, precision: 7, leastExponent: -126, limit: Double(Float.greatestFiniteMagnitude))
    case .int8:
      guard peak > 0 else { return 0 }
      let scale = ScaledRows.scale(ofPeak: peak)
      return Double(scale * Float((value / Double(scale)).rounded(.toNearestOrEven)))
    }
  }

  private static func rounded(
    _ value: Double, precision: Int, leastExponent: Int, limit: Double
  ) -> Double {
    guard value != 0 else { return value }
    let step = Double(
      sign: .plus, exponent: max(Int(value.exponent), leastExponent) - precision, significand: 1)
    let rounded = (value / step).rounded(.toNearestOrEven) * step
    return rounded.magnitude > limit ? .infinity : rounded
  }
}
