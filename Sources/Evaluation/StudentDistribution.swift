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
    let ratio = t * t / degreesOfFreedom
    let half = degreesOfFreedom / 2
    // x, ln x and 1 − x, without the cancellation of any.
    return IncompleteBeta.regularized(
      1 / (1 + ratio), logX: -Double.log(onePlus: ratio), complement: ratio / (1 + ratio), a: half)
      / 2
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
  /// I_x(a, ½), by Lentz's continued fraction on the side where it converges fast.
  ///
  /// Press et al., "Numerical Recipes" (3rd edition, 2007), section 6.4.
  ///
  /// - Parameters:
  ///   - x: In 0 ... 1.
  ///   - logX: ln x.
  ///   - complement: 1 − x.
  ///   - a: Positive.
  static func regularized(
    _ x: Double, logX: Double, complement: Double, a: Double
  ) -> Double {
    guard complement > 0 else { return 1 }
    let front = Double.exp(a * logX + 0.5 * Double.log(complement) - logBeta(a))
    if x < (a + 1) / (a + 2.5) { return front * fraction(x, a, 0.5) / a }
    return 1 - front * fraction(complement, 0.5, a) / 0.5
  }

  /// ln B(a, ½) = ln Γ(a) + ln Γ(½) − ln Γ(a + ½).
  private static func logBeta(_ a: Double) -> Double {
    let logRootPi = 0.5 * Double.log(.pi)
    guard a > 1000 else { return Double.logGamma(a) - Double.logGamma(a + 0.5) + logRootPi }
    // Γ(a + ½)/Γ(a) = √a·exp(−1/(8a) + 1/(192a³) − …): the difference of two large logarithms would cost
    // digits.
    return logRootPi - 0.5 * Double.log(a) + 1 / (8 * a) - 1 / (192 * a * a * a)
  }

  private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
    let tiny = 1e-300
    func bounded(_ value: Double) -> Double { value.magnitude < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / bounded(1 - (a + b) * x / (a + 1))
    var result = d
    // Takes a number of steps of the order of √max(a, b).
    for step in 1...1_000_000 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / bounded(1 + even * d)
      c = bounded(1 + even / c)
      result *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / bounded(1 + odd * d)
      c = bounded(1 + odd / c)
      let change = d * c
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
