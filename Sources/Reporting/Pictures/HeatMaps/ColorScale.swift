internal import Foundation

/// A scale of colours for numbers, in 21 steps, once for light and once for dark backgrounds.
package enum ColorScale: Equatable, Sendable {
  /// From red (negative) over the background's grey (zero) to blue (positive): ColorBrewer's RdBu,
  /// safe for the colour-blind. Its range is symmetric about zero.
  case diverging
  /// From nearly the background to strong blue: ColorBrewer's Blues.
  case sequential

  /// How many different colours there are; odd, so that zero has one of its own.
  package static let stepCount = 21

  private var anchors: (name: String, light: [Int], dark: [Int]) {
    switch self {
    case .diverging:
      (
        "d", [0xB2182B, 0xEF8A62, 0xFDDBC7, 0xF7F7F7, 0xD1E5F0, 0x67A9CF, 0x2166AC],
        [0xFF9B80, 0xC8523F, 0x70332D, 0x363B43, 0x27506F, 0x3587BD, 0x86CBFF]
      )
    case .sequential:
      (
        "q", [0xEFF3FF, 0xBDD7E7, 0x6BAED6, 0x3182BD, 0x08519C],
        [0x22303D, 0x24506F, 0x2F78A8, 0x5CA6DA, 0xA9DAFF]
      )
    }
  }

  package func paint(_ step: Int) -> Paint {
    let (name, light, dark) = anchors
    let position = Double(step) / Double(Self.stepCount - 1)
    return Paint(
      "\(name)\(step)", light: Self.hex(Self.blend(light, position)),
      dark: Self.hex(Self.blend(dark, position)))
  }

  /// The colour of text that stands on a step: black or white, whichever has more contrast.
  ///
  /// That is 4.58 : 1 at least on any colour, since both contrasts multiply to 21.
  package func ink(_ step: Int) -> Paint {
    let paint = paint(step)
    func text(on color: String) -> String {
      Self.contrast(color, "#000000") >= Self.contrast(color, "#FFFFFF") ? "#000000" : "#FFFFFF"
    }
    return Paint("t" + paint.name, light: text(on: paint.light), dark: text(on: paint.dark))
  }

  /// Which step a value has between two bounds; all in the middle where the bounds are equal.
  package func step(of value: Double, from lower: Double, to upper: Double) -> Int {
    let last = Self.stepCount - 1
    guard upper > lower else { return last / 2 }
    let position = (value / 2 - lower / 2) / (upper / 2 - lower / 2)
    return Int((min(max(position, 0), 1) * Double(last)).rounded())
  }

  /// The range of a scale over some values: symmetric about zero where it diverges.
  package func range(over values: [Double]) -> (lower: Double, upper: Double) {
    let lower = values.min() ?? 0
    let upper = values.max() ?? 1
    switch self {
    case .sequential: return (lower, upper)
    case .diverging:
      let bound = max(abs(lower), abs(upper))
      return bound == 0 ? (-1, 1) : (-bound, bound)
    }
  }

  private static func blend(_ anchors: [Int], _ position: Double) -> [Double] {
    let place = position * Double(anchors.count - 1)
    let left = min(Int(place), anchors.count - 2)
    let share = place - Double(left)
    return [16, 8, 0].map { shift in
      Double((anchors[left] >> shift) & 255) * (1 - share)
        + Double((anchors[left + 1] >> shift) & 255) * share
    }
  }

  private static func hex(_ channels: [Double]) -> String {
    "#"
      + channels.map { channel in
        let digits = String(Int(channel.rounded()), radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
  }

  /// The contrast ratio of two colours `#RRGGBB` after WCAG 2.1, from 1 to 21.
  package static func contrast(_ one: String, _ other: String) -> Double {
    let pair = [luminance(one), luminance(other)]
    return ((pair.max() ?? 0) + 0.05) / ((pair.min() ?? 0) + 0.05)
  }

  private static func luminance(_ color: String) -> Double {
    let code = Int(color.dropFirst(), radix: 16) ?? 0
    let linear = [16, 8, 0].map { shift in
      let share = Double((code >> shift) & 255) / 255
      return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
  }
}
