internal import Foundation

/// How the labels at the x axis are set so that none overlaps another.
struct XLabels {
  /// Whether labels are slanted, as long names are.
  let isSlanted: Bool
  /// One of this many ticks has a label.
  let step: Int
  /// The width that a label may have.
  let limit: Double
  let height: Double

  static let slant = 38.0
  static let size = 11.0

  /// Chooses the ticks of the x axis and how their labels are set.
  ///
  /// - Returns: The ticks, the labels, and from where to where the axis goes, which may be less than was given to
  ///   make room for the labels.
  static func fitting(
    _ axis: Chart.Axis, extent: ClosedRange<Double>?, from left: Double, to right: Double,
    limit frame: Frame, isNarrowed: Bool = false
  ) -> (scale: AxisScale, labels: XLabels, left: Double, right: Double) {
    let width = max(right - left, 40)
    let size = Self.size
    var count = max(3, min(11, Int(width / 55)))
    while true {
      let scale = AxisScale(axis, extent: extent, atMost: count)
      let major = scale.ticks.filter(\.isMajor)
      let widths = major.map { TextMeasure.width($0.label, size: size) }
      if scale.hasCategories {
        let (labels, left) = categories(widths, from: left, to: right, frame: frame)
        return (scale, labels, left, right)
      }
      // The last number may not reach beyond the frame; a narrower plot makes room for it.
      if let last = major.last, let lastWidth = widths.last {
        let overhang =
          left + scale.position(of: last.value) * width + lastWidth / 2 + 6 - frame.right
        if overhang > 0, !isNarrowed {
          return fitting(
            axis, extent: extent, from: left, to: right - overhang, limit: frame, isNarrowed: true)
        }
      }
      let places = major.map { scale.position(of: $0.value) * width }
      if count > 3, !isFree(places, widths, step: 1) {
        count -= 1
        continue
      }
      var step = 1
      while step < major.count, !isFree(places, widths, step: step) { step += 1 }
      return (
        scale, XLabels(isSlanted: false, step: step, limit: .infinity, height: 20), left, right
      )
    }
  }

  private static func isFree(_ places: [Double], _ widths: [Double], step: Int) -> Bool {
    let kept = places.indices.filter { $0 % step == 0 }
    return zip(kept, kept.dropFirst()).allSatisfy { here, next in
      places[next] - places[here] >= (widths[here] + widths[next]) / 2 + 12
    }
  }

  private static func categories(
    _ widths: [Double], from left: Double, to right: Double, frame: Frame
  ) -> (labels: XLabels, left: Double) {
    let count = Double(max(widths.count, 1))
    let width = max(right - left, 40)
    let widest = widths.max() ?? 0
    if widest <= width / count - 6 {
      return (XLabels(isSlanted: false, step: 1, limit: .infinity, height: 20), left)
    }
    // Slanted text ends at its tick, and may reach as far left as the frame. Where a name would reach farther, the
    // plot begins farther to the right, if enough of it is left.
    let radians = slant * .pi / 180
    let limit = min(190, frame.height * 0.55)
    func overhang(_ left: Double) -> Double {
      let slot = (right - left) / count
      return widths.enumerated().map { index, width in
        frame.x + 4 + min(width, limit) * cos(radians) - left - (Double(index) + 0.5) * slot
      }.max() ?? 0
    }
    let moved = min(left + max(overhang(left), 0) * 1.15, left + width / 4)
    let slot = (right - moved) / count
    let step = max(1, Int((14 / slot).rounded(.up)))
    let room = limit - max(overhang(moved), 0) / cos(radians)
    let height = min(widest, room) * sin(radians) + 20
    return (XLabels(isSlanted: true, step: step, limit: room, height: height), moved)
  }
}
