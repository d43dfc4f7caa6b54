internal import RealModule

/// The parts of softmax and of log Σ exp(zₖ), which no z is too large for.
///
///     pₖ = exp(zₖ − max z)/Σ exp(z − max z),   log Σ exp(z) = max z + log Σ exp(z − max z)
public struct Softmax<Element: Scalar>: Sendable {
  /// max z; 0 of no numbers.
  public let largest: Element
  /// exp(zₖ − max z), each from 0 to 1.
  public let powers: [Element]
  /// The sum of the powers, in their order.
  public let total: Element

  /// Takes the numbers z.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public init(_ values: [Element]) {
    let largest = values.max() ?? 0
    powers = values.map { Element.exp($0 - largest) }
    total = powers.reduce(0, +)
    self.largest = largest
  }

  /// pₖ, from 0 to 1; their sum is 1 up to rounding.
  public var probabilities: [Element] { powers.map { $0 / total } }

  /// The place of a number, drawn with the probabilities.
  ///
  /// - Parameter uniform: A number from 0 to below 1.
  package func drawn(_ uniform: Element) -> Int {
    var left = uniform * total
    for (place, power) in powers.enumerated() {
      left -= power
      if left < 0 { return place }
    }
    return powers.count - 1
  }
}

/// The probability and the loss of a class that is one of two.
public enum Logistic {
  /// σ(z) = 1/(1 + exp(−z)), without overflow on either side.
  public static func probability(_ logit: Double) -> Double {
    logit >= 0 ? 1 / (1 + Double.exp(-logit)) : Double.exp(logit) / (1 + Double.exp(logit))
  }

  /// log(1 + exp(−(2y − 1)·z)) in nats, without overflow on either side.
  ///
  /// - Parameters:
  ///   - logit: z of class 1.
  ///   - label: y, 0 or 1.
  public static func loss(logit: Double, label: Int) -> Double {
    let margin = label == 1 ? logit : -logit
    return margin >= 0
      ? Double.log(onePlus: Double.exp(-margin))
      : Double.log(onePlus: Double.exp(margin)) - margin
  }
}
