extension Chart {
  /// Curves with their confidence bands, such as a measure against the share of data kept.
  package static func curves(
    _ title: String, x: Axis, y: Axis, _ curves: [(name: String, points: [Point])]
  ) -> Chart {
    Chart(title, x: x, y: y, series: curves.map { Series($0.name, .line, points: $0.points) })
  }

  /// Detection curves: the share of bad examples found against the share of examples inspected.
  ///
  /// A random order is the diagonal; the ideal one finds all bad examples first, so it rises to 1 at
  /// `badShare`.
  ///
  /// - Parameters:
  ///   - curves: Names and points, both coordinates in 0 ... 1.
  ///   - badShare: The share of bad examples among all, in 0 ... 1.
  package static func detection(
    _ title: String, _ curves: [(name: String, points: [Point])], badShare: Double
  ) -> Chart {
    precondition((0...1).contains(badShare), "a share of \(badShare) is not in 0 ... 1")
    var chart = Chart(
      title, x: Axis("examples inspected", range: 0...1, numbers: .percent),
      y: Axis("bad examples found", range: 0...1, numbers: .percent),
      series: curves.map { Series($0.name, .line, points: $0.points) })
    let corner = Point(badShare, 1)
    chart.references = [
      Reference(.path([Point(0, 0), Point(1, 1)]), label: "random order"),
      Reference(.path([Point(0, 0), corner, Point(1, 1)]), label: "ideal order"),
    ]
    return chart
  }
}
