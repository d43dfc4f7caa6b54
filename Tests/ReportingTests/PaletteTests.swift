import Foundation
import Testing

import Reporting

@Suite("Colours of pictures")
struct PaletteTests {
  /// Linear light of a colour `#RRGGBB`, by the definition of sRGB.
  static func linear(_ color: String) throws -> [Double] {
    #expect(color.count == 7 && color.hasPrefix("#"))
    let code = try #require(Int(color.dropFirst(), radix: 16))
    return [16, 8, 0].map { shift in
      let share = Double((code >> shift) & 255) / 255
      return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
    }
  }

  /// The contrast ratio of WCAG 2.1.
  static func contrast(_ one: String, _ other: String) throws -> Double {
    func luminance(_ color: String) throws -> Double {
      zip(try linear(color), [0.2126, 0.7152, 0.0722]).map(*).reduce(0, +)
    }
    let (first, second) = (try luminance(one), try luminance(other))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)
  }

  static let schemes: [(name: String, color: @Sendable (Paint) -> String)] = [
    ("light", { $0.light }), ("dark", { $0.dark }),
  ]

  @Test("Contrast: black on white is 21, a colour on itself 1")
  func contrastOfKnownColors() throws {
    #expect(abs(try Self.contrast("#000000", "#FFFFFF") - 21) < 1e-9)
    #expect(ColorScale.contrast("#777777", "#777777") == 1)
    for paint in Palette.series {
      let ours = ColorScale.contrast(paint.light, paint.dark)
      #expect(abs(ours - (try Self.contrast(paint.light, paint.dark))) < 1e-9)
    }
  }

  @Test(
    "Series, axes and reference lines have 3 : 1 on their background, text has 4.5 : 1",
    arguments: [0, 1])
  func contrastOnBackground(scheme: Int) throws {
    let color = Self.schemes[scheme].color
    let background = color(Palette.background)
    for paint in Palette.series + [Palette.axis, Palette.reference] {
      #expect(try Self.contrast(color(paint), background) >= 3, "\(paint)")
    }
    for paint in [Palette.ink, Palette.quiet] {
      #expect(try Self.contrast(color(paint), background) >= 4.5, "\(paint)")
    }
  }

  @Test("Numbers can be read on every step of every scale", arguments: [0, 1])
  func contrastOnScales(scheme: Int) throws {
    let color = Self.schemes[scheme].color
    for scale in [ColorScale.diverging, .sequential] {
      for step in 0..<ColorScale.stepCount {
        let contrast = try Self.contrast(color(scale.paint(step)), color(scale.ink(step)))
        #expect(contrast >= 4.5, "\(scale) \(step)")
      }
      // The ends stand out from the background even without an outline.
      let last = color(scale.paint(ColorScale.stepCount - 1))
      #expect(try Self.contrast(last, color(Palette.background)) >= 3)
    }
  }

  /// CIELAB of linear light under the white of D65.
  static func lab(_ linear: [Double]) -> [Double] {
    let matrix = [
      [0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505],
    ]
    let cubes = zip(matrix, [0.9505, 1, 1.089]).map { row, white in
      let share = zip(row, linear).map(*).reduce(0, +) / white
      return share > 0.008856 ? cbrt(share) : 7.787 * share + 16 / 116.0
    }
    return [
      116 * cubes[1] - 16, 500 * (cubes[0] - cubes[1]), 200 * (cubes[1] - cubes[2]),
    ]
  }

  /// How linear light is seen; the matrices are those of Machado, Oliveira and Fernandes (2009) at severity 1.
  static let visions: [(name: String, matrix: [[Double]])] = [
    ("all cones", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    (
      "protanopia",
      [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
      ]
    ),
    (
      "deuteranopia",
      [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
      ]
    ),
  ]

  @Test(
    "Any two colours of series differ by 18 in CIELAB, for the colour-blind too", arguments: [0, 1])
  func distances(scheme: Int) throws {
    for vision in Self.visions {
      let colors = try Palette.series.map { paint in
        let light = try Self.linear(Self.schemes[scheme].color(paint))
        return Self.lab(
          vision.matrix.map { row in max(0, zip(row, light).map(*).reduce(0, +)) })
      }
      for one in colors.indices {
        for other in 0..<one {
          let distance = zip(colors[one], colors[other]).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
            .squareRoot()
          #expect(distance >= 18, "\(one) and \(other), \(vision.name)")
        }
      }
    }
  }

  @Test("Steps: the ends, the middle, beyond the ends, and a range of one number")
  func steps() {
    let scale = ColorScale.diverging
    #expect(scale.step(of: -2, from: -2, to: 2) == 0)
    #expect(scale.step(of: 0, from: -2, to: 2) == 10)
    #expect(scale.step(of: 9, from: -2, to: 2) == 20)
    #expect(scale.step(of: 1, from: 1, to: 1) == 10)
    #expect(scale.step(of: 1e300, from: -1e300, to: 1e300) == 20)
    #expect(scale.range(over: [-1, 3]) == (-3, 3))
    #expect(scale.range(over: [0, 0]) == (-1, 1))
    #expect(ColorScale.sequential.range(over: [2, 3]) == (2, 3))
  }
}
