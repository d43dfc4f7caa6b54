import Testing

import Reporting

@Suite("What pictures refuse")
struct PictureErrorTests {
  typealias Point = Chart.Point

  static func chart(_ points: [Point], x: Chart.Axis = .init("x"), y: Chart.Axis = .init("y"))
    -> Chart
  {
    Chart("c", x: x, y: y, series: [.init("a", .scatter, points: points)])
  }

  @Test(
    "NaN and infinities anywhere",
    arguments: [
      Point(.nan, 0), Point(0, .nan), Point(0, .infinity), Point(0, 0, lower: .nan, upper: 1),
      Point(0, 0, lower: 0, upper: .infinity), Point(0, 0, value: .nan),
    ])
  func notFinite(point: Point) {
    let error = #expect(throws: PictureError.self) { try Self.chart([Point(1, 1), point]).svg() }
    guard case .notFinite("c", "a", 1, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("Zero and negative numbers on a logarithmic axis", arguments: [0, -1.0])
  func notPositive(value: Double) {
    let log = Chart.Axis("l", scale: .logarithmic)
    #expect(
      throws: PictureError.notPositive(picture: "c", axis: "y", series: "a", index: 0, value: value)
    ) {
      try Self.chart([Point(1, value)], y: log).svg()
    }
    #expect(
      throws: PictureError.notPositive(picture: "c", axis: "x", series: "a", index: 0, value: value)
    ) {
      try Self.chart([Point(value, 1)], x: log).svg()
    }
    #expect(
      throws: PictureError.notPositive(picture: "c", axis: "y", series: "a", index: 0, value: value)
    ) {
      try Self.chart([Point(1, 1, lower: value, upper: 2)], y: log).svg()
    }
  }

  @Test("Numbers too extreme for ticks")
  func extreme() {
    #expect(
      throws: PictureError.tooExtreme(picture: "c", axis: "y", series: "a", index: 0, value: 1e301)
    ) {
      try Self.chart([Point(0, 1e301)]).svg()
    }
    #expect(
      throws: PictureError.tooExtreme(picture: "c", axis: "y", series: "a", index: 0, value: 1e-301)
    ) {
      try Self.chart([Point(0, 1e-301)], y: .init("y", scale: .logarithmic)).svg()
    }
  }

  @Test("Intervals with one end, or upside down")
  func intervals() {
    for point in [Point(0, 0, lower: 1), Point(0, 0, upper: 1), Point(0, 0, lower: 1, upper: 0)] {
      #expect(throws: PictureError.badInterval(picture: "c", series: "a", index: 0)) {
        try Self.chart([point]).svg()
      }
    }
  }

  @Test("Categories that do not exist", arguments: [-1, 2, 0.5])
  func categories(value: Double) {
    #expect(
      throws: PictureError.noSuchCategory(
        picture: "c", series: "a", index: 0, value: value, count: 2)
    ) {
      try Self.chart([Point(value, 0)], x: .init("", scale: .categories(["p", "q"]))).svg()
    }
  }

  @Test("Fixed ranges without width, or not positive on a logarithmic axis")
  func ranges() {
    for axis in [
      Chart.Axis("y", range: 1...1), .init("y", range: 0 ... .infinity),
      .init("y", scale: .logarithmic, range: 0...1),
    ] {
      let error = #expect(throws: PictureError.self) {
        try Self.chart([Point(0, 1)], y: axis).svg()
      }
      guard case .badRange("c", "y", _, _) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test("Lists of different lengths, and heat maps that are not what their names say")
  func lengths() {
    #expect(throws: PictureError.lengths(picture: "t", what: "scores of m", expected: 2, found: 1))
    {
      try Chart.againstExact("t", method: "m", exact: [1, 2], approximate: [1])
    }
    #expect(
      throws: PictureError.lengths(picture: "t", what: "estimates of m", expected: 1, found: 0)
    ) {
      try Chart.bars("t", groups: ["g"], y: .init(""), methods: [("m", [])])
    }
    #expect(
      throws: PictureError.lengths(picture: "h", what: "rows of numbers", expected: 2, found: 1)
    ) {
      try HeatMap("h", rows: ["a", "b"], columns: ["c"], values: [[1]]).svg()
    }
    #expect(throws: PictureError.notFinite(picture: "h", series: "a", index: 0, value: "nan")) {
      try HeatMap("h", rows: ["a"], columns: ["c"], values: [[.nan]]).svg()
    }
  }

  @Test("Errors say what was found and what to do")
  func description() {
    let error = PictureError.notPositive(picture: "p", axis: "y", series: "a", index: 3, value: -1)
    #expect("\(error)".contains("point 3 of “a” is -1.0 on the logarithmic y axis"))
    #expect("\(error)".contains("use a linear axis"))
  }

  @Test("A series without points is named so; a chart without any says it has no data")
  func empty() throws {
    let some = try XMLTree(
      Chart(
        "e", x: .init("x"), y: .init("y"),
        series: [.init("a", points: []), .init("b", points: [Point(1, 1)])]
      ).svg())
    #expect(some.texts().contains("a (no data)") && !some.texts().contains("No data"))
    let none = try XMLTree(
      Chart("e", x: .init("x"), y: .init("y"), series: [.init("a", points: [])]).svg())
    #expect(none.texts().contains("No data") && none.texts().contains("a (no data)"))
  }
}
