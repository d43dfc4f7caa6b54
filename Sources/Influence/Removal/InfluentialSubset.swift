/// A set of training examples that was found to change a quantity a lot when it is removed.
public struct InfluentialSubset: Sendable, Equatable {
  /// The examples, in the order in which they were picked; of an exhaustive search in ascending order.
  public var rows: [Int]
  /// For each, its effect as it was predicted when it was picked: by itself, from the model of that round.
  public var gains: [Double]
  /// What removing the whole set does by the model that was searched; nil of `greedy` where it has no second order,
  /// because a leverage of the set is 1 or more.
  public var effect: Double?
  /// The sum of the set's effects to first order, each example by itself from the model of all.
  public var firstOrder = 0.0
  /// How often effects were computed, or how many sets were tried.
  public var rounds: Int
  /// Examples that could not be candidates: each determines a direction of the parameters alone.
  public var fixedRows: [Int]

  /// The sum of ``gains``: what an algorithm believes that adds up effects.
  public var predicted: Double { gains.reduce(0, +) }
}
