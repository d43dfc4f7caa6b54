/// What data can make a picture impossible.
///
/// Nothing is left out of a picture in silence: a number that has no place on it is an error.
package enum PictureError: Error, Equatable, Sendable {
  case notFinite(picture: String, series: String, index: Int, value: String)
  /// A number that is not positive stands on a logarithmic axis.
  case notPositive(picture: String, axis: String, series: String, index: Int, value: Double)
  /// A number is beyond ±10³⁰⁰, or below 10⁻³⁰⁰ on a logarithmic axis: ticks cannot be computed.
  case tooExtreme(picture: String, axis: String, series: String, index: Int, value: Double)
  /// Only one of a point's two bounds is given, or the lower one is above the upper one.
  case badInterval(picture: String, series: String, index: Int)
  /// A value on an axis of categories is not the number of one.
  case noSuchCategory(picture: String, series: String, index: Int, value: Double, count: Int)
  /// A fixed range of an axis or of a colour bar is empty, not finite, or not positive on a logarithmic axis.
  case badRange(picture: String, axis: String, lower: Double, upper: Double)
  case lengths(picture: String, what: String, expected: Int, found: Int)
}

extension PictureError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notFinite(let picture, let series, let index, let value):
      "picture “\(picture)”: point \(index) of “\(series)” is \(value); leave it out or find out why"
    case .notPositive(let picture, let axis, let series, let index, let value):
      "picture “\(picture)”: point \(index) of “\(series)” is \(value) on the logarithmic \(axis) axis, "
        + "which holds positive numbers only; use a linear axis, or leave it out and say so"
    case .tooExtreme(let picture, let axis, let series, let index, let value):
      "picture “\(picture)”: point \(index) of “\(series)” is \(value), too extreme for the \(axis) axis; "
        + "plot its logarithm"
    case .badInterval(let picture, let series, let index):
      "picture “\(picture)”: point \(index) of “\(series)” needs a lower and an upper bound, in this order"
    case .noSuchCategory(let picture, let series, let index, let value, let count):
      "picture “\(picture)”: point \(index) of “\(series)” is at category \(value), "
        + "but there are 0 ..< \(count)"
    case .badRange(let picture, let axis, let lower, let upper):
      "picture “\(picture)”: the \(axis) axis cannot go from \(lower) to \(upper)"
    case .lengths(let picture, let what, let expected, let found):
      "picture “\(picture)”: \(found) \(what) where \(expected) are expected"
    }
  }
}
