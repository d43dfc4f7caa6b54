internal import Data
public import LinearAlgebra
internal import RealModule

/// Adam with decoupled weight decay, the update rule of `torch.optim.AdamW`.
///
/// Step t = 1, 2, … with gradient g changes each parameter p by
///
///     p ← p − η·w·p
///     m ← β₁·m + (1 − β₁)·g
///     v ← β₂·v + (1 − β₂)·g²
///     p ← p − η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
///
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019). Decay acts on every
/// parameter, biases too, as in PyTorch without parameter groups.
public struct AdamW<Element: Scalar>: Sendable {
  /// The numbers in the update rule; defaults are PyTorch's.
  public struct Settings: Sendable, Hashable, Codable {
    /// η, positive.
    public var learningRate: Double
    /// w, at least 0.
    public var weightDecay: Double
    /// β₁, the memory of the mean gradient, in 0 ..< 1.
    public var firstMomentDecay: Double
    /// β₂, the memory of the mean squared gradient, in 0 ..< 1.
    public var secondMomentDecay: Double
    /// ε, positive: keeps the division finite.
    public var epsilon: Double

    /// Collects the numbers; ``AdamW/init(_:)`` checks them.
    public init(
      learningRate: Double = 1e-3, weightDecay: Double = 0.01, firstMomentDecay: Double = 0.9,
      secondMomentDecay: Double = 0.999, epsilon: Double = 1e-8
    ) {
      self.learningRate = learningRate
      self.weightDecay = weightDecay
      self.firstMomentDecay = firstMomentDecay
      self.secondMomentDecay = secondMomentDecay
      self.epsilon = epsilon
    }
  }

  /// The numbers in the update rule.
  public let settings: Settings
  /// The number of steps taken.
  public private(set) var stepCount = 0
  /// The tensors m, none before the first step.
  package private(set) var firstMoments: [[Element]] = []
  /// The tensors v, none before the first step.
  package private(set) var secondMoments: [[Element]] = []

  /// Makes an optimiser that has seen no gradient yet.
  ///
  /// - Throws: ``ModelError/badSetting(name:value:allowed:)``.
  public init(_ settings: Settings = Settings()) throws(ModelError) {
    let rate = settings.learningRate
    try ModelError.check(
      rate > 0 && rate.isFinite, "learning rate", rate, "a positive number, such as 0.001")
    let decay = settings.weightDecay
    try ModelError.check(
      decay >= 0 && decay.isFinite, "weight decay", decay, "a number from 0 up, such as 0.01")
    for (name, beta) in [
      ("first moment decay", settings.firstMomentDecay),
      ("second moment decay", settings.secondMomentDecay),
    ] {
      try ModelError.check(beta >= 0 && beta < 1, name, beta, "a number from 0 up to below 1")
    }
    let epsilon = settings.epsilon
    try ModelError.check(
      epsilon > 0 && epsilon.isFinite, "epsilon", epsilon, "a small positive number")
    self.settings = settings
  }

  /// Goes on where another optimiser with the same settings was.
  ///
  /// - Parameters:
  ///   - stepCount: The number of steps taken.
  ///   - firstMoments: The tensors m, one for each tensor of parameters; none before the first step.
  ///   - secondMoments: The tensors v.
  package mutating func restore(
    stepCount: Int, firstMoments: [[Element]], secondMoments: [[Element]]
  ) {
    precondition(
      firstMoments.map(\.count) == secondMoments.map(\.count), "m and v are of other sizes")
    self.stepCount = stepCount
    self.firstMoments = firstMoments
    self.secondMoments = secondMoments
  }

  /// Takes one step.
  ///
  /// - Parameters:
  ///   - parameters: The tensors to change, the same ones in each step.
  ///   - gradients: The gradient by each, of the same sizes.
  ///   - learningRate: η of this step, at least 0; that of the settings unless given.
  /// - Complexity: a pass over parameters, gradients and both moments.
  public mutating func step(
    _ parameters: inout [[Element]], gradients: [[Element]], learningRate: Double? = nil
  ) {
    precondition(
      parameters.map(\.count) == gradients.map(\.count), "gradients do not fit the parameters")
    if firstMoments.isEmpty {
      firstMoments = parameters.map { Array(repeating: 0, count: $0.count) }
      secondMoments = firstMoments
    }
    precondition(
      parameters.map(\.count) == firstMoments.map(\.count),
      "the parameters changed in size since the first step")
    stepCount += 1
    for index in parameters.indices {
      update(
        &parameters[index], gradients[index], &firstMoments[index], &secondMoments[index],
        learningRate: learningRate ?? settings.learningRate)
    }
  }

  @specialized(where Element == Float)
  @specialized(where Element == Double)
  private func update(
    _ parameters: inout [Element], _ gradients: [Element], _ first: inout [Element],
    _ second: inout [Element], learningRate: Double
  ) {
    // The corrections are taken in Double, where powers of β₂ near 1 keep their digits.
    let step = Double(stepCount)
    let firstCorrection = 1 - Double.pow(settings.firstMomentDecay, step)
    let secondCorrection = 1 - Double.pow(settings.secondMomentDecay, step)
    let keep = Element(1 - learningRate * settings.weightDecay)
    let rate = Element(learningRate / firstCorrection)
    let root = Element(secondCorrection.squareRoot())
    let (beta1, rest1) = pair(settings.firstMomentDecay)
    let (beta2, rest2) = pair(settings.secondMomentDecay)
    let epsilon = Element(settings.epsilon)
    for index in parameters.indices {
      let gradient = gradients[index]
      first[index] = beta1 * first[index] + rest1 * gradient
      second[index] = beta2 * second[index] + rest2 * gradient * gradient
      let denominator = second[index].squareRoot() / root + epsilon
      parameters[index] = keep * parameters[index] - rate * first[index] / denominator
    }
  }

  /// A decay and what is left of 1, each rounded once.
  private func pair(_ decay: Double) -> (Element, Element) { (Element(decay), Element(1 - decay)) }
}
