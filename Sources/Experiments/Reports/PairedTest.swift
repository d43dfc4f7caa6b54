internal import Algorithms
internal import InfluenceKit
internal import Reporting

/// A test of whether one method is better than another by some measure: both are measured at each seed, under the same
/// circumstances, and the differences are held against none by Student's t test.
///
/// Tests that a table shows together are corrected together (``corrected(_:)``).
struct PairedTest<Circumstances> {
  /// What else was the same for both: the model, the damping.
  let circumstances: Circumstances
  /// What was measured.
  let quantity: String
  /// The method that is held to have the larger values.
  let better: String
  let worse: String
  /// Better less worse, seed by seed.
  let difference: SeedStatistic
  /// The chance of a difference as far from zero where there is none, after Holm's correction for all tests of the
  /// table; nil for one seed, or before the correction.
  private(set) var correctedChance: Double?

  /// Compares values of the same seeds.
  ///
  /// - Parameter share: Where seeds share examples, as for ``SeedStatistic``.
  /// - Throws: `EvaluationError` where a value is not finite.
  init(
    of quantity: String, at circumstances: Circumstances,
    _ better: (name: String, values: [Double]),
    over worse: (name: String, values: [Double]), resampling share: Double? = nil
  ) throws {
    precondition(better.values.count == worse.values.count, "values of other seeds")
    self.quantity = quantity
    self.circumstances = circumstances
    (self.better, self.worse) = (better.name, worse.name)
    difference = try SeedStatistic(better.values, minus: worse.values, resampling: share)
  }

  /// The chance before the correction; nil for one seed.
  var chance: Double? { difference.chanceOfNone }

  /// The same tests with ``correctedChance``, where all of them have a chance.
  static func corrected(_ tests: [Self]) -> [Self] {
    let chances = tests.compactMap(\.chance)
    guard chances.count == tests.count else { return tests }
    var tests = tests
    for (index, chance) in MultipleTests.holm(chances).enumerated() {
      tests[index].correctedChance = chance
    }
    return tests
  }

  /// The columns of a table of tests, to follow those of the circumstances.
  static var columns: [TableField<Self>] {
    [
      .text("of", \.quantity), .text("method", \.better), .text("over", \.worse),
      .statistic("difference", \.difference),
      .number("chance", .significant(digits: 2), \.chance),
      .number("corrected", .significant(digits: 2), \.correctedChance),
    ]
  }

  /// A sentence for each run of tests of the same two methods by the same measure.
  static func findings(_ tests: [Self]) -> [String] {
    tests.chunked {
      ($0.quantity, $0.better, $0.worse) == ($1.quantity, $1.better, $1.worse)
    }.compactMap { group in
      guard let first = group.first else { return nil }
      let clear = group.filter { ($0.correctedChance ?? 1) < 0.05 }
      let above = clear.count { $0.difference.mean > 0 }
      let mean = Statistics.mean(group.map(\.difference.mean))
      return
        "\(first.quantity.prefix(1).uppercased())\(first.quantity.dropFirst()) of `\(first.better)` over `\(first.worse)`: \(NumberFormat.decimals(mean, 3)) on average over \(group.count) settings; clearly above in \(above), clearly below in \(clear.count - above) (5 %, corrected for all comparisons)."
    }
  }
}
