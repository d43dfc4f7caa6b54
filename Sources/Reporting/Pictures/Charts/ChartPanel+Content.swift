extension ChartPanel {
  func drawContent(into markup: inout Markup) {
    // A cloud of points would hide the lines.
    let areInFront = chart.series.contains { $0.kind == .scatter }
    if !areInFront { drawReferences(into: &markup) }
    drawSeries(into: &markup)
    if areInFront { drawReferences(into: &markup) }
  }

  private func drawReferences(into markup: inout Markup) {
    beginClip(into: &markup)
    for (index, reference) in chart.references.enumerated() {
      draw(reference, index, into: &markup)
    }
    markup.close()
  }

  /// What is drawn until the next close() ends at the plot's edges.
  ///
  /// A nested picture instead of a clip path, because this needs no identifier, which has to be
  /// unique in a page.
  private func beginClip(into markup: inout Markup) {
    let (x, y) = (Markup.number(plot.x), Markup.number(plot.y))
    let (width, height) = (Markup.number(plot.width), Markup.number(plot.height))
    markup.begin(
      "svg",
      [
        ("x", x), ("y", y), ("width", width), ("height", height),
        ("viewBox", "\(x) \(y) \(width) \(height)"), ("overflow", "hidden"),
      ])
  }

  private func drawSeries(into markup: inout Markup) {
    let series = chart.series
    beginClip(into: &markup)
    for series in series { drawBand(series, into: &markup) }
    for series in series where series.kind == .line { drawLine(series, into: &markup) }
    for series in series where series.kind == .bars { drawBars(series, into: &markup) }
    for series in series where series.kind == .intervals { drawIntervals(series, into: &markup) }
    markup.close()
    for series in series where series.kind != .bars { drawMarkers(series, into: &markup) }
  }

  private func draw(_ reference: Chart.Reference, _ index: Int, into markup: inout Markup) {
    var places: [(x: Double, y: Double)]
    switch reference.course {
    case .identity:
      let lower = max(xScale.lower, yScale.lower)
      let upper = min(xScale.upper, yScale.upper)
      guard lower < upper else { return }
      // Straight even where only one axis is logarithmic needs more than the ends.
      places = (0...64).map { step in
        let share = Double(step) / 64
        let value = lower * (1 - share) + upper * share
        return place(value, value)
      }
      if xScale.isLogarithmic == yScale.isLogarithmic {
        places = [place(lower, lower), place(upper, upper)]
      }
    case .horizontal(let value):
      places = [(plot.x, height(value)), (plot.right, height(value))]
    case .path(let points): places = points.map { place($0.x, $0.y) }
    }
    markup.add(
      "path",
      [
        ("d", Self.path(places)), ("stroke-width", "1.5"),
        ("stroke-dasharray", SeriesStyle.referenceDash(index)),
      ] + markup.colors(stroke: Palette.reference))
  }

  private func drawBand(_ series: Chart.Series, into markup: inout Markup) {
    guard series.kind == .line else { return }
    let paint = SeriesStyle.paint(look(series))
    // A band is drawn over each run of points that have intervals.
    for run in series.points.split(whereSeparator: { $0.lower == nil }) {
      let lower = run.map { place($0.x, $0.lower ?? $0.y) }
      let upper = run.map { place($0.x, $0.upper ?? $0.y) }
      guard run.count > 1 else {
        if let low = lower.first, let high = upper.first {
          markup.line(low.x, low.y, high.x, high.y, stroke: paint, width: 1.5)
        }
        continue
      }
      markup.add(
        "path",
        [("d", Self.path(upper + lower.reversed()) + "z"), ("fill-opacity", "0.18")]
          + markup.colors(fill: paint))
    }
  }

  private func drawLine(_ series: Chart.Series, into markup: inout Markup) {
    guard series.points.count > 1 else { return }
    let path = Self.path(series.points.map { place($0.x, $0.y) })
    markup.add(
      "path",
      [
        ("d", path), ("stroke-width", Markup.number(series.lineWidth)),
        ("stroke-linejoin", "round"),
      ]
        + Self.dashAttributes(look(series)) + markup.colors(stroke: SeriesStyle.paint(look(series)))
    )
  }

  /// Where a point of a series that shares its category with others is drawn, and how wide one may be.
  private func side(_ series: Chart.Series, _ kind: Chart.Series.Kind, gap: Double) -> (
    offset: Double, width: Double
  ) {
    guard xScale.hasCategories else { return (0, 12) }
    let all = chart.series.filter { $0.kind == kind }
    let slot = plot.width / (xScale.upper - xScale.lower)
    let width = min(slot * (1 - gap) / Double(max(all.count, 1)), 60)
    let index = all.firstIndex(of: series) ?? 0
    return ((Double(index) - Double(all.count - 1) / 2) * width, width)
  }

  private func drawBars(_ series: Chart.Series, into markup: inout Markup) {
    let (offset, width) = side(series, .bars, gap: 0.2)
    let base = min(max(yScale.isLogarithmic ? plot.bottom : height(0), plot.y), plot.bottom)
    let inner = max(width - (width > 6 ? 2 : 0.5), 0.5)
    for point in series.points {
      let (middle, end) = place(point.x, point.y)
      let top = min(max(end, plot.y - 9), plot.bottom + 9)
      Self.bar(
        Frame(
          x: middle + offset - inner / 2, y: min(top, base), width: inner,
          height: abs(top - base)),
        look: look(series), into: &markup)
    }
    for point in series.points {
      guard let lower = point.lower, let upper = point.upper else { continue }
      errorBar(
        x: place(point.x, point.y).x + offset, lower, upper, cap: min(inner * 0.3, 5),
        paint: Palette.ink, into: &markup)
    }
  }

  private func drawIntervals(_ series: Chart.Series, into markup: inout Markup) {
    let (offset, width) = side(series, .intervals, gap: 0.35)
    for point in series.points {
      guard let lower = point.lower, let upper = point.upper else { continue }
      errorBar(
        x: place(point.x, point.y).x + offset, lower, upper, cap: min(width * 0.3, 4),
        paint: SeriesStyle.paint(look(series)), into: &markup)
    }
  }

  private func errorBar(
    x: Double, _ lower: Double, _ upper: Double, cap: Double, paint: Paint,
    into markup: inout Markup
  ) {
    let (low, high) = (height(lower), height(upper))
    let number = Markup.number
    let path =
      "M\(number(x)) \(number(low))V\(number(high))"
      + "M\(number(x - cap)) \(number(low))h\(number(2 * cap))"
      + "M\(number(x - cap)) \(number(high))h\(number(2 * cap))"
    markup.add("path", [("d", path), ("stroke-width", "1.3")] + markup.colors(stroke: paint))
  }

  private func drawMarkers(_ series: Chart.Series, into markup: inout Markup) {
    let isLine = series.kind == .line
    let look = look(series)
    let offset = series.kind == .intervals ? side(series, .intervals, gap: 0.35).offset : 0
    var points = series.points
    // Markers of a long line only say which it is; those of different lines are not above each other.
    if isLine, points.count > 16 {
      let stride = points.count / 8
      let start = (look * 3) % 8 * stride / 8
      points = points.enumerated().filter { $0.offset % stride == start }.map(\.element)
    }
    points = points.filter(isInside)
    let radius = isLine || points.count <= 300 ? 3.4 : points.count <= 3000 ? 2.4 : 1.6
    var plain: [(x: Double, y: Double)] = []
    var colored: [Int: [(x: Double, y: Double)]] = [:]
    for point in points {
      let place = place(point.x, point.y)
      let moved = (x: place.x + offset, y: place.y)
      if let value = point.value, let (scale, lower, upper) = colorRange, series.kind == .scatter {
        colored[scale.step(of: value, from: lower, to: upper), default: []].append(moved)
      } else {
        plain.append(moved)
      }
    }
    if !plain.isEmpty {
      let paint = SeriesStyle.paint(look)
      if SeriesStyle.isCircle(look), plain.count > 300 {
        // Round ends of lines without length: a quarter of the bytes of circles.
        let dots = plain.map { "M\(Markup.number($0.x)) \(Markup.number($0.y))h0" }.joined()
        markup.add(
          "path",
          [
            ("d", dots), ("stroke-width", Markup.number(2 * radius)), ("stroke-linecap", "round"),
            ("stroke-opacity", "0.75"),
          ] + markup.colors(stroke: paint))
      } else {
        let path = SeriesStyle.path(look, at: plain, radius: radius)
        let opacity = series.kind == .scatter ? [("fill-opacity", "0.75")] : []
        markup.add("path", [("d", path)] + opacity + markup.colors(fill: paint))
      }
    }
    guard let scale = colorRange?.scale else { return }
    // The strongest values last, so that they are on top.
    let middle = scale == .diverging ? ColorScale.stepCount / 2 : 0
    for (step, places) in colored.sorted(by: {
      (abs($0.key - middle), $0.key) < (abs($1.key - middle), $1.key)
    }) {
      markup.add(
        "path",
        [("d", SeriesStyle.path(look, at: places, radius: radius + 0.8)), ("stroke-width", "0.7")]
          + markup.colors(fill: scale.paint(step), stroke: Palette.axis))
    }
  }

  /// Places on the plot that something covers, for finding the emptiest corner.
  func occupiedPlaces() -> [(x: Double, y: Double)] {
    func between(_ places: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
      zip(places, places.dropFirst()).flatMap { here, next in
        (1..<16).map { step in
          let share = Double(step) / 16
          return (here.x + (next.x - here.x) * share, here.y + (next.y - here.y) * share)
        }
      }
    }
    return chart.series.flatMap { series in
      let places = series.points.map { place($0.x, $0.y) }
      switch series.kind {
      case .line:
        // Where there are many points, they fill their line well enough.
        return places.count > 500 ? places : places + between(places)
      case .bars:
        let offset = side(series, .bars, gap: 0.2).offset
        return places.flatMap { place in
          between([(place.x + offset, plot.bottom), (place.x + offset, place.y)])
        }
      case .scatter, .intervals: return places
      }
    }
  }

  static func path(_ places: [(x: Double, y: Double)]) -> String {
    "M"
      + places.map { "\(Markup.number($0.x)) \(Markup.number($0.y))" }.joined(separator: "L")
  }

  static func dashAttributes(_ look: Int) -> [Markup.Attribute] {
    let dash = SeriesStyle.dash(look)
    return dash.isEmpty ? [] : [("stroke-dasharray", dash)]
  }

  /// A bar: filled, and from look 8 on pale with an outline, whose dash tells the looks apart.
  static func bar(_ frame: Frame, look: Int, into markup: inout Markup) {
    let paint = SeriesStyle.paint(look)
    guard look >= 8 else {
      markup.rectangle(frame, fill: paint)
      return
    }
    markup.rectangle(
      frame, fill: paint, stroke: paint,
      more: [
        ("fill-opacity", look / 8 % 2 == 1 ? "0.45" : "0.1"), ("stroke-width", "1.4"),
        ("stroke-dasharray", look / 8 % 2 == 1 ? "none" : "2 2"),
      ])
  }
}
