internal import Influence
internal import LinearAlgebra
internal import OrderedCollections
internal import Reporting

extension Cost {
  /// Times, memory and counted operations against size, with the exponents that they grow with.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var report = ExperimentReport()
    report.tables.append(
      .init(
        "exponents",
        caption:
          "The power of n, d, L and r that each method's processor time grows with, ± the standard error of the fit to logarithms",
        exponentTable(results), isCost: true))
    report.tables.append(
      .init(
        "operations",
        caption:
          "The same of the operations that the plan of the run counts: what the formulas say at these sizes",
        operationTable(results)))
    report.tables.append(
      .init(
        "times",
        caption:
          "Time to fit and score all queries, by the clock and of all processors together, and how far the process's memory grew (what its allocator had kept does not count): medians; the plan's memory",
        timeTable(results), isCost: true))
    try addPictures(results, to: &report)
    describe(results, in: &report)
    check(results, in: &report)
    return report
  }

  /// The median over repeats and seeds; nil where the system told nothing.
  private func median(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ size: Int, _ variant: Variant,
    _ numbers: (Measured) -> [Double]
  ) -> Double? {
    Statistics.median(
      results.costs(at: Point(axis: axis, size: size)).flatMap {
        $0[variant.name].map(numbers) ?? []
      })
  }

  /// The operations that a cell has counted.
  private func operations(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ size: Int, _ variant: Variant
  ) -> Double {
    guard let seed = results.seeds.first else { return .nan }
    return results[seed, Point(axis: axis, size: size)].operations[variant.name] ?? .nan
  }

  private func timeFit(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ variant: Variant
  ) -> PowerLawFit? {
    let sizes = sizes[axis, default: []]
    return PowerLawFit(
      x: sizes.map(Double.init),
      y: sizes.map { median(results, axis, $0, variant, \.processorSeconds) ?? .nan })
  }

  private func exponentTable(_ results: ExperimentResults<Self>) -> Table {
    var table = Table(
      columns: [.init("method")]
        + Axis.allCases.flatMap {
          [Table.Column($0.symbol, .decimals(2)), .init("± \($0.symbol)", .decimals(2))]
        })
    for variant in variants {
      table.append(
        [.text(variant.name)]
          + Axis.allCases.flatMap { axis in
            let fit = timeFit(results, axis, variant)
            return [Table.Cell.number(fit?.exponent), .number(fit?.standardError)]
          })
    }
    return table
  }

  private func operationFit(
    _ results: ExperimentResults<Self>, _ axis: Axis, _ variant: Variant
  ) -> PowerLawFit? {
    let sizes = sizes[axis, default: []]
    return PowerLawFit(
      x: sizes.map(Double.init), y: sizes.map { operations(results, axis, $0, variant) })
  }

  private func operationTable(_ results: ExperimentResults<Self>) -> Table {
    var table = Table(
      columns: [.init("method")] + Axis.allCases.map { .init($0.symbol, .decimals(2)) })
    for variant in variants {
      table.append(
        [.text(variant.name)]
          + Axis.allCases.map { .number(operationFit(results, $0, variant)?.exponent) })
    }
    return table
  }

  private func timeTable(_ results: ExperimentResults<Self>) -> Table {
    var table = Table(
      columns: [
        .init("axis"), .init("size", .significant(digits: 4)), .init("method"),
        .init("time", .seconds), .init("processor time", .seconds), .init("memory grown", .bytes),
        .init("planned", .bytes),
        .init("operations", .significant(digits: 3)),
      ])
    for axis in Axis.allCases {
      for size in sizes[axis, default: []] {
        for variant in variants {
          table.append([
            .text(axis.symbol), .integer(size), .text(variant.name),
            .number(median(results, axis, size, variant, \.seconds)),
            .number(median(results, axis, size, variant, \.processorSeconds)),
            .number(median(results, axis, size, variant, \.memory)),
            .number(median(results, axis, size, variant, \.plannedBytes)),
            .number(operations(results, axis, size, variant)),
          ])
        }
      }
    }
    return table
  }

  private func addPictures(_ results: ExperimentResults<Self>, to report: inout ExperimentReport)
    throws
  {
    let charts = Axis.allCases.map { axis in
      Chart.curves(
        "against \(axis.symbol)", x: .init(axis.rawValue, scale: .logarithmic),
        y: .init("processor time", scale: .logarithmic, numbers: .seconds),
        variants.map { variant in
          (
            variant.name,
            sizes[axis, default: []].compactMap { size in
              median(results, axis, size, variant, \.processorSeconds).flatMap {
                // Below the resolution of the processor's clock there is no place on the axis.
                $0 > 0 ? Chart.Point(Double(size), $0) : nil
              }
            }
          )
        })
    }
    report.pictures.append(
      .init(
        "times",
        caption:
          "Processor time to fit and to score all queries, against the numbers of examples n, columns of a block d, blocks L, and LoRA's rank r; medians.",
        svg: try SmallMultiples("Processor time", columns: 2, charts: charts).svg(), isCost: true))
    let memory = Axis.allCases.map { axis in
      Chart.curves(
        "against \(axis.symbol)", x: .init(axis.rawValue, scale: .logarithmic),
        y: .init("memory", scale: .logarithmic, numbers: .bytes),
        variants.map { variant in
          (
            variant.name,
            sizes[axis, default: []].compactMap { size in
              median(results, axis, size, variant, \.plannedBytes).map {
                Chart.Point(Double(size), $0)
              }
            }
          )
        })
    }
    report.pictures.append(
      .init(
        "memory",
        caption:
          "The most memory that the plan of a run allows for beside the gradients: matrices, scores and buffers.",
        svg: try SmallMultiples("Planned memory", columns: 2, charts: memory).svg(), isCost: true))
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
        median(results, .columns, largest, $0, \.processorSeconds)
      }
    }
    if let fast = seconds(DataInf.name), let slow = seconds(ExactFisher.name) {
      report.checks.append(
        .init(
          "DataInf takes less processor time than exact in the space of parameters at the largest d",
          fast < slow,
          detail: "table times"))
    }
    if let variant = onQuerySide(DataInf.name) {
      let exponent = timeFit(results, .columns, variant)?.exponent ?? .infinity
      report.checks.append(
        .init(
          "DataInf's time on the query side grows with d by a power below 1.4", exponent < 1.4,
          detail: "table exponents"))
    }
  }
}
