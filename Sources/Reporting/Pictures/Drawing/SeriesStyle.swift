internal import Foundation

/// How series are told apart: by colour, by the shape of their markers and by the dash of their lines.
///
/// A look is a whole number from 0 up. Colours repeat after 8 looks; each round of 8 has another dash, and its markers
/// are shifted by one. So 24 looks all differ, also where colours cannot be seen.
enum SeriesStyle {
  static func paint(_ look: Int) -> Paint { Palette.series[look % Palette.series.count] }

  /// Whether a look's marker is a circle.
  static func isCircle(_ look: Int) -> Bool { (look + look / 8) % 8 == 0 }

  /// The dash of a look's line; empty for a solid line.
  static func dash(_ look: Int) -> String { ["", "7 3", "2 3"][look / 8 % 3] }

  static func referenceDash(_ index: Int) -> String {
    ["5 4", "1.5 3", "9 3 2 3", "12 4"][index % 4]
  }

  /// The corners of a look's marker around (0, 0), with areas alike; empty for a circle.
  private static func corners(_ look: Int, radius r: Double) -> [(Double, Double)] {
    func polygon(_ count: Int, _ radius: Double, from degrees: Double) -> [(Double, Double)] {
      (0..<count).map { index in
        let angle = (degrees + 360 * Double(index) / Double(count)) * .pi / 180
        return (radius * cos(angle), radius * sin(angle))
      }
    }
    switch (look + look / 8) % 8 {
    case 0: return []
    case 1: return polygon(4, 1.25 * r, from: 45)
    case 2: return polygon(3, 1.45 * r, from: -90)
    case 3: return polygon(4, 1.35 * r, from: 0)
    case 4: return polygon(3, 1.45 * r, from: 90)
    case 5: return cross(r)
    case 6:
      return cross(r).map { (($0.0 - $0.1) * 0.5.squareRoot(), ($0.0 + $0.1) * 0.5.squareRoot()) }
    default:
      let outer = polygon(5, 1.55 * r, from: -90)
      let inner = polygon(5, 0.68 * r, from: -54)
      return zip(outer, inner).flatMap { [$0, $1] }
    }
  }

  private static func cross(_ r: Double) -> [(Double, Double)] {
    let (long, short) = (1.3 * r, 0.45 * r)
    return [
      (-short, -long), (short, -long), (short, -short), (long, -short), (long, short),
      (short, short), (short, long), (-short, long), (-short, short), (-long, short),
      (-long, -short), (-short, -short),
    ]
  }

  /// The path of a look's markers at places.
  static func path(_ look: Int, at places: [(x: Double, y: Double)], radius: Double) -> String {
    let corners = corners(look, radius: radius)
    guard let first = corners.first else {
      let r = Markup.number(radius)
      let diameter = Markup.number(2 * radius)
      return places.map { x, y in
        "M\(Markup.number(x - radius)) \(Markup.number(y))a\(r) \(r) 0 1 0 \(diameter) 0"
          + "a\(r) \(r) 0 1 0 -\(diameter) 0z"
      }.joined()
    }
    let steps = zip(corners, corners.dropFirst()).map { here, next in
      "\(Markup.number(next.0 - here.0)) \(Markup.number(next.1 - here.1))"
    }.joined(separator: " ")
    return places.map { x, y in
      "M\(Markup.number(x + first.0)) \(Markup.number(y + first.1))l\(steps)z"
    }.joined()
  }
}
