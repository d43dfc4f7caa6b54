import Testing

import Reporting

@Suite("Ticks")
struct TicksTests {
  static let ranges: [(Double, Double)] = [
    (0, 1), (0.1, 0.3), (-1, 1), (-7.3, 12.9), (3, 97), (0, 1e-9), (1e6, 1e6 + 7), (-1e300, 1e300),
    (-1e-5, -1e-6), (0.999_999, 1.000_001), (1234.5, 98765.4), (-1e-280, 1e-280),
  ]

  @Test(
    "Cover the range with at most as many as asked for, by steps of 1, 2 or 5", arguments: ranges)
  func covering(lower: Double, upper: Double) throws {
    for count in 3...15 {
      let ticks = Ticks(covering: lower, upper, atMost: count)
      let values = ticks.values
      try #require((2...count).contains(values.count))
      let step = values[1] - values[0]
      #expect([1, 2, 5].contains(ticks.mantissa))
      // Up to 1e-9 of a step, as documented, and the rounding of the ticks themselves.
      let slack = 1e-9 * step + 4 * max(abs(lower), abs(upper)) * .ulpOfOne
      #expect(try #require(values.first) <= lower + slack)
      #expect(try #require(values.last) >= upper - slack)
      // No tick is needless: without the first or the last the range is not covered.
      #expect(values[1] > lower - slack)
      #expect(values[values.count - 2] < upper + slack)
    }
  }

  @Test("Inside the range none is missing", arguments: ranges)
  func within(lower: Double, upper: Double) throws {
    for count in 3...15 {
      let ticks = Ticks(within: lower, upper, atMost: count)
      let values = ticks.values
      #expect(values.count <= count)
      guard let first = values.first, let last = values.last, values.count > 1 else { continue }
      let step = (last - first) / Double(values.count - 1)
      let slack = 1e-9 * step + 4 * max(abs(lower), abs(upper)) * .ulpOfOne
      #expect(first >= lower - slack && last <= upper + slack)
      #expect(first - step < lower + slack && last + step > upper - slack)
    }
  }

  @Test("Ticks are the doubles nearest to round decimals")
  func exact() {
    #expect(
      Ticks(covering: 0, 1, atMost: 11).values == [
        0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
      ])
    #expect(Ticks(covering: 0, 0.05, atMost: 6).values == [0, 0.01, 0.02, 0.03, 0.04, 0.05])
    #expect(Ticks(covering: 0, 450, atMost: 6).values == [0, 100, 200, 300, 400, 500])
  }

  @Test(
    "Round numbers around a positive one",
    arguments: [
      (1, 1, 1), (1.5, 1, 2), (2, 2, 2), (3, 2, 5), (7, 5, 10), (1000, 1000, 1000),
      (0.03, 0.02, 0.05),
      (1e-12, 1e-12, 1e-12), (9.99e20, 5e20, 1e21),
    ] as [(Double, Double, Double)])
  func round(value: Double, below: Double, above: Double) {
    #expect(abs(Ticks.roundBelow(value) / below - 1) < 1e-12)
    #expect(abs(Ticks.roundAbove(value) / above - 1) < 1e-12)
  }

  @Test("Decades between two numbers, ends included")
  func decades() {
    #expect(Ticks.decades(1e-3, 1e2) == [-3, -2, -1, 0, 1, 2])
    #expect(Ticks.decades(2, 9).isEmpty)
    #expect(Ticks.decades(0.5, 30) == [0, 1])
  }

  static func labels(_ axis: Chart.Axis, _ extent: ClosedRange<Double>, atMost count: Int = 6)
    -> [String]
  {
    AxisScale(axis, extent: extent, atMost: count).ticks.map(\.label).filter { !$0.isEmpty }
  }

  @Test("Labels of an axis are written alike, and as short as can be")
  func labels() {
    #expect(Self.labels(.init(""), 0...1) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(
      Self.labels(.init(""), -2e-5...2e-5, atMost: 5) == [
        "−2·10⁻⁵", "−1·10⁻⁵", "0", "1·10⁻⁵", "2·10⁻⁵",
      ])
    #expect(
      Self.labels(.init(""), 0...4e7, atMost: 5) == ["0", "1·10⁷", "2·10⁷", "3·10⁷", "4·10⁷"])
    #expect(
      Self.labels(.init("", numbers: .percent), 0...0.05) == ["0%", "1%", "2%", "3%", "4%", "5%"])
    #expect(
      Self.labels(.init("", numbers: .bytes), 0...4e6, atMost: 5) == [
        "0 B", "1 MB", "2 MB", "3 MB", "4 MB",
      ])
    #expect(
      Self.labels(.init("", scale: .logarithmic), 0.01...100) == ["0.01", "0.1", "1", "10", "100"])
    #expect(
      Self.labels(.init("", scale: .logarithmic), 1e-8...1e-5) == ["10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵"])
    #expect(Self.labels(.init("", scale: .logarithmic), 1...10) == ["1", "2", "5", "10"])
    #expect(
      Self.labels(.init("", scale: .logarithmic, numbers: .seconds), 1e-3...1) == [
        "1 ms", "10 ms", "100 ms", "1 s",
      ])
  }

  @Test(
    "Ticks stand at the places of the data where these are given, and markers are not at the border"
  )
  func chosenPlaces() {
    let ranks: [Double] = [1, 2, 4, 8]
    for scale in [Chart.Axis.Scale.linear, .logarithmic] {
      let axis = Chart.Axis("rank", scale: scale, at: ranks)
      let drawn = AxisScale(axis, extent: 1...8, atMost: 5)
      #expect(drawn.ticks.map(\.value) == ranks)
      #expect(drawn.ticks.map(\.label) == ["1", "2", "4", "8"])
      #expect(drawn.position(of: 1) > 0.02 && drawn.position(of: 8) < 0.98)
      #expect(AxisScale(axis, extent: 0.5...20, atMost: 5).contains(20))
    }
    #expect(Self.labels(.init("", range: 1...3, at: [1, 2, 3, 4]), 1...3) == ["1", "2", "3"])
    #expect(
      Self.labels(.init("", at: [0.001, 0.25, -1500, 4000]), 0...1) == [
        "0.001", "0.25", "−1500", "4000",
      ])
    #expect(
      Self.labels(.init("", numbers: .percent, at: [0.05, 0.125]), 0...1) == ["5%", "12.5%"])
    let one = AxisScale(.init("", scale: .logarithmic, at: [3]), extent: 3...3, atMost: 3)
    #expect(one.contains(3) && one.lower < 3 && one.upper > 3)
  }

  @Test(
    "Every axis has two labels or more, all different, and holds its data",
    arguments: [
      (5, 5), (0, 0), (1e-300, 1e-300), (-1e300, 1e300), (1, 1 + 1e-15), (1, 1.000_001),
      (1e-300, 1e300),
      (3, 4), (1.01, 1.02), (0.2, 900), (0.3, 0.4),
    ] as [(Double, Double)])
  func everyAxis(lower: Double, upper: Double) {
    for scale in [Chart.Axis.Scale.linear, .logarithmic] where scale == .linear || lower > 0 {
      for count in 3...11 {
        let axis = AxisScale(Chart.Axis("", scale: scale), extent: lower...upper, atMost: count)
        let labels = axis.ticks.map(\.label).filter { !$0.isEmpty }
        #expect(labels.count >= 2)
        #expect(Set(labels).count == labels.count, "\(labels)")
        #expect(axis.contains(lower) && axis.contains(upper))
        #expect(axis.ticks.allSatisfy { axis.contains($0.value) })
        #expect(axis.position(of: axis.lower) == 0)
        #expect(axis.position(of: axis.upper) == 1)
      }
    }
  }
}
