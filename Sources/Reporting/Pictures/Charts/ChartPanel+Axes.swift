extension ChartPanel {
  func draw(into markup: inout Markup) {
    drawTitles(into: &markup)
    drawGrid(into: &markup)
    drawContent(into: &markup)
    drawAxes(into: &markup)
    if colorRange != nil { drawColorBar(into: &markup) }
    drawRemarks(into: &markup)
    if chart.series.allSatisfy(\.points.isEmpty) {
      markup.text(
        "No data", x: plot.x + plot.width / 2, y: plot.y + plot.height / 2, size: 16,
        anchor: "middle", paint: Palette.quiet)
    }
  }

  private func drawTitles(into markup: inout Markup) {
    var baseline = frame.y + 12 + 14
    for line in titleLines.lines {
      markup.text(
        line, x: frame.x + 12, y: baseline, size: Self.titleSize, bold: true,
        tip: titleLines.isCut ? chart.title : nil)
      baseline += 19
    }
    baseline -= 2
    for line in subtitleLines.lines {
      markup.text(
        line, x: frame.x + 12, y: baseline, size: Self.textSize, paint: Palette.quiet,
        tip: subtitleLines.isCut ? chart.subtitle : nil)
      baseline += 16
    }
  }

  private func drawGrid(into markup: inout Markup) {
    for tick in yScale.ticks where tick.isMajor {
      let y = height(tick.value)
      markup.line(plot.x, y, plot.right, y, stroke: Palette.grid)
    }
    if chart.series.contains(where: { $0.kind == .bars }), !yScale.isLogarithmic,
      yScale.contains(0)
    {
      markup.line(plot.x, height(0), plot.right, height(0), stroke: Palette.axis)
    }
    guard !xScale.hasCategories else { return }
    for tick in xScale.ticks where tick.isMajor {
      let x = place(tick.value, 1).x
      markup.line(x, plot.y, x, plot.bottom, stroke: Palette.grid)
    }
  }

  private func drawAxes(into markup: inout Markup) {
    markup.line(plot.x, plot.bottom, plot.right, plot.bottom, stroke: Palette.axis)
    markup.line(plot.x, plot.y, plot.x, plot.bottom, stroke: Palette.axis)
    for tick in yScale.ticks {
      let y = height(tick.value)
      markup.line(plot.x - (tick.isMajor ? 5 : 3), y, plot.x, y, stroke: Palette.axis)
      guard tick.isMajor else { continue }
      markup.text(
        tick.label, x: plot.x - 8, y: y + 4, size: Self.tickSize, anchor: "end",
        paint: Palette.quiet)
    }
    drawXTicks(into: &markup)
    let labelY = frame.bottom - 12
    if !chart.x.label.isEmpty {
      let (shown, isCut) = TextMeasure.fitting(
        chart.x.label, size: Self.textSize, width: frame.width - 24)
      // In the middle of the plot, as far as the frame allows.
      let half = TextMeasure.width(shown, size: Self.textSize) / 2
      let middle = min(
        max(plot.x + plot.width / 2, frame.x + 12 + half), max(frame.right - 12 - half, frame.x))
      markup.text(
        shown, x: middle, y: labelY, size: Self.textSize, anchor: "middle",
        tip: isCut ? chart.x.label : nil)
    }
    if !chart.y.label.isEmpty {
      drawTurned(chart.y.label, x: frame.x + 22, into: &markup)
    }
  }

  private func drawXTicks(into markup: inout Markup) {
    var index = 0
    for tick in xScale.ticks {
      let x = place(tick.value, 1).x
      if !xScale.hasCategories {
        markup.line(
          x, plot.bottom, x, plot.bottom + (tick.isMajor ? 5 : 3), stroke: Palette.axis)
      }
      guard tick.isMajor else { continue }
      if index % xLabels.step == 0 {
        let (shown, isCut) = TextMeasure.fitting(
          tick.label, size: Self.tickSize, width: xLabels.limit)
        markup.text(
          shown, x: xLabels.isSlanted ? x + 3 : x, y: plot.bottom + (xLabels.isSlanted ? 13 : 17),
          size: Self.tickSize, anchor: xLabels.isSlanted ? "end" : "middle", paint: Palette.quiet,
          turned: xLabels.isSlanted ? -XLabels.slant : 0, tip: isCut ? tick.label : nil)
      }
      index += 1
    }
  }

  /// Text along the plot's height, from bottom to top.
  private func drawTurned(_ text: String, x: Double, into markup: inout Markup) {
    // Not beside the title, which it could cross.
    let top = plot.y - 6
    let room = frame.bottom - 8 - top
    let (shown, isCut) = TextMeasure.fitting(text, size: Self.textSize, width: room)
    let half = TextMeasure.width(shown, size: Self.textSize) / 2
    let middle = min(
      max(plot.y + plot.height / 2, top + half), frame.bottom - 8 - half)
    markup.text(
      shown, x: x, y: middle, size: Self.textSize, anchor: "middle", turned: -90,
      tip: isCut ? text : nil)
  }

  private func drawColorBar(into markup: inout Markup) {
    guard let (scale, lower, upper) = colorRange else { return }
    let x = plot.right + 14
    let step = plot.height / Double(ColorScale.stepCount)
    for index in 0..<ColorScale.stepCount {
      markup.rectangle(
        // Half a pixel more, so that no seam shows between two.
        Frame(
          x: x, y: plot.bottom - Double(index + 1) * step, width: 12,
          height: step + (index == 0 ? 0 : 0.5)),
        fill: scale.paint(index))
    }
    markup.rectangle(
      Frame(x: x, y: plot.y, width: 12, height: plot.height), stroke: Palette.axis)
    for tick in colorTicks {
      let position = (tick.value / 2 - lower / 2) / (upper / 2 - lower / 2)
      let y = plot.bottom - position * plot.height
      markup.line(x + 12, y, x + 15, y, stroke: Palette.axis)
      markup.text(
        tick.label, x: x + 18, y: y + 4, size: Self.tickSize, paint: Palette.quiet)
    }
    if let label = chart.colors?.label, !label.isEmpty {
      drawTurned(label, x: frame.right - 14, into: &markup)
    }
  }

  /// Writes the remarks into the corner with the least in it.
  private func drawRemarks(into markup: inout Markup) {
    guard !chart.remarks.isEmpty else { return }
    let room = plot.width - 16
    let lines = chart.remarks.map {
      TextMeasure.fitting($0, size: Self.textSize, width: room)
    }
    let width = (lines.map { TextMeasure.width($0.shown, size: Self.textSize) }.max() ?? 0) + 12
    let height = 16 * Double(lines.count) + 8
    let corners = [
      Frame(x: plot.x + 8, y: plot.y + 6, width: width, height: height),
      Frame(x: plot.right - 8 - width, y: plot.y + 6, width: width, height: height),
      Frame(x: plot.right - 8 - width, y: plot.bottom - 6 - height, width: width, height: height),
      Frame(x: plot.x + 8, y: plot.bottom - 6 - height, width: width, height: height),
    ]
    let places = occupiedPlaces()
    let counts = corners.map { corner in
      places.count {
        (corner.x - 6...corner.right + 6).contains($0.x)
          && (corner.y - 6...corner.bottom + 6).contains($0.y)
      }
    }
    let emptiest = counts.min().flatMap { counts.firstIndex(of: $0) } ?? 0
    let corner = corners[emptiest]
    markup.rectangle(
      corner, fill: Palette.background, more: [("fill-opacity", "0.85"), ("rx", "3")])
    for (index, line) in lines.enumerated() {
      markup.text(
        line.shown, x: corner.x + 6, y: corner.y + 16 + 16 * Double(index), size: Self.textSize,
        tip: line.isCut ? chart.remarks[index] : nil)
    }
  }
}
