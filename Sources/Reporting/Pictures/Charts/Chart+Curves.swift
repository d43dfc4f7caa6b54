extension Chart {
  /// Curves with their confidence bands, such as a measure against the share of data kept.
  ///
  /// - Parameters:
  ///   - title: What stands above.
  ///   - x: The horizontal axis.
  ///   - y: The vertical axis.
  ///   - curves: Names and points; intervals become bands.
  ///   - baseline: A constant to compare with, such as the accuracy with all data.
  package static func curves(
    _ title: String, x: Axis, y: Axis, _ curves: [(name: String, points: [Point])],
    baseline: (value: Double, label: String)? = nil
  ) -> Chart {
    var chart = Chart(
      title, x: x, y: y, series: curves.map { Series($0.name, .line, points: $0.points) })
    if let baseline {
      chart.references = [Reference(.horizontal(baseline.value), label: baseline.label)]
    }
    return chart
  }

  /// Detection curves: the share of bad examples found against the share of examples inspected.
  ///
  /// A random order is the diagonal; the ideal one finds all bad examples first, so it rises to 1 at
  /// `badShare`.
  ///
  /// - Parameters:
  ///   - title: What stands above.
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

  /// Eigenvalues in descending order on a logarithmic axis.
  ///
  /// - Parameters:
  ///   - title: What stands above.
  ///   - spectra: Names and eigenvalues, in any order. They need to be positive where no floor is given.
  ///   - floor: Eigenvalues at or below it are left out, and the subtitle says how many they are;
  ///     positive. Rounding makes the zeros of a spectrum any small numbers, of both signs.
  ///   - label: What is measured.
  package static func spectrum(
    _ title: String, _ spectra: [(name: String, eigenvalues: [Double])], floor: Double? = nil,
    label: String = "eigenvalue"
  ) -> Chart {
    precondition(floor ?? 1 > 0, "a floor of \(floor ?? 1) is not positive")
    var hidden: [String] = []
    let series = spectra.map { name, eigenvalues in
      // NaN stays, so that drawing refuses it.
      let kept = eigenvalues.filter { value in floor.map { !(value <= $0) } ?? true }
      if let floor, kept.count < eigenvalues.count {
        hidden.append(
          "\(eigenvalues.count - kept.count) of \(eigenvalues.count) eigenvalues of \(name) are at or "
            + "below \(NumberFormat.significant(floor, digits: 1))")
      }
      return Series(
        name, .line,
        points: kept.sorted(by: >).enumerated().map { Point(Double($0 + 1), $1) })
    }
    var chart = Chart(
      title, x: Axis("index"), y: Axis(label, scale: .logarithmic), series: series)
    chart.subtitle = hidden.joined(separator: "; ")
    return chart
  }

  /// A measure against the damping λ, on a logarithmic axis.
  ///
  /// - Parameters:
  ///   - title: What stands above.
  ///   - y: The vertical axis.
  ///   - curves: Names and points (λ, measure).
  ///   - chosen: The damping that is used otherwise, marked by a vertical line.
  ///   - x: The horizontal axis.
  package static func dampingSweep(
    _ title: String, y: Axis, _ curves: [(name: String, points: [Point])], chosen: Double? = nil,
    x: Axis = Axis("damping λ", scale: .logarithmic)
  ) -> Chart {
    var chart = Chart(
      title, x: x, y: y, series: curves.map { Series($0.name, .line, points: $0.points) })
    if let chosen { chart.references = [Reference(.vertical(chosen), label: "default λ")] }
    return chart
  }
}
