/// The legend beneath the plots: entries in columns of equal width, read from top to bottom.
struct Legend {
  enum Sample: Equatable {
    case series(Chart.Series.Kind, look: Int, isColored: Bool)
    case reference(dash: Int)
  }

  struct Entry: Equatable {
    var name: String
    var sample: Sample
  }

  static let size = 12.0
  private static let sampleWidth = 34.0
  private static let lineHeight = 19.0

  private let entries: [Entry]
  private let columns: Int
  private let columnWidth: Double
  private var rows: Int { (entries.count + columns - 1) / columns }

  var height: Double { entries.isEmpty ? 0 : Double(rows) * Self.lineHeight + 14 }

  /// Arranges the entries in a width.
  ///
  /// A single series without anything to compare it to needs no legend.
  init(_ entries: [Entry], width: Double) {
    let needed = entries.count > 1 || entries.contains { $0.name.hasSuffix(Chart.noData) }
    self.entries = needed ? entries : []
    let widest = entries.map { TextMeasure.width($0.name, size: Self.size) }.max() ?? 0
    let wanted = min(Self.sampleWidth + widest + 18, width)
    let fitting = max(1, min(Int(width / wanted), entries.count))
    // As few columns as give this number of rows.
    let rows = (max(entries.count, 1) + fitting - 1) / fitting
    columns = max(1, (entries.count + rows - 1) / rows)
    columnWidth = wanted
  }

  /// Draws it with its upper left corner at a place.
  func draw(into markup: inout Markup, x: Double, y: Double) {
    for (index, entry) in entries.enumerated() {
      let left = x + Double(index / rows) * columnWidth
      let middle = y + 7 + (Double(index % rows) + 0.5) * Self.lineHeight
      markup.begin("g")
      draw(entry.sample, into: &markup, x: left, y: middle)
      let (shown, isCut) = TextMeasure.fitting(
        entry.name, size: Self.size, width: columnWidth - Self.sampleWidth - 6)
      markup.text(
        shown, x: left + Self.sampleWidth, y: middle + 4, size: Self.size,
        tip: isCut ? entry.name : nil)
      markup.close()
    }
  }

  private func draw(_ sample: Sample, into markup: inout Markup, x: Double, y: Double) {
    switch sample {
    case .reference(let dash):
      markup.line(
        x, y, x + 27, y, stroke: Palette.reference, width: 1.5,
        more: [("stroke-dasharray", SeriesStyle.referenceDash(dash))])
    case .series(let kind, let look, let isColored):
      let paint = SeriesStyle.paint(look)
      if kind == .bars {
        ChartPanel.bar(
          Frame(x: x + 6, y: y - 6, width: 15, height: 12), look: look, into: &markup)
        return
      }
      if kind == .line {
        markup.line(
          x, y, x + 27, y, stroke: paint, width: 2, more: ChartPanel.dashAttributes(look))
      }
      if kind == .intervals { markup.line(x + 13.5, y - 8, x + 13.5, y + 8, stroke: paint) }
      let path = SeriesStyle.path(look, at: [(x + 13.5, y)], radius: 3.6)
      let colors =
        isColored
        ? markup.colors(fill: Palette.grid, stroke: Palette.axis) : markup.colors(fill: paint)
      markup.add("path", [("d", path)] + colors)
    }
  }
}

extension Chart {
  static let noData = " (no data)"

  /// What the legend says of this chart.
  ///
  /// - Parameter looks: The look of every series by name.
  func legendEntries(_ looks: [String: Int]) -> [Legend.Entry] {
    series.map { series in
      Legend.Entry(
        name: series.name + (series.points.isEmpty ? Self.noData : ""),
        sample: .series(
          series.kind, look: looks[series.name] ?? 0,
          isColored: series.kind == .scatter && series.points.contains { $0.value != nil }))
    }
      + references.enumerated().filter { !$1.label.isEmpty }.map { index, reference in
        Legend.Entry(name: reference.label, sample: .reference(dash: index))
      }
  }

  /// The look of every series by name: the first that is free.
  static func looks(of charts: [Chart]) -> [String: Int] {
    var looks: [String: Int] = [:]
    for series in charts.flatMap(\.series) where looks[series.name] == nil {
      looks[series.name] = looks.count
    }
    return looks
  }
}
