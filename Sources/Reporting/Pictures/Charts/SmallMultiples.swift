/// Several charts in a grid, as one picture with one legend.
///
/// Series of one name look the same in all of them.
package struct SmallMultiples: Picture, Equatable {
  package var title: String
  /// The charts, row by row; their own widths and heights do not count.
  package var charts: [Chart]
  /// How many stand side by side, 1 or more.
  package var columns: Int
  /// Whether all axes without a fixed range have the same one, over the data of all charts.
  package var sharesRanges: Bool
  package var width = 960.0
  package var rowHeight = 300.0

  package init(_ title: String, columns: Int = 3, sharesRanges: Bool = false, charts: [Chart]) {
    precondition(columns >= 1, "\(columns) columns are fewer than 1")
    self.title = title
    self.columns = columns
    self.sharesRanges = sharesRanges
    self.charts = charts
  }

  package func svg() throws(PictureError) -> String {
    for chart in charts { try chart.validate() }
    return try Self.document(
      title: title, heading: title, charts: sharesRanges ? sharingRanges() : charts,
      columns: columns, width: width, height: rowHeight)
  }

  private func sharingRanges() -> [Chart] {
    func shared(_ axis: KeyPath<Chart, Chart.Axis>, _ extents: [ClosedRange<Double>?])
      -> ClosedRange<Double>?
    {
      let known = extents.compactMap { $0 }
      guard let scale = charts.first?[keyPath: axis].scale,
        scale == .linear || scale == .logarithmic,
        charts.allSatisfy({ $0[keyPath: axis].scale == scale }),
        let lower = known.map(\.lowerBound).min(), let upper = known.map(\.upperBound).max()
      else { return nil }
      let places = charts.compactMap { $0[keyPath: axis].places }.flatMap { $0 }
      let covering = AxisScale(
        Chart.Axis("", scale: scale, at: places.isEmpty ? nil : places), extent: lower...upper,
        atMost: 6)
      return covering.lower...covering.upper
    }
    let extents = charts.map { $0.extents() }
    let x = shared(\.x, extents.map(\.x))
    let y = shared(\.y, extents.map(\.y))
    return charts.map { chart in
      var chart = chart
      chart.x.range = chart.x.range ?? x
      chart.y.range = chart.y.range ?? y
      return chart
    }
  }

  /// Draws charts in a grid with the legend of all beneath.
  static func document(
    title: String, heading: String?, charts: [Chart], columns: Int, width: Double, height: Double
  ) throws(PictureError) -> String {
    for chart in charts { try chart.validate() }
    let looks = Chart.looks(of: charts)
    var markup = Markup()
    var top = 0.0
    if let heading {
      let (lines, isCut) = TextMeasure.lines(heading, size: 18, width: width - 24, atMost: 2)
      for line in lines {
        top += 24
        markup.text(
          line, x: 12, y: top + 4, size: 17, bold: true, tip: isCut ? heading : nil)
      }
      top += 10
    }
    let panelWidth = width / Double(columns)
    for (index, chart) in charts.enumerated() {
      let frame = Frame(
        x: Double(index % columns) * panelWidth, y: top + Double(index / columns) * height,
        width: panelWidth, height: height)
      ChartPanel(chart, looks: looks, frame: frame).draw(into: &markup)
    }
    let rows = (charts.count + columns - 1) / columns
    top += Double(rows) * height
    let legend = Legend(entries(of: charts, looks), width: width - 36)
    legend.draw(into: &markup, x: 22, y: top)
    return markup.document(
      width: width, height: top + legend.height, title: title,
      description: charts.isEmpty ? "No charts." : charts.map(\.summary).joined(separator: " "))
  }

  /// The entries of all charts, each name once.
  private static func entries(of charts: [Chart], _ looks: [String: Int]) -> [Legend.Entry] {
    var entries: [Legend.Entry] = []
    for entry in charts.flatMap({ $0.legendEntries(looks) })
    where !entries.contains(where: { $0.name == entry.name }) {
      entries.append(entry)
    }
    // What has data in one chart is not without data.
    let names = Set(entries.map(\.name))
    return entries.filter {
      !$0.name.hasSuffix(Chart.noData)
        || !names.contains(String($0.name.dropLast(Chart.noData.count)))
    }
  }
}

extension Chart {
  /// The chart in words, for those who cannot see it.
  var summary: String {
    let parts = series.map { series in
      "\(series.name) (\(series.points.count) \(series.points.count == 1 ? "point" : "points"))"
    }
    let lines = references.map(\.label).filter { !$0.isEmpty }
    return "\(title). \(y.label) against \(x.label). "
      + (parts.isEmpty ? "No data." : "Series: \(parts.joined(separator: ", ")).")
      + (lines.isEmpty ? "" : " Reference lines: \(lines.joined(separator: ", ")).")
      + (remarks.isEmpty ? "" : " \(remarks.joined(separator: "; ")).")
  }
}

extension Chart: Picture {
  package func svg() throws(PictureError) -> String {
    try SmallMultiples.document(
      title: title, heading: nil, charts: [self], columns: 1, width: width, height: height)
  }
}
