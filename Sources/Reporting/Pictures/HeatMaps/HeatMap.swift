/// A matrix as coloured cells with their numbers, such as the rank correlation of each method with each.
///
/// The picture is as wide as the numbers need. With too many columns for 1200 pixels cells become
/// smaller, and their numbers are shown by the pointer only.
package struct HeatMap: Picture, Equatable {
  /// What stands above the picture; it is also its accessible name.
  package var title: String
  /// A quieter line beneath the title; empty for none.
  package var subtitle = ""
  package var rows: [String]
  package var columns: [String]
  /// rows × columns numbers; nil for one that is missing, shown as "–" without colour.
  package var values: [[Double?]]
  package var scale: ColorScale
  /// The values of the first and the last colour, which values beyond have too; nil for those of the data.
  package var range: ClosedRange<Double>?
  /// How many decimals the numbers have, from 0 to 6.
  package var decimals: Int

  package init(
    _ title: String, rows: [String], columns: [String], values: [[Double?]],
    scale: ColorScale = .diverging, range: ClosedRange<Double>? = nil, decimals: Int = 2
  ) {
    precondition((0...6).contains(decimals), "\(decimals) decimals are not in 0 ... 6")
    self.title = title
    self.rows = rows
    self.columns = columns
    self.values = values
    self.scale = scale
    self.range = range
    self.decimals = decimals
  }

  func validate() throws(PictureError) {
    guard values.count == rows.count else {
      throw .lengths(
        picture: title, what: "rows of numbers", expected: rows.count, found: values.count)
    }
    for (name, line) in zip(rows, values) {
      guard line.count == columns.count else {
        throw .lengths(
          picture: title, what: "numbers in row “\(name)”", expected: columns.count,
          found: line.count)
      }
      for (index, value) in line.enumerated() {
        guard let value else { continue }
        guard value.isFinite else {
          throw .notFinite(picture: title, series: name, index: index, value: "\(value)")
        }
      }
    }
    guard let range else { return }
    guard range.lowerBound.isFinite, range.upperBound.isFinite, range.lowerBound < range.upperBound
    else {
      throw .badRange(
        picture: title, axis: "colour", lower: range.lowerBound, upper: range.upperBound)
    }
  }
}
