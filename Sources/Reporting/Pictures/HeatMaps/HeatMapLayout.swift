internal import Foundation

struct HeatMapLayout {
  let map: HeatMap
  let width: Double
  let height: Double
  private let titleLines: (lines: [String], isCut: Bool)
  private let subtitleLines: (lines: [String], isCut: Bool)
  private let left: Double
  private let top: Double
  private let cell: (width: Double, height: Double)
  private let isSlanted: Bool
  private let numberSize: Double
  private let lower: Double
  private let upper: Double

  private static let nameLimit = 170.0
  private static let widthLimit = 1200.0
  private static let size = 11.5

  init(_ map: HeatMap) {
    self.map = map
    let count = Double(max(map.columns.count, 1))
    func widest(_ names: [String]) -> Double {
      min(names.map { TextMeasure.width($0, size: Self.size) }.max() ?? 0, Self.nameLimit)
    }
    let left = 12 + widest(map.rows) + 10
    self.left = left
    let columnWidth = widest(map.columns)
    let longest =
      map.values.flatMap { $0 }
      .map { TextMeasure.width(Self.text($0, map.decimals), size: 1) }.max() ?? 1
    func cellWidth(besides margin: Double) -> Double {
      min(max(10.5 * longest + 8, 36), max((Self.widthLimit - left - margin) / count, 8))
    }
    let isSlanted = columnWidth > cellWidth(besides: 24) - 6
    self.isSlanted = isSlanted
    // Slanted names begin at their column and reach beyond the last one.
    let reach = isSlanted ? columnWidth * cos(.pi * XLabels.slant / 180) + 16 : 12
    let width = cellWidth(besides: isSlanted ? reach : 24)
    cell = (width, min(max(width * 0.75, 16), 30))
    let needed = left + width * count + max(isSlanted ? reach - width / 2 : 12, 12)
    let textWidth = max(needed, 420)
    self.width = textWidth.rounded(.up)
    titleLines = TextMeasure.lines(
      map.title, size: ChartPanel.titleSize * 1.1, width: textWidth - 24, atMost: 3)
    subtitleLines = TextMeasure.lines(
      map.subtitle, size: ChartPanel.textSize, width: textWidth - 24, atMost: 3)
    top =
      12 + 19 * Double(titleLines.lines.count) + 16 * Double(subtitleLines.lines.count) + 12
      + (isSlanted ? columnWidth * sin(.pi * XLabels.slant / 180) + 14 : 16)
    height = (top + cell.height * Double(map.rows.count) + 16).rounded(.up)
    let known = map.values.flatMap { $0 }.compactMap { $0 }
    let range = map.scale.range(over: known)
    lower = map.range?.lowerBound ?? range.lower
    upper = map.range?.upperBound ?? range.upper
    numberSize = min(10.5, (width - 3) / max(longest, 0.1))
  }

  func draw(into markup: inout Markup) {
    var baseline = 26.0
    for line in titleLines.lines {
      markup.text(
        line, x: 12, y: baseline, size: ChartPanel.titleSize, bold: true,
        tip: titleLines.isCut ? map.title : nil)
      baseline += 19
    }
    for line in subtitleLines.lines {
      markup.text(
        line, x: 12, y: baseline - 2, size: ChartPanel.textSize, paint: Palette.quiet,
        tip: subtitleLines.isCut ? map.subtitle : nil)
      baseline += 16
    }
    drawNames(into: &markup)
    for (row, line) in map.values.enumerated() {
      for (column, value) in line.enumerated() { draw(value, row, column, into: &markup) }
    }
    if map.rows.isEmpty || map.columns.isEmpty {
      markup.text("No data", x: 12, y: top, size: 16, paint: Palette.quiet)
    }
  }

  private static func text(_ value: Double?, _ decimals: Int) -> String {
    let text = NumberFormat.decimals(value, decimals)
    return text.hasPrefix("-") ? "−" + text.dropFirst() : text
  }

  private func drawNames(into markup: inout Markup) {
    for (index, name) in map.columns.enumerated() {
      let (shown, isCut) = TextMeasure.fitting(name, size: Self.size, width: Self.nameLimit)
      let middle = left + (Double(index) + 0.5) * cell.width
      markup.text(
        shown, x: isSlanted ? middle + 2 : middle, y: top - 7, size: Self.size,
        anchor: isSlanted ? "start" : "middle", turned: isSlanted ? -XLabels.slant : 0,
        tip: isCut ? name : nil)
    }
    for (index, name) in map.rows.enumerated() {
      let (shown, isCut) = TextMeasure.fitting(name, size: Self.size, width: Self.nameLimit)
      markup.text(
        shown, x: left - 8, y: top + (Double(index) + 0.5) * cell.height + 4, size: Self.size,
        anchor: "end", tip: isCut ? name : nil)
    }
  }

  private func draw(_ value: Double?, _ row: Int, _ column: Int, into markup: inout Markup) {
    let frame = Frame(
      x: left + Double(column) * cell.width + 0.5, y: top + Double(row) * cell.height + 0.5,
      width: cell.width - 1, height: cell.height - 1)
    let text = Self.text(value, map.decimals)
    let tip = "\(map.rows[row]), \(map.columns[column]): \(text)"
    let step = value.map { map.scale.step(of: $0, from: lower, to: upper) }
    if let step {
      markup.rectangle(frame, fill: map.scale.paint(step), tip: tip)
    } else {
      markup.rectangle(frame, stroke: Palette.grid, tip: tip)
    }
    // Smaller than 7 pixels nobody reads it; the tooltip has it.
    guard numberSize >= 7 else { return }
    markup.text(
      text, x: frame.x + frame.width / 2,
      y: frame.y + frame.height / 2 + numberSize * 0.36, size: numberSize, anchor: "middle",
      paint: step.map { map.scale.ink($0) } ?? Palette.quiet)
  }
}

extension HeatMap {
  /// - Throws: `PictureError` where the matrix is not rows × columns or has a number that is not finite.
  package func svg() throws(PictureError) -> String {
    try validate()
    let layout = HeatMapLayout(self)
    var markup = Markup()
    layout.draw(into: &markup)
    let shape = "\(rows.count) rows × \(columns.count) columns"
    let numbers = zip(rows, values).map { name, line in
      "\(name): " + line.map { NumberFormat.decimals($0, decimals) }.joined(separator: ", ")
    }
    return markup.document(
      width: layout.width, height: layout.height, title: title,
      description: "\(title). \(shape). Columns: \(columns.joined(separator: ", ")). "
        + numbers.joined(separator: "; ") + ".")
  }
}
