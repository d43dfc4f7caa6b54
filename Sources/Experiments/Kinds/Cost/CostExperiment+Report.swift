internal import Algorithms
internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

extension CostExperiment {
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    let symbols = axes.map(\.symbol).joined(separator: ", ")
    var report = ExperimentReport()
    report.add(
      "exponents",
      "The powers of \(symbols) that each method's processor time grows with, ± the standard error of the fit to logarithms",
      try exponentTable(results, \.processorSeconds))
    report.add(
      "memory",
      "The same of the memory by which the process grew beside the gradients; nothing where it did not grow",
      try exponentTable(results, \.memory))
    report.add(
      "operations",
      "The same of the operations that the plan of the run counts: what the formulas say at these sizes",
      try operationTable(results))
    report.add(
      "times",
      "Time to fit and score all queries, by the clock and of all processors together, and how far the process's memory grew beside the gradients: medians; the plan's memory",
      try timeTable(results))
    try addPictures(results, to: &report)
    describe(results, in: &report)
    check(results, in: &report)
    return report
  }

  /// All that is measured, by its name among the costs.
  private var measuredNames: [String] { variants.map(\.name) + stages }

  /// The median over repeats and seeds; nil where the system told nothing.
  func median(
    _ results: ExperimentResults<Self>, _ point: CostPoint, _ name: String,
    _ numbers: (MeasuredCost) -> [Double]
  ) -> Double? {
    Statistics.median(results.costs(at: point).flatMap { $0[name].map(numbers) ?? [] })
  }

  /// How the median of a measurement grows along an axis; nil where some point has none, or none above zero.
  func fit(
    _ results: ExperimentResults<Self>, _ axis: CostAxis, _ name: String,
    _ numbers: (MeasuredCost) -> [Double]
  ) -> PowerLawFit? {
    fit(axis) { median(results, $0, name, numbers) }
  }

  /// The operations that a cell has counted; nil of what no plan counts.
  private func operations(
    _ results: ExperimentResults<Self>, _ point: CostPoint, _ name: String
  ) -> Double? {
    results.seeds.first.flatMap { results[$0, point].operations[name] }
  }

  /// How a number grows along an axis.
  private func fit(_ axis: CostAxis, _ value: (CostPoint) -> Double?) -> PowerLawFit? {
    let places = points.filter { $0.axis == axis }
    return PowerLawFit(
      x: places.map { Double($0.size) }, y: places.map { value($0) ?? .nan })
  }

  private func exponentTable(
    _ results: ExperimentResults<Self>, _ numbers: @escaping (MeasuredCost) -> [Double]
  ) throws -> Table {
    let exponents: [TableField<String>] = axes.flatMap { axis in
      [
        .number(axis.symbol, .decimals(2)) { fit(results, axis, $0, numbers)?.exponent },
        .number("± \(axis.symbol)", .decimals(2)) {
          fit(results, axis, $0, numbers)?.standardError
        },
      ]
    }
    return try Table(of: measuredNames, [.text("method") { $0 }] + exponents)
  }

  private func operationFit(
    _ results: ExperimentResults<Self>, _ axis: CostAxis, _ variant: CostVariant
  ) -> PowerLawFit? {
    fit(axis) { operations(results, $0, variant.name) }
  }

  private func operationTable(_ results: ExperimentResults<Self>) throws -> Table {
    let exponents: [TableField<CostVariant>] = axes.map { axis in
      .number(axis.symbol, .decimals(2)) { operationFit(results, axis, $0)?.exponent }
    }
    return try Table(of: variants, [.text("method", \.name)] + exponents)
  }

  private func timeTable(_ results: ExperimentResults<Self>) throws -> Table {
    func median(
      _ numbers: @escaping (MeasuredCost) -> [Double]
    ) -> ((CostPoint, String)) -> Double? {
      { self.median(results, $0.0, $0.1, numbers) }
    }
    return try Table(
      of: product(points, measuredNames),
      .text("axis") { point, _ in point.axis.symbol },
      .integer("size") { point, _ in point.size },
      .text("method") { _, name in name },
      .number("time", .seconds, median(\.seconds)),
      .number("processor time", .seconds, median(\.processorSeconds)),
      .number("memory grown", .bytes, median(\.memory)),
      .number("planned", .bytes, median(\.plannedBytes)),
      .number("operations", .significant(digits: 3)) { operations(results, $0, $1) })
  }

  /// One chart per axis: a measurement against size.
  private func charts(
    _ results: ExperimentResults<Self>, of names: [String], _ y: Chart.Axis,
    _ numbers: (MeasuredCost) -> [Double]
  ) -> [Chart] {
    axes.map { axis in
      let places = points.filter { $0.axis == axis }
      return Chart.curves(
        "against \(axis.symbol)",
        x: .init(axis.rawValue, scale: .logarithmic, at: places.map { Double($0.size) }), y: y,
        names.map { name in
          (
            name,
            places.compactMap { point in
              median(results, point, name, numbers).flatMap {
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
      results, of: measuredNames, .init("processor time", scale: .logarithmic, numbers: .seconds),
      \.processorSeconds)
    try report.add(
      "times",
      "Processor time to fit and to score all queries, against \(axes.map { $0.rawValue == $0.symbol ? $0.symbol : "\($0.rawValue) \($0.symbol)" }.joined(separator: ", ")); medians.",
      SmallMultiples("Processor time", columns: 2, charts: times))
    let memory = Self.untangled(
      charts(
        results, of: variants.map(\.name), .init("memory", scale: .logarithmic, numbers: .bytes),
        \.plannedBytes))
    try report.add(
      "memory",
      "The most memory that the plan of a run allows for beside the gradients: matrices, scores and buffers. Methods with the same plans share a line; where lines lie on each other, the later is thinner.",
      SmallMultiples("Planned memory", columns: 2, charts: memory))
  }

  /// Of counted operations alone: sentences are part of the results, which times are not.
  private func describe(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) {
    for variant in variants {
      let powers = axes.map {
        "\($0.symbol)^\(NumberFormat.decimals(operationFit(results, $0, variant)?.exponent, 2))"
      }
      report.findings.append(
        "`\(variant.name)`: counted operations grow like \(powers.joined(separator: ", ")) over these sizes."
      )
    }
  }
}
