internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension Cost {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    report.add(
      "exponents",
      "The power of n, d, L and r that each method's processor time grows with, ± the standard error of the fit to logarithms",
      try exponentTable(results))
    report.add(
      "operations",
      "The same of the operations that the plan of the run counts: what the formulas say at these sizes",
      try operationTable(results))
    report.add(
      "times",
      "Time to fit and score all queries, by the clock and of all processors together, and how far the process's memory grew (what its allocator had kept does not count): medians; the plan's memory",
      try timeTable(results))
    try addPictures(results, to: &report)
    describe(results, in: &report)
    check(results, in: &report)
    return report
  }

  /// The median over repeats and seeds; nil where the system told nothing.
  private func median(
    _ results: ExperimentResults<Self>, _ point: Point, _ variant: Variant,
    _ numbers: (Measured) -> [Double]
  ) -> Double? {
    Statistics.median(
      results.costs(at: point).flatMap { $0[variant.name].map(numbers) ?? [] })
  }

  /// The operations that a cell has counted.
  private func operations(
    _ results: ExperimentResults<Self>, _ point: Point, _ variant: Variant
  ) -> Double {
    guard let seed = results.seeds.first else { return .nan }
    return results[seed, point].operations[variant.name] ?? .nan
  }

  /// How a number grows along an axis.
  private func fit(_ axis: Axis, _ value: (Point) -> Double?) -> PowerLawFit? {
    let places = points.filter { $0.axis == axis }
    return PowerLawFit(
      x: places.map { Double($0.size) }, y: places.map { value($0) ?? .nan })
  }

  private func timeFit(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ variant: Variant
  ) -> PowerLawFit? {
    fit(axis) { median(results, $0, variant, \.processorSeconds) }
  }

  private func exponentTable(_ results: ExperimentResults<Self>) throws -> Table {
    let exponents: [TableField<Variant>] = Axis.allCases.flatMap { axis in
      [
        .number(axis.symbol, .decimals(2)) { timeFit(results, axis, $0)?.exponent },
        .number("± \(axis.symbol)", .decimals(2)) { timeFit(results, axis, $0)?.standardError },
      ]
    }
    return try Table(of: variants, [.text("method", \.name)] + exponents)
  }

  private func operationFit(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ variant: Variant
  ) -> PowerLawFit? {
    fit(axis) { operations(results, $0, variant) }
  }

  private func operationTable(_ results: ExperimentResults<Self>) throws -> Table {
    let exponents: [TableField<Variant>] = Axis.allCases.map { axis in
      .number(axis.symbol, .decimals(2)) { operationFit(results, axis, $0)?.exponent }
    }
    return try Table(of: variants, [.text("method", \.name)] + exponents)
  }

  private func timeTable(_ results: ExperimentResults<Self>) throws -> Table {
    func median(_ numbers: @escaping (Measured) -> [Double]) -> ((Point, Variant)) -> Double? {
      { self.median(results, $0.0, $0.1, numbers) }
    }
    return try Table(
      of: product(points, variants),
      .text("axis") { point, _ in point.axis.symbol },
      .integer("size") { point, _ in point.size },
      .text("method") { _, variant in variant.name },
      .number("time", .seconds, median(\.seconds)),
      .number("processor time", .seconds, median(\.processorSeconds)),
      .number("memory grown", .bytes, median(\.memory)),
      .number("planned", .bytes, median(\.plannedBytes)),
      .number("operations", .significant(digits: 3)) { operations(results, $0, $1) })
  }

  /// One chart per axis: a measurement against size.
  private func charts(
    _ results: ExperimentResults<Self>, _ y: Chart.Axis, _ numbers: (Measured) -> [Double]
  ) -> [Chart] {
    Axis.allCases.map { axis in
      let places = points.filter { $0.axis == axis }
      return Chart.curves(
        "against \(axis.symbol)",
        x: .init(axis.rawValue, scale: .logarithmic, at: places.map { Double($0.size) }), y: y,
        variants.map { variant in
          (
            variant.name,
            places.compactMap { point in
              median(results, point, variant, numbers).flatMap {
                // Below the resolution of the processor's clock there is no place on the axis.
                $0 > 0 ? Chart.Point(Double(point.size), $0) : nil
              }
            }
          )
        })
    }
  }

  /// The same charts with one line for methods that have the same points in all of them, and later lines thinner, so that
  /// those below can be seen.
  private static func untangled(_ charts: [Chart]) -> [Chart] {
    var groups: [(names: [String], points: [[Chart.Point]])] = []
    for (index, name) in (charts.first?.series ?? []).map(\.name).enumerated() {
      let points = charts.map { $0.series[index].points }
      if let same = groups.firstIndex(where: { $0.points == points }) {
        groups[same].names.append(name)
      } else {
        groups.append(([name], points))
      }
    }
    return charts.enumerated().map { place, chart in
      var chart = chart
      chart.series = groups.enumerated().map { index, group in
        var series = Chart.Series(
          group.names.joined(separator: "; "), points: group.points[place])
        series.lineWidth = 2 + 2 * Double(groups.count - 1 - index)
        return series
      }
      return chart
    }
  }

  private func addPictures(_ results: ExperimentResults<Self>, to report: inout ExperimentReport)
    throws
  {
    let times = charts(
      results, .init("processor time", scale: .logarithmic, numbers: .seconds), \.processorSeconds)
    try report.add(
      "times",
      "Processor time to fit and to score all queries, against the numbers of examples n, columns of a block d, blocks L, and LoRA's rank r; medians.",
      SmallMultiples("Processor time", columns: 2, charts: times))
    let memory = Self.untangled(
      charts(results, .init("memory", scale: .logarithmic, numbers: .bytes), \.plannedBytes))
    try report.add(
      "memory",
      "The most memory that the plan of a run allows for beside the gradients: matrices, scores and buffers. Methods with the same plans share a line; where lines lie on each other, the later is thinner.",
      SmallMultiples("Planned memory", columns: 2, charts: memory))
  }

  /// Of counted operations alone: sentences are part of the results, which times are not.
  private func describe(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) {
    for variant in variants {
      let powers = Axis.allCases.map {
        "\($0.symbol)^\(NumberFormat.decimals(operationFit(results, $0, variant)?.exponent, 2))"
      }
      report.findings.append(
        "`\(variant.name)`: counted operations grow like \(powers.joined(separator: ", ")) over these sizes."
      )
    }
  }

  private func check(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) {
    // Times of small sizes on a shared machine show nothing that must hold.
    guard !results.isQuick, let largest = sizes[.columns]?.last else { return }
    func onQuerySide(_ method: String) -> Variant? {
      variants.first { $0.method == method && $0.side == .query }
    }
    func seconds(_ method: String) -> Double? {
      onQuerySide(method).flatMap {
        median(
          results, Point(axis: .columns, size: largest), $0, \.processorSeconds)
      }
    }
    if let fast = seconds(DataInf.name), let slow = seconds(ExactFisher.name) {
      report.check(
        "DataInf takes less processor time than exact in the space of parameters at the largest d",
        fast < slow,
        detail: "table times")
    }
    if let variant = onQuerySide(DataInf.name) {
      let exponent = timeFit(results, .columns, variant)?.exponent ?? .infinity
      report.check(
        "DataInf's time on the query side grows with d by a power below 1.4", exponent < 1.4,
        detail: "table exponents")
    }
  }
}
