/// A picture of numbers on two axes, drawn as SVG.
///
/// One picture serves light and dark pages: it follows the reader's colour scheme, and shows the light one
/// where that is unknown. Series are told apart by colour, marker and dash; there are 24 looks before one
/// returns. Same data, same bytes.
///
/// A series without points stands in the legend as "(no data)"; a chart without any point says "No
/// data". NaN, infinities, and numbers that are not positive on a logarithmic axis are errors.
package struct Chart: Equatable, Sendable {
  /// What stands above the picture; it is also its accessible name.
  package var title: String
  /// A quieter line beneath the title; empty for none.
  package var subtitle = ""
  package var x: Axis
  package var y: Axis
  /// What is drawn, in the order of the legend.
  package var series: [Series]
  /// Lines to compare with, drawn in grey: behind the series, or in front of scattered points.
  package var references: [Reference] = []
  /// How points that have a value are coloured; nil for the scale that suits the values, without a label.
  package var colors: ColorBar?
  /// Lines of text for the emptiest corner, such as "Pearson 0.912".
  package var remarks: [String] = []
  /// The width in pixels, 320 or more.
  package var width = 720.0
  /// The height in pixels without the legend, which is added below; 240 or more.
  package var height = 440.0

  package init(_ title: String, x: Axis, y: Axis, series: [Series]) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
  }

  /// The bar that explains the colours of points.
  package struct ColorBar: Equatable, Sendable {
    package var label: String
    package var scale: ColorScale
    /// The values of the first and the last colour, which values beyond have too; nil for those of the data.
    package var range: ClosedRange<Double>?

    package init(_ label: String, scale: ColorScale, range: ClosedRange<Double>? = nil) {
      self.label = label
      self.scale = scale
      self.range = range
    }
  }
}
