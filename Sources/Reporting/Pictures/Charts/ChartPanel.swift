internal import Foundation

/// One chart in its frame: everything but the legend, with all places decided.
struct ChartPanel {
  let chart: Chart
  let looks: [String: Int]
  let frame: Frame
  let titleLines: (lines: [String], isCut: Bool)
  let subtitleLines: (lines: [String], isCut: Bool)
  let plot: Frame
  let xScale: AxisScale
  let yScale: AxisScale
  let xLabels: XLabels
  let colorRange: (scale: ColorScale, lower: Double, upper: Double)?
  let colorTicks: [AxisScale.Tick]

  static let titleSize = 15.0
  static let textSize = 12.0
  static let tickSize = XLabels.size

  /// Decides the layout of a chart that has been validated.
  init(_ chart: Chart, looks: [String: Int], frame: Frame) {
    self.chart = chart
    self.looks = looks
    self.frame = frame
    let textWidth = frame.width - 24
    titleLines = TextMeasure.lines(
      chart.title, size: Self.titleSize * 1.1, width: textWidth, atMost: 2)
    let quiet = [chart.subtitle, chart.outsideNote].filter { !$0.isEmpty }
    subtitleLines = TextMeasure.lines(
      quiet.joined(separator: " · "), size: Self.textSize, width: textWidth, atMost: 2)
    let top =
      frame.y + 12 + 19 * Double(titleLines.lines.count)
      + 16 * Double(subtitleLines.lines.count) + 10

    colorRange = chart.colorRange()
    colorTicks = Self.ticks(of: colorRange)
    var right = frame.right - 22
    if colorRange != nil {
      let widest = colorTicks.map { TextMeasure.width($0.label, size: Self.tickSize) }.max() ?? 0
      right -= 14 + 12 + 6 + widest + (chart.colors?.label.isEmpty ?? true ? 0 : 20)
    }

    let (xExtent, yExtent) = chart.extents()
    let labelHeight = chart.x.label.isEmpty ? 0.0 : 19.0
    func yScale(bottom: Double) -> AxisScale {
      AxisScale(
        chart.y, extent: yExtent, atMost: max(4, min(9, Int((bottom - top) / 38))))
    }
    // The width of the numbers at the y axis decides the labels of x, whose height decides the y axis.
    let first = yScale(bottom: frame.bottom - 26 - labelHeight)
    let widest =
      first.ticks.map { TextMeasure.width($0.label, size: Self.tickSize) }.max() ?? 0
    let margin = frame.x + 12 + (chart.y.label.isEmpty ? 0 : 20) + widest + 8
    let (xScale, xLabels, left, end) = XLabels.fitting(
      chart.x, extent: xExtent, from: margin, to: right, limit: frame)
    right = end
    self.xScale = xScale
    self.xLabels = xLabels
    let bottom = frame.bottom - 8 - labelHeight - xLabels.height
    self.yScale = yScale(bottom: bottom)
    plot = Frame(x: left, y: top, width: max(right - left, 40), height: max(bottom - top, 40))
  }

  func place(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (plot.x + xScale.position(of: x) * plot.width, height(y))
  }

  func height(_ y: Double) -> Double { plot.bottom - yScale.position(of: y) * plot.height }

  func isInside(_ point: Chart.Point) -> Bool {
    xScale.contains(point.x) && yScale.contains(point.y)
  }

  func look(_ series: Chart.Series) -> Int { looks[series.name] ?? 0 }

  private static func ticks(
    of range: (scale: ColorScale, lower: Double, upper: Double)?
  ) -> [AxisScale.Tick] {
    guard let range, Ticks.isWide(range.lower, range.upper) else { return [] }
    return AxisScale(
      Chart.Axis("", range: range.lower...range.upper), extent: nil, atMost: 7
    ).ticks
  }
}

extension Chart {
  /// The least and greatest numbers on both axes; nil where an axis has none.
  func extents() -> (x: ClosedRange<Double>?, y: ClosedRange<Double>?) {
    var xs: [Double] = []
    var ys: [Double] = []
    for series in series {
      for point in series.points {
        xs.append(point.x)
        ys += [point.y, point.lower ?? point.y, point.upper ?? point.y]
      }
      if series.kind == .bars, y.scale == .linear, !series.points.isEmpty { ys.append(0) }
    }
    for reference in references {
      switch reference.course {
      case .identity: break
      case .horizontal(let value): ys.append(value)
      case .path(let points):
        xs += points.map(\.x)
        ys += points.map(\.y)
      }
    }
    func range(_ values: [Double]) -> ClosedRange<Double>? {
      guard let lower = values.min(), let upper = values.max() else { return nil }
      return lower...upper
    }
    return (range(xs), range(ys))
  }

  /// The colours of points with values, and from where to where they go.
  func colorRange() -> (scale: ColorScale, lower: Double, upper: Double)? {
    let values = series.filter { $0.kind == .scatter }.flatMap(\.points).compactMap(\.value)
    guard !values.isEmpty else { return nil }
    let scale = colors?.scale ?? (values.contains { $0 < 0 } ? .diverging : .sequential)
    if let range = colors?.range { return (scale, range.lowerBound, range.upperBound) }
    let range = scale.range(over: values)
    return (scale, range.lower, range.upper)
  }

  /// Says how many points lie outside of fixed ranges; empty for none.
  var outsideNote: String {
    func isOutside(_ value: Double, _ axis: Axis) -> Bool {
      guard axis.range != nil, axis.categories == nil else { return false }
      return !AxisScale(axis, extent: nil, atMost: 3).contains(value)
    }
    let count = series.flatMap(\.points).count { isOutside($0.x, x) || isOutside($0.y, y) }
    if count == 0 { return "" }
    return count == 1 ? "1 point is outside of the axes" : "\(count) points are outside of the axes"
  }
}
