internal import Foundation

/// The straight line through logarithms: y ≈ c·xᵖ.
///
///     p = Σ (u − ū)(v − v̄)/Σ (u − ū)²,   u = log x,  v = log y
///     standard error √(Σ r²/(k − 2)/Σ (u − ū)²),   r the residuals of v
struct PowerLawFit {
  let exponent: Double
  /// The standard error of p; nil for two points, through which any line goes.
  let standardError: Double?

  /// Fits positive points; nil for fewer than two different x.
  init?(x: [Double], y: [Double]) {
    precondition(x.count == y.count, "\(x.count) numbers for \(y.count)")
    guard (x + y).allSatisfy({ $0 > 0 && $0.isFinite }), x.count >= 2 else { return nil }
    let (u, v) = (x.map { log($0) }, y.map { log($0) })
    let count = Double(x.count)
    let (meanU, meanV) = (u.reduce(0, +) / count, v.reduce(0, +) / count)
    let squares = u.reduce(0) { $0 + ($1 - meanU) * ($1 - meanU) }
    guard squares > 0 else { return nil }
    let slope = zip(u, v).reduce(0) { $0 + ($1.0 - meanU) * ($1.1 - meanV) } / squares
    exponent = slope
    let residuals = zip(u, v).reduce(0) { sum, point in
      let residual = point.1 - meanV - slope * (point.0 - meanU)
      return sum + residual * residual
    }
    standardError = x.count > 2 ? (residuals / (count - 2) / squares).squareRoot() : nil
  }
}
