extension Chart {
  func validate() throws(PictureError) {
    precondition(width >= 320 && height >= 240, "a chart of \(width) × \(height) is too small")
    precondition(y.categories == nil, "the y axis of “\(title)” cannot have categories")
    for (name, axis) in [("x", x), ("y", y)] { try validate(axis.range, of: axis, name: name) }
    if let range = colors?.range { try validate(range, of: nil, name: "colour") }
    for series in series {
      precondition(
        series.kind != .bars || x.categories != nil, "bars of “\(series.name)” need categories")
      for (index, point) in series.points.enumerated() {
        try validate(point, index, of: series.name)
      }
    }
    for reference in references {
      let name = reference.label.isEmpty ? "reference line" : reference.label
      switch reference.course {
      case .identity: break
      case .horizontal(let value): try validate(value, on: y, "y", 0, of: name)
      case .path(let points):
        for (index, point) in points.enumerated() { try validate(point, index, of: name) }
      }
    }
  }

  private func validate(_ point: Point, _ index: Int, of series: String) throws(PictureError) {
    try validate(point.x, on: x, "x", index, of: series)
    try validate(point.y, on: y, "y", index, of: series)
    if let lower = point.lower { try validate(lower, on: y, "y", index, of: series) }
    if let upper = point.upper { try validate(upper, on: y, "y", index, of: series) }
    if let value = point.value {
      try validate(value, on: Axis(""), "colour", index, of: series)
    }
    switch (point.lower, point.upper) {
    case (nil, nil): break
    case (let lower?, let upper?) where lower <= upper: break
    default: throw .badInterval(picture: title, series: series, index: index)
    }
  }

  private func validate(
    _ value: Double, on axis: Axis, _ name: String, _ index: Int, of series: String
  ) throws(PictureError) {
    guard value.isFinite else {
      throw .notFinite(picture: title, series: series, index: index, value: "\(value)")
    }
    let extreme = PictureError.tooExtreme(
      picture: title, axis: name, series: series, index: index, value: value)
    guard abs(value) <= 1e300 else { throw extreme }
    switch axis.scale {
    case .linear: break
    case .logarithmic:
      guard value > 0 else {
        throw .notPositive(
          picture: title, axis: name, series: series, index: index, value: value)
      }
      guard value >= 1e-300 else { throw extreme }
    case .categories(let names):
      guard value == value.rounded(), (0..<Double(names.count)).contains(value) else {
        throw .noSuchCategory(
          picture: title, series: series, index: index, value: value, count: names.count)
      }
    }
  }

  private func validate(
    _ range: ClosedRange<Double>?, of axis: Axis?, name: String
  ) throws(PictureError) {
    guard let range else { return }
    let (lower, upper) = (range.lowerBound, range.upperBound)
    let least = axis?.scale == .logarithmic ? 1e-300 : -1e300
    let isWide = Ticks.isWide(lower, upper)
    guard lower >= least, upper <= 1e300, isWide else {
      throw .badRange(picture: title, axis: name, lower: lower, upper: upper)
    }
  }
}
