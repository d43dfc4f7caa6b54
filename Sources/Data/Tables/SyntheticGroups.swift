public import LinearAlgebra
internal import RealModule

/// Two classes of points in the plane, each point in one of two groups that goes with its class: the toy
/// problem of experiments on fairness and robustness.
///
/// The classes are equally likely, and group 1 has probability (1 + ρ)/2 in class 1 and (1 − ρ)/2 in class 0,
/// so that ρ is the correlation of group and label. Made for experiments like those of arXiv 2405.17490, whose own
/// settings are not public.
public struct SyntheticGroups: Sendable, Hashable {
  /// Where the two classes lie, before noise.
  public enum Shape: String, Sendable, CaseIterable {
    /// The points (−1, −1) and (1, 1): a line parts them.
    case gaussians
    /// Two half circles of radius 1 that reach into each other: class 0 around (0, 0), above, and class 1 around
    /// (1, ½), below.
    case moons
    /// The corners (±1, ±1): class 1 where the signs differ.
    case xor
    /// Circles around (0, 0): class 0 of radius 1, class 1 of radius 2.
    case rings
  }

  /// Where the classes lie.
  public var shape: Shape
  /// The deviation of the normal noise in each direction.
  public var noise: Double
  /// ρ, the correlation of group and label, from −1 to 1.
  public var groupCorrelation: Double
  /// Decides points, classes and groups.
  public var seed: UInt64

  /// Collects the numbers; ``parts(_:)`` checks them.
  public init(
    _ shape: Shape, noise: Double = 0.3, groupCorrelation: Double = 0.5, seed: UInt64
  ) {
    self.shape = shape
    self.noise = noise
    self.groupCorrelation = groupCorrelation
    self.seed = seed
  }

  /// Draws data sets, such as training, validation and test examples.
  ///
  /// Part k is a random sequence of its own: asking for more examples of one part does not change another, and
  /// more examples of the same part begin with the same ones.
  ///
  /// - Parameter counts: The size of each part, at least 1.
  /// - Returns: One part per count, of two features and two classes.
  /// - Throws: ``DataError/badSetting(name:value:allowed:)``.
  public func parts(_ counts: [Int]) throws(DataError) -> [GroupedDataSet<Double>] {
    try DataError.check(noise >= 0 && noise.isFinite, "noise", noise, "a number from 0")
    try DataError.check(
      abs(groupCorrelation) <= 1, "correlation of group and label", groupCorrelation,
      "a number in −1 ... 1")
    var parts: [GroupedDataSet<Double>] = []
    for (index, count) in counts.enumerated() {
      try DataError.check(count >= 1, "number of examples", count, "at least 1")
      parts.append(try part(index, count))
    }
    return parts
  }

  private func part(_ index: Int, _ count: Int) throws(DataError) -> GroupedDataSet<Double> {
    var generator = SeededGenerator(seed: seed, stream: RandomStream.synthetic + UInt64(index))
    var (points, labels, groups) = ([Double](), [Int](), [Int]())
    for _ in 0..<count {
      let label = generator.index(below: 2)
      let (x, y) = place(of: label, using: &generator)
      points.append(x + noise * generator.normal())
      points.append(y + noise * generator.normal())
      let share = (1 + (label == 1 ? groupCorrelation : -groupCorrelation)) / 2
      groups.append(generator.uniform() < share ? 1 : 0)
      labels.append(label)
    }
    let data = try TabularDataSet(
      features: Matrix(rows: count, columns: 2, elements: points), labels: labels, classCount: 2)
    return GroupedDataSet(data: data, groups: groups)
  }

  private func place(
    of label: Int, using generator: inout SeededGenerator
  ) -> (Double, Double) {
    switch shape {
    case .gaussians: return label == 1 ? (1, 1) : (-1, -1)
    case .xor:
      let side = generator.rademacher()
      return (side, label == 1 ? -side : side)
    case .moons:
      let angle = Double.pi * generator.uniform()
      return label == 0
        ? (Double.cos(angle), Double.sin(angle)) : (1 - Double.cos(angle), 0.5 - Double.sin(angle))
    case .rings:
      let angle = 2 * Double.pi * generator.uniform()
      let radius = Double(1 + label)
      return (radius * Double.cos(angle), radius * Double.sin(angle))
    }
  }
}
