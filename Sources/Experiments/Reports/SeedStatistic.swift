internal import InfluenceKit
internal import Reporting

/// A number that was measured once for each seed: its mean, and how far the mean of all seeds may be from it.
struct SeedStatistic {
  let mean: Double
  /// Half of the width of the 95 % interval; nil for one seed, which says nothing of others.
  let halfWidth: Double?
  let values: [Double]

  /// Summarises the values of at least one seed, with Student's interval.
  ///
  /// - Parameters:
  ///   - values: One for each seed.
  ///   - share: Test examples by training examples, where seeds split the same examples again and again: then the
  ///     interval has Nadeau and Bengio's correction (2003), which takes the variance times 1/n + share in place of 1/n.
  ///     Nil where no two seeds share examples.
  /// - Throws: `EvaluationError` where a value is not finite.
  init(_ values: [Double], resampling share: Double? = nil) throws {
    self.values = values
    guard values.count > 1 else {
      guard let value = values.first else {
        throw EvaluationError.tooFewValues(count: 0, needed: 1)
      }
      guard value.isFinite else { throw EvaluationError.notFinite(.first, index: 0) }
      (mean, halfWidth) = (value, nil)
      return
    }
    let interval = try MeanInterval.student(of: values)
    mean = interval.estimate
    halfWidth = interval.halfWidth * (1 + Double(values.count) * (share ?? 0)).squareRoot()
  }

  /// Summarises the differences of two numbers, taken seed by seed.
  ///
  /// - Throws: `EvaluationError` where a value is not finite.
  init(_ values: [Double], minus others: [Double], resampling share: Double? = nil) throws {
    try self.init(zip(values, others).map { $0 - $1 }, resampling: share)
  }

  /// The lower end of the interval; the mean itself for one seed.
  var lower: Double { mean - (halfWidth ?? 0) }
  /// The upper end of the interval; the mean itself for one seed.
  var upper: Double { mean + (halfWidth ?? 0) }

  /// The chance of a mean at least as far from zero where the true one is zero, by Student's t test; nil for one seed.
  ///
  /// Values that are all equal are 0 where they are not zero, and 1 where they are.
  var chanceOfNone: Double? {
    guard let halfWidth, values.count > 1 else { return nil }
    let student = StudentDistribution(degreesOfFreedom: Double(values.count - 1))
    let error = halfWidth / student.centralQuantile(0.95)
    guard error > 0 else { return mean == 0 ? 1 : 0 }
    return min(1, 2 * student.upperTail(abs(mean) / error))
  }

  /// The mean with its interval, at a place of an axis.
  func point(at x: Double) -> Chart.Point { Chart.Point(x, mean, lower: lower, upper: upper) }

  /// The mean with its interval, as a bar.
  var estimate: Chart.Estimate { Chart.Estimate(mean, lower: lower, upper: upper) }

  /// As a sentence has it.
  func text(decimals: Int = 3) -> String {
    let mean = NumberFormat.decimals(mean, decimals)
    return halfWidth.map { "\(mean) ± \(NumberFormat.decimals($0, decimals))" } ?? mean
  }
}

extension Chart {
  /// Curves of means, with bands of their intervals.
  ///
  /// - Parameters:
  ///   - names: One for each curve.
  ///   - places: Where on the x axis the curves have their points.
  ///   - value: The number of a curve at a place, both by their index.
  static func curves(
    _ title: String, x: Axis, y: Axis, _ names: [String], at places: [Double],
    _ value: (_ curve: Int, _ place: Int) throws -> SeedStatistic
  ) rethrows -> Chart {
    curves(
      title, x: x, y: y,
      try names.enumerated().map { curve, name in
        (name, try places.enumerated().map { try value(curve, $0).point(at: $1) })
      })
  }
}

extension TableField {
  /// The mean, and half of the width of its interval; both are missing for nil.
  static func statistic(
    _ name: String, decimals: Int = 3, _ value: @escaping (Row) throws -> SeedStatistic?
  ) -> Self {
    Self([.init(name, .decimals(decimals)), .init("± \(name)", .decimals(decimals))]) { row in
      let statistic = try value(row)
      return [.number(statistic?.mean), .number(statistic?.halfWidth)]
    }
  }
}
