extension Chart {
  /// Scores of a method against exact ones in one unit, with the line where both are equal, and the line through the
  /// origin that is nearest to the points.
  ///
  /// Both are divided by the largest exact score. The second line is y = b·x with b = Σxy/Σx², which a remark tells: a
  /// method whose scores are exact but for a factor b has all points on it.
  ///
  /// - Throws: `PictureError.lengths` where there are not as many of both.
  package static func againstExact(
    _ title: String, method: String, exact: [Double], approximate: [Double], remarks: [String] = []
  ) throws(PictureError) -> Chart {
    guard exact.count == approximate.count else {
      throw .lengths(
        picture: title, what: "scores of \(method)", expected: exact.count,
        found: approximate.count)
    }
    let largest = exact.map { abs($0) }.max() ?? 0
    let unit = largest > 0 ? largest : 1
    let points = zip(exact, approximate).map { Point($0 / unit, $1 / unit) }
    var chart = Chart(
      title, x: Axis("exact score"), y: Axis("score of \(method)"),
      series: [Series(method, .scatter, points: points)])
    chart.references = [Reference(.identity, label: "equal to exact")]
    chart.remarks = remarks
    let squares = points.reduce(0) { $0 + $1.x * $1.x }
    if squares > 0, let left = points.map(\.x).min(), let right = points.map(\.x).max() {
      let slope = points.reduce(0) { $0 + $1.x * $1.y } / squares
      chart.references.append(
        Reference(
          .path([Point(left, slope * left), Point(right, slope * right)]),
          label: "nearest line through the origin"))
      chart.remarks.append("slope \(NumberFormat.significant(slope, digits: 3))")
    }
    return chart
  }

  /// A number with its interval, where it has one.
  package struct Estimate: Equatable, Sendable {
    package var value: Double
    package var lower: Double?
    package var upper: Double?

    package init(_ value: Double, lower: Double? = nil, upper: Double? = nil) {
      self.value = value
      self.lower = lower
      self.upper = upper
    }
  }

  /// Bars of several methods in groups, such as one measure on several tasks.
  ///
  /// - Parameter methods: The name of each method, and one estimate per group; nil leaves a gap.
  /// - Throws: `PictureError.lengths` where a method has not as many estimates as there are groups.
  package static func bars(
    _ title: String, groups: [String], y: Axis, methods: [(name: String, estimates: [Estimate?])]
  ) throws(PictureError) -> Chart {
    for method in methods where method.estimates.count != groups.count {
      throw .lengths(
        picture: title, what: "estimates of \(method.name)", expected: groups.count,
        found: method.estimates.count)
    }
    return Chart(
      title, x: Axis("", scale: .categories(groups)), y: y,
      series: methods.map { name, estimates in
        Series(
          name, .bars,
          points: estimates.enumerated().compactMap { group, estimate in
            estimate.map { Point(Double(group), $0.value, lower: $0.lower, upper: $0.upper) }
          })
      })
  }

  /// Examples in the plane: the shape says the class, the colour a value such as influence.
  ///
  /// - Parameters:
  ///   - classes: Names and points; a point with a value is coloured by it.
  ///   - boundaries: Where a classifier changes its mind: lines from point to point.
  package static func points(
    _ title: String, x: Axis, y: Axis, classes: [(name: String, points: [Point])],
    colors: ColorBar = ColorBar("influence", scale: .diverging),
    boundaries: [(label: String, points: [Point])] = []
  ) -> Chart {
    var chart = Chart(
      title, x: x, y: y, series: classes.map { Series($0.name, .scatter, points: $0.points) })
    chart.colors = colors
    chart.references = boundaries.map { Reference(.path($0.points), label: $0.label) }
    return chart
  }
}
