import Foundation
import Testing

import Reporting

@Suite("Charts as SVG")
struct ChartTests {
  typealias Point = Chart.Point

  static func wave(_ count: Int, shift: Double = 0) -> [Point] {
    (0..<count).map { index in
      let y = Double(index * index % 7) + shift
      return Point(Double(index), y, lower: y - 0.5, upper: y + 0.25)
    }
  }

  /// One chart of each kind, with what tends to go wrong: long names, one point, none, constants.
  static func gallery() throws -> [(name: String, svg: String)] {
    let long =
      "a name that is much longer than what any label has room for, with <&> and \"quotes\""
    let names = (0..<24).map { "method \($0)" }
    let line = Chart.Axis("x")
    let log = Chart.Axis("λ", scale: .logarithmic)
    var many = Chart(
      long, x: line, y: line, series: names.map { Chart.Series($0, points: wave(30)) })
    many.subtitle = long
    var small = Chart(
      long, x: .init(long), y: .init(long),
      series: [.init(long, points: wave(3)), .init("b", points: [])])
    (small.width, small.height) = (320, 240)
    small.remarks = [long, "n = 3"]
    let values = (0..<40).map { Point(Double($0 % 7), Double($0 % 5), value: Double($0) - 20) }
    let exact = (0..<400).map { Double($0 * $0 % 97) * 1e-6 - 4e-5 }
    let against = try Chart.againstExact(
      "against", method: "datainf", exact: exact, approximate: exact.map { $0 * 0.7 },
      remarks: ["Pearson 1.000"])
    return [
      (
        "curves",
        try Chart.curves("c", x: line, y: line, [("a", wave(9)), ("b", wave(1))]).svg()
      ),
      ("many", try many.svg()), ("small", try small.svg()), ("against", try against.svg()),
      (
        "detection",
        try Chart.detection(
          "d", [("a", [Point(0, 0), Point(0.2, 0.9), Point(1, 1)])], badShare: 0.1
        ).svg()
      ),
      (
        "bars",
        try Chart.bars(
          "b", groups: ["digits", long, "c"], y: line,
          methods: names.map { ($0, [.init(1, lower: 0.5, upper: 1.5), nil, .init(-2)]) }
        ).svg()
      ),
      (
        "points",
        try Chart.points(
          "p", x: line, y: line, classes: [("a", values), ("b", wave(4))],
          boundaries: [("boundary", [Point(0, 0), Point(7, 5)])]
        ).svg()
      ),
      (
        "intervals",
        try Chart(
          "i", x: .init("", scale: .categories(names)), y: log,
          series: [
            .init(
              "a", .intervals,
              points: names.indices.map { Point(Double($0), 2, lower: 1, upper: 3) })
          ]
        ).svg()
      ),
      (
        "multiples",
        try SmallMultiples("m", columns: 2, sharesRanges: true, charts: [against, many, small])
          .svg()
      ),
      (
        "heat",
        try HeatMap(
          "h", rows: ["a", long], columns: names,
          values: [names.map { _ in 0.5 }, names.map { _ in nil }]
        ).svg()
      ),
      ("none", try Chart("none", x: log, y: line, series: []).svg()),
      ("no heat", try HeatMap("none", rows: [], columns: [], values: []).svg()),
      ("no multiples", try SmallMultiples("none", charts: []).svg()),
    ]
  }

  @Test(
    "Every picture is well-formed, scales, has a name and a description, both schemes, and no identifiers"
  )
  func document() throws {
    for (name, svg) in try Self.gallery() {
      let tree = try XMLTree(svg)
      let root = try #require(tree.elements.first)
      #expect(root.name == "svg" && root.attributes["role"] == "img", "\(name)")
      let width = try #require(root.number("width"))
      let height = try #require(root.number("height"))
      #expect(root.attributes["viewBox"] == "0 0 \(Markup.number(width)) \(Markup.number(height))")
      #expect(tree.elements[1].name == "title" && !tree.elements[1].text.isEmpty)
      #expect(tree.elements[2].name == "desc" && !tree.elements[2].text.isEmpty)
      // Several pictures stand in one page, where identifiers would meet.
      #expect(!tree.elements.contains { $0.attributes["id"] != nil })
      let style = try #require(tree.texts("style").first)
      for element in tree.elements {
        for name in (element.attributes["class"] ?? "").split(separator: " ") where name != "ik" {
          let variable = "--ik-" + name.dropFirst("ik-f-".count)
          #expect(style.split(separator: variable + ":").count == 3, "\(variable) in both schemes")
          #expect(style.contains(".\(name){"))
        }
        // Without style sheets the attributes say the light colour.
        for key in ["fill", "stroke"] {
          let color = element.attributes[key] ?? "none"
          #expect(color == "none" || color.hasPrefix("#"))
        }
      }
      #expect(style.contains("@media (prefers-color-scheme:dark)"))
      #expect(!svg.contains("nan") && !svg.contains("inf\""))
    }
  }

  @Test("The same data give the same bytes")
  func determinism() throws {
    #expect(try Self.gallery().map(\.svg) == Self.gallery().map(\.svg))
  }

  @Test("All text is inside of the picture, and cut text is whole in its tooltip")
  func textInside() throws {
    for (name, svg) in try Self.gallery() {
      let tree = try XMLTree(svg)
      let width = try #require(tree.elements.first?.number("width"))
      let height = try #require(tree.elements.first?.number("height"))
      for (index, text) in tree.elements.enumerated() where text.name == "text" {
        let x = try #require(text.number("x"))
        let y = try #require(text.number("y"))
        let size = try #require(text.number("font-size"))
        // A tooltip, if there is one, is the next element.
        let isCut = text.text.hasSuffix("…")
        if isCut { #expect(tree.elements[index + 1].name == "title", "\(name): \(text.text)") }
        let length = TextMeasure.width(text.text, size: size)
        let shares: [String: Double] = ["end": 1, "middle": 0.5]
        let share: Double = shares[text.attributes["text-anchor"] ?? ""] ?? 0
        let turn = text.attributes["transform"]?.dropFirst("rotate(".count).split(separator: " ")
          .first
        let degrees = turn.flatMap { Double($0) } ?? 0
        let radians = degrees * .pi / 180
        // From the text's beginning to its end, along its direction.
        for along in [-share * length, (1 - share) * length] {
          let (endX, endY) = (x + along * cos(radians), y + along * sin(radians))
          #expect((-0.01...width + 0.01).contains(endX), "\(name): \(text.text)")
          #expect((-0.01...height + 0.01).contains(endY), "\(name): \(text.text)")
        }
      }
    }
  }

  @Test("Labels at the axes do not overlap", arguments: [320.0, 500, 720, 1200])
  func labelsApart(width: Double) throws {
    let ranges = [(0.0, 1.0), (-1e-5, 2e-5), (1e6, 1e6 + 3), (3, 9e9), (123_456.7, 123_456.8)]
    for scale in [Chart.Axis.Scale.linear, .logarithmic] {
      for (lower, upper) in ranges where scale == .linear || lower > 0 {
        let axis = Chart.Axis("", scale: scale)
        var chart = Chart(
          "", x: axis, y: axis,
          series: [.init("a", points: [Point(lower, lower), Point(upper, upper)])])
        chart.width = width
        let labels = try XMLTree(chart.svg()).named("text")
          .filter { $0.attributes["font-size"] == "11" }
        let x = try labels.filter { $0.attributes["text-anchor"] == "middle" }
          .map { label in
            (place: try #require(label.number("x")), width: TextMeasure.width(label.text, size: 11))
          }
          .sorted { $0.place < $1.place }
        let y = try labels.filter { $0.attributes["text-anchor"] == "end" }
          .map { try #require($0.number("y")) }.sorted()
        #expect(x.count >= 1 && y.count >= 2)
        for (here, next) in zip(x, x.dropFirst()) {
          let gap = next.place - here.place - (here.width + next.width) / 2
          #expect(gap > 0)
        }
        for (here, next) in zip(y, y.dropFirst()) { #expect(next - here > 12) }
      }
    }
  }

  static func frame(of element: XMLTree.Element) throws -> Frame {
    let x = try #require(element.number("x"))
    let y = try #require(element.number("y"))
    let width = try #require(element.number("width"))
    let height = try #require(element.number("height"))
    return Frame(x: x, y: y, width: width, height: height)
  }

  /// The places of a path that is made of M and L.
  static func places(_ path: String) -> [[Double]] {
    path.dropFirst().split(separator: "L").map {
      $0.split(separator: " ").compactMap { Double($0) }
    }
  }

  @Test("Points are where the axes say: linear and logarithmic")
  func mapping() throws {
    let points = [Point(0, 1), Point(2.5, 10), Point(10, 1000)]
    let chart = Chart(
      "map", x: .init("x", range: 0...10), y: .init("y", scale: .logarithmic, range: 1...1000),
      series: [.init("a", points: points)])
    let tree = try XMLTree(chart.svg())
    let plot = try #require(tree.named("svg").dropFirst().first)
    let path = try #require(tree.named("path").first?.attributes["d"])
    let frame = try Self.frame(of: plot)
    let places = Self.places(path)
    #expect(places.count == 3)
    for (place, share) in zip(places, [(0, 0), (0.25, 1 / 3.0), (1, 1)] as [(Double, Double)]) {
      // Places and plot are rounded to hundredths.
      #expect(abs(place[0] - (frame.x + share.0 * frame.width)) <= 0.03)
      #expect(abs(place[1] - (frame.bottom - share.1 * frame.height)) <= 0.03)
    }
  }

  @Test(
    "Scores against exact ones are in one unit, with the line through the origin nearest to them")
  func againstExact() throws {
    let exact = [-4.0, 1, 2, 3]
    let chart = try Chart.againstExact(
      "t", method: "m", exact: exact, approximate: exact.map { 0.5 * $0 }, remarks: ["r"])
    #expect(chart.series[0].points.map(\.x) == [-1, 0.25, 0.5, 0.75])
    #expect(chart.series[0].points.map(\.y) == [-0.5, 0.125, 0.25, 0.375])
    #expect(chart.remarks == ["r", "slope 0.500"])
    #expect(
      chart.references.map(\.course) == [.identity, .path([Point(-1, -0.5), Point(0.75, 0.375)])])
    // The least squares of two points beside a line: Σxy/Σx² = (1·2 + 2·1)/(1 + 4).
    let beside = try Chart.againstExact("t", method: "m", exact: [1, 2], approximate: [2, 1])
    #expect(beside.remarks == ["slope 0.800"])
    let zero = try Chart.againstExact("t", method: "m", exact: [0, 0], approximate: [2, 1])
    #expect(zero.remarks.isEmpty && zero.series[0].points.map(\.y) == [2, 1])
  }

  @Test("Charts that share their ranges keep the room around the places of the data")
  func sharedPlaces() throws {
    let charts = [[1.0, 2], [1, 3]].map { places in
      Chart.curves(
        "c", x: .init("layers", at: places), y: .init("y"),
        [("a", places.map { Point($0, $0) })])
    }
    let tree = try XMLTree(
      SmallMultiples("t", columns: 2, sharesRanges: true, charts: charts).svg())
    let plots = try tree.named("svg").dropFirst().map { try Self.frame(of: $0) }
    let lines = tree.named("path").compactMap { $0.attributes["d"] }.filter { $0.contains("L") }
    let places = lines.flatMap { Self.places($0) }
    for place in places {
      #expect(plots.contains { $0.x + 3 < place[0] && place[0] < $0.right - 3 }, "\(place)")
    }
    #expect(places.count >= 4)
  }

  @Test("Long names below a chart are whole", arguments: [300.0, 720])
  func wholeNames(width: Double) throws {
    let names = [
      "block-normalized", "cg:tolerance=1e-2", "demographic-parity", "a", "b", "c", "d", "e",
    ]
    var chart = try Chart.bars(
      "t", groups: names, y: .init("y"), methods: [("m", names.map { _ in .init(1) })])
    chart.width = max(320, width)
    let texts = try XMLTree(chart.svg()).texts()
    for name in names { #expect(texts.contains(name), "\(texts)") }
  }

  @Test("Without fixed ranges everything is inside of the plot", arguments: [1, 2, 17])
  func inside(count: Int) throws {
    let chart = Chart(
      "in", x: .init("x"), y: .init("y"),
      series: [.init("a", points: Self.wave(count) + Self.wave(count, shift: -3))])
    let tree = try XMLTree(chart.svg())
    let plot = try #require(tree.named("svg").last)
    let frame = try Self.frame(of: plot)
    // Lines and bands; markers may reach beyond.
    for path in tree.named("path")
    where path.attributes["stroke-width"] != nil || path.attributes["fill-opacity"] != nil {
      for place in Self.places((path.attributes["d"] ?? "").replacing("z", with: "")) {
        #expect((frame.x - 0.02...frame.right + 0.02).contains(place[0]))
        #expect((frame.y - 0.02...frame.bottom + 0.02).contains(place[1]))
      }
    }
    // Drawn in the plot's own coordinates.
    #expect(
      plot.attributes["viewBox"]
        == ["x", "y", "width", "height"].map { plot.attributes[$0] ?? "" }.joined(separator: " "))
  }

  @Test("Points outside of a fixed range are counted, and have no marker")
  func outside() throws {
    let points = (0..<10).map { Point(Double($0), Double($0)) }
    let chart = Chart(
      "out", x: .init("x", range: 0...4.5), y: .init("y"),
      series: [.init("a", .scatter, points: points)])
    let tree = try XMLTree(chart.svg())
    #expect(tree.texts().contains("5 points are outside of the axes"))
    #expect(tree.named("path").first?.attributes["d"]?.count { $0 == "M" } == 5)
  }

  @Test("Text is escaped, and what XML forbids is replaced")
  func escaping() throws {
    let name = "<script>alert(\"1 & 2\")</script> 'é' λ\u{7}"
    let svg = try Chart(
      name, x: .init(name), y: .init("y"),
      series: [.init(name, points: [Point(1, 2)]), .init("b", points: [])]
    ).svg()
    #expect(!svg.contains("<script"))
    let tree = try XMLTree(svg)
    #expect(tree.elements[1].text == name.replacing("\u{7}", with: "\u{FFFD}"))
    #expect(Markup.escaped("a\nb\u{0}\u{FFFE}") == "a b\u{FFFD}\u{FFFD}")
    #expect(
      Markup.escaped("\u{202E}b\u{9B}c\u{2028}d\u{200F}") == "\u{FFFD}b\u{FFFD}c d\u{FFFD}")
  }

  @Test("Coordinates: two decimals at most, never an exponent, never a negative zero")
  func numbers() {
    #expect(
      [0, -0.001, 0.05, 0.5, 12.345, -3.1, 1e300, -1e-300].map(Markup.number) == [
        "0", "0", "0.05", "0.5", "12.35", "-3.1", "1000000", "0",
      ])
  }

  @Test("Twenty-four series have twenty-four looks, alike in all charts by name")
  func looks() throws {
    let series = (0..<24).map {
      Chart.Series("m\($0)", points: [Point(0, 0), Point(1, Double($0))])
    }
    let tree = try XMLTree(Chart("looks", x: .init("x"), y: .init("y"), series: series).svg())
    let lines = tree.named("path").filter { $0.attributes["stroke-width"] == "2" }
    #expect(
      Set(
        lines.map { "\($0.attributes["stroke"] ?? "") \($0.attributes["stroke-dasharray"] ?? "")" }
      ).count == 24)
    for index in 0..<24 { #expect(tree.texts().contains("m\(index)")) }

    let one = Chart("one", x: .init("x"), y: .init("y"), series: [series[0], series[1]])
    let two = Chart("two", x: .init("x"), y: .init("y"), series: [series[1], series[2]])
    let both = try XMLTree(SmallMultiples("both", columns: 2, charts: [one, two]).svg())
    let colors = both.named("path").filter { $0.attributes["stroke-width"] == "2" }.map {
      $0.attributes["stroke"]
    }
    #expect(colors == [0, 1, 1, 2].map { Palette.series[$0].light })
    #expect(both.texts().count { $0 == "m1" } == 1)
  }
}
