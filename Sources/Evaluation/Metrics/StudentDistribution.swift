internal import RealModule

/// Student's t distribution.
public struct StudentDistribution: Sendable, Equatable {
  /// ν, positive.
  public let degreesOfFreedom: Double

  /// Makes the distribution of a number of degrees of freedom.
  ///
  /// - Parameter degreesOfFreedom: ν, positive and finite.
  public init(degreesOfFreedom: Double) {
    precondition(
      degreesOfFreedom > 0 && degreesOfFreedom.isFinite, "\(degreesOfFreedom) degrees of freedom")
    self.degreesOfFreedom = degreesOfFreedom
  }

  /// The chance of a value above `t`, P(T > t).
  ///
  /// ½ · I_x(ν/2, ½) with x = ν/(ν + t²), the regularised incomplete beta function, for t ≥ 0: small tails
  /// keep their relative accuracy, about 10⁻¹³ for ν up to 10⁶.
  public func upperTail(_ t: Double) -> Double {
    guard t >= 0 else { return 1 - upperTail(-t) }
    return IncompleteBeta.regularized(ratio: t * t / degreesOfFreedom, a: degreesOfFreedom / 2) / 2
  }

  /// The t > 0 with P(|T| ≤ t) = level.
  ///
  /// Bisection of the tail down to neighbouring numbers, so that it is as accurate as the tail is.
  ///
  /// - Parameter level: In 0 < level < 1.
  public func centralQuantile(_ level: Double) -> Double {
    precondition(level > 0 && level < 1, "a level of \(level)")
    let tail = (1 - level) / 2
    var (low, high) = (0.0, 1.0)
    while upperTail(high) > tail, high < 1e300 { (low, high) = (high, 2 * high) }
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return middle }
      if upperTail(middle) > tail { low = middle } else { high = middle }
    }
  }
}

/// The regularised incomplete beta function with b = ½.
private enum IncompleteBeta {
  /// I_x(a, ½), by a continued fraction on either side.
  ///
  /// Everything comes from r = (1 − x)/x, not from x, whose distance from 1 rounding would spoil for large a.
  ///
  /// - Parameters:
  ///   - ratio: r ≥ 0.
  ///   - a: Positive.
  static func regularized(ratio: Double, a: Double) -> Double {
    guard ratio > 0 else { return 1 }
    guard ratio < .infinity else { return 0 }
    let complement = ratio / (1 + ratio)
    // xᵃ·√(1 − x)/B(a, ½).
    let front = Double.exp(
      -a * Double.log(onePlus: ratio) + 0.5 * Double.log(complement) - logBeta(a))
    if complement > 1.5 / (a + 2.5) { return front * upperFraction(ratio, a) / (a * complement) }
    return 1 - front * lowerFraction(complement, a) / 0.5
  }

  /// ln B(a, ½) = ln Γ(a) + ln Γ(½) − ln Γ(a + ½).
  private static func logBeta(_ a: Double) -> Double {
    let logRootPi = 0.5 * Double.log(.pi)
    guard a > 30 else { return Double.logGamma(a) - Double.logGamma(a + 0.5) + logRootPi }
    // ln Γ(a + ½) − ln Γ(a) = ½ ln a − 1/(8a) + 1/(192a³) − 1/(640a⁵) + 17/(14336a⁷) − …, whose next term is
    // below 10⁻¹⁶ here: the difference of two large logarithms would cost digits.
    let inverse = 1 / a
    let square = inverse * inverse
    let series =
      inverse * (-1.0 / 8 + square * (1.0 / 192 + square * (-1.0 / 640 + square * 17 / 14336)))
    return logRootPi - 0.5 * Double.log(a) - series
  }

  /// ₂F₁(½, 1; a + 1; −1/r) by Gauss's continued fraction, all of whose terms are positive.
  ///
  /// From I_x(a, b) = xᵃ(1 − x)^{b−1}/(a·B) · ₂F₁(1 − b, 1; a + 1; x/(x − 1)).
  private static func upperFraction(_ ratio: Double, _ a: Double) -> Double {
    1
      / continued { step in
        let m = Double(step / 2)
        return step % 2 == 1
          ? (m + 0.5) * (a + m) / ((a + 2 * m) * (a + 2 * m + 1)) / ratio
          : m * (a - 0.5 + m) / ((a + 2 * m - 1) * (a + 2 * m)) / ratio
      }
  }

  /// The fraction of I_y(½, a) for small y (Press et al., "Numerical Recipes", 3rd edition, section 6.4).
  private static func lowerFraction(_ y: Double, _ a: Double) -> Double {
    1
      / continued { step in
        let m = Double(step / 2)
        return step % 2 == 1
          ? -(m + 0.5) * (a + m + 0.5) * y / ((2 * m + 0.5) * (2 * m + 1.5))
          : m * (a - m) * y / ((2 * m - 0.5) * (2 * m + 0.5))
      }
  }

  /// 1 + c₁/(1 + c₂/(1 + …)), by Lentz's method.
  private static func continued(_ coefficient: (Int) -> Double) -> Double {
    func bounded(_ value: Double) -> Double { value.magnitude < 1e-300 ? 1e-300 : value }
    var result = 1.0
    var c = 1.0
    var d = 0.0
    for step in 1...100_000 {
      let term = coefficient(step)
      d = 1 / bounded(1 + term * d)
      c = bounded(1 + term / c)
      let change = c * d
      result *= change
      if (change - 1).magnitude < 1e-16 { break }
    }
    return result
  }
}

/// The standard normal distribution.
enum NormalDistribution {
  /// Φ(z), with the relative accuracy of erfc in the lower tail.
  static func cumulative(_ z: Double) -> Double { 0.5 * Double.erfc(-z / 2.0.squareRoot()) }

  /// Φ⁻¹(p) for 0 < p < 1, by bisection.
  static func quantile(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "the normal quantile of \(p)")
    // From the nearer tail, where the function keeps its digits.
    guard p <= 0.5 else { return -quantile(1 - p) }
    var (low, high) = (-40.0, 0.0)
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return middle }
      if cumulative(middle) < p { low = middle } else { high = middle }
    }
  }
}
