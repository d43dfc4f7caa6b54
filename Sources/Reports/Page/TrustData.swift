internal import InfluenceKit
internal import Reporting

/// What the template `trust` needs: warnings, heat maps, pictures with their tables.
enum TrustData {
  static func section(_ contents: ReportContents, _ warnings: TrustWarnings) throws -> OrderedJSON {
    let trust = contents.trust
    return [
      "warnings": .array(
        warnings.all.map { ["head": .string($0.head), "parts": PageText.sentence($0.body)] }),
      "heats": .array(heats(trust)),
      "sweep": try trust.sweep.map { try sweep($0) } ?? false,
      "spectra": trust.spectra.isEmpty ? false : try spectra(trust.spectra),
      "methods": trust.methods.isEmpty ? false : methods(trust),
      "leftOut": .array(
        trust.leftOut.map {
          ["name": .string(PageText.name($0.part)), "reason": .string(PageText.visible($0.reason))]
        }),
      "hasLeftOut": .boolean(!trust.leftOut.isEmpty),
    ]
  }

  // MARK: - Heat maps, which are tables

  private static func heats(_ trust: TrustPart) -> [OrderedJSON] {
    guard let agreement = trust.agreement else { return [] }
    let chance = Double(agreement.topCount) / Double(max(1, agreement.exampleCount))
    return [
      heat(
        "Agreement of rankings",
        "Spearman’s ρ between methods, mean over \(PageNumbers.counted(agreement.queryCount, "query", "queries")). Blue is agreement, orange is disagreement.",
        agreement.methods, agreement.spearman),
      heat(
        "Agreement at the top",
        "Share of the \(PageNumbers.grouped(agreement.topCount)) most helpful examples in common. Chance is \(PageNumbers.share(chance)).",
        agreement.methods, agreement.topOverlap),
    ]
  }

  private static func heat(
    _ title: String, _ caption: String, _ names: [String], _ values: [[Double?]]
  ) -> OrderedJSON {
    [
      "title": .string(title), "caption": .string(caption),
      "heads": .list(names.map { PageText.name($0) }),
      "rows": .array(
        names.indices.map { row in
          [
            "name": .string(PageText.name(names[row])),
            "cells": .array(
              names.indices.map { column in
                row == column ? ["v": "–", "c": "q", "s": ""] : cell(values[row][column])
              }),
          ]
        }),
    ]
  }

  /// A cell: pale with ink below .6, and deep with white text from there on.
  private static func cell(_ value: Double?) -> OrderedJSON {
    guard let value else { return ["v": "–", "c": "q", "s": ""] }
    let size = min(1, abs(value))
    let isDeep = size >= 0.6
    let ground =
      isDeep
      ? (value < 0 ? "--coal" : "--hot") : (value < 0 ? "--warm" : "--tint")
    let depth = isDeep ? 0.55 + 0.45 * size : 0.92 * size
    return [
      "v": .string(PageNumbers.share(value)), "c": isDeep ? "d" : "",
      "s": .string("background:rgba(var(\(ground)),\(PageNumbers.share(depth)))"),
    ]
  }

  // MARK: - The damping

  private static func sweep(_ sweep: TrustPart.Sweep) throws -> OrderedJSON {
    let axis = Chart.Axis(
      sweep.isAbsolute ? "λ" : "λ as a share of the mean eigenvalue", scale: .logarithmic)
    func points(_ value: (TrustPart.SweepPoint) -> Double?) -> [Chart.Point] {
      sweep.points.compactMap { point in value(point).map { Chart.Point(point.value, $0) } }
    }
    var agreement = Chart.curves(
      "Agreement with the default", x: axis, y: Chart.Axis(""),
      [
        ("Spearman’s ρ", points(\.spearman)),
        ("share of the top \(sweep.topCount)", points(\.topOverlap)),
      ])
    var dimension = Chart.curves(
      "Effective dimension", x: axis, y: Chart.Axis(""),
      [("all blocks", points(\.effectiveDimension))])
    for path in [\Chart.width, \Chart.height] {
      let size = path == \Chart.width ? 480.0 : 300
      agreement[keyPath: path] = size
      dimension[keyPath: path] = size
    }
    func mark(_ point: TrustPart.SweepPoint) -> String {
      [
        point.isDefault ? "default" : nil, point.isRecommended ? "most stable" : nil,
        point.isBearable ? nil : "ill-conditioned",
      ].compactMap { $0 }.joined(separator: ", ")
    }
    return [
      "caption": .string(
        "Scores of \(sweep.method) on the shown queries at \(sweep.points.count) dampings against the default."
      ),
      "agreement": .string(try agreement.svg()), "dimension": .string(try dimension.svg()),
      "reason": .string(sweep.reason),
      "table": PageTable.context(
        heads: [
          sweep.isAbsolute ? "λ" : "λ ÷ mean eigenvalue", "Spearman", "top \(sweep.topCount)",
          "effective dimension", "worst condition", "mark",
        ],
        rows: sweep.points.map { point in
          [
            PageNumbers.plain(point.value),
            point.spearman.map { PageNumbers.share($0, decimals: 3) } ?? "–",
            point.topOverlap.map { PageNumbers.share($0) } ?? "–",
            PageNumbers.plain(point.effectiveDimension), PageNumbers.plain(point.worstCondition),
            mark(point),
          ]
        }),
    ]
  }

  // MARK: - Spectra

  private static func spectra(_ spectra: [TrustPart.Spectrum]) throws -> OrderedJSON {
    // Below this share of the largest eigenvalue there is only rounding.
    let largest = spectra.compactMap { $0.eigenvalues.first?.value }.max() ?? 1
    let least = largest * 1e-12
    let names = LayerGroups.shortNames(of: spectra.map(\.block))
    let charts = zip(spectra, names).map { spectrum, name -> Chart in
      var chart = Chart.curves(
        PageText.name(name), x: Chart.Axis("", scale: .logarithmic),
        y: Chart.Axis("", scale: .logarithmic),
        [
          (
            "eigenvalues",
            spectrum.eigenvalues.filter { $0.value > least }.map {
              Chart.Point(Double($0.rank), $0.value)
            }
          )
        ])
      if spectrum.damping > least {
        chart.references = [
          Chart.Reference(.horizontal(spectrum.damping), label: "λ")
        ]
      }
      return chart
    }
    var picture = SmallMultiples(
      "Spectra of the blocks", columns: min(4, charts.count), sharesRanges: true, charts: charts)
    picture.rowHeight = 200
    picture.width = charts.count < 4 ? 960 : 1240
    return [
      "caption":
        "Eigenvalues of each block’s F = GᵀG/n in order, both axes logarithmic and shared; the line is λ. What lies above it is felt by the curvature, what lies below is as good as flat.",
      "picture": .string(try picture.svg()),
      "table": PageTable.context(
        heads: ["block", "largest", "λ", "effective dimension", "of at most"],
        rows: spectra.map { spectrum in
          [
            spectrum.block, spectrum.eigenvalues.first.map { PageNumbers.plain($0.value) } ?? "0",
            PageNumbers.plain(spectrum.damping), PageNumbers.plain(spectrum.effectiveDimension),
            PageNumbers.grouped(spectrum.most),
          ]
        }),
    ]
  }

  // MARK: - Methods

  private static func methods(_ trust: TrustPart) -> OrderedJSON {
    let isMeasured = trust.methods.contains { $0.fitSeconds != nil }
    let hasMemory = trust.methods.contains { $0.peakMemory != nil }
    return PageTable.context(
      heads: ["method"] + (isMeasured ? ["fit", "score"] : []) + (hasMemory ? ["memory"] : [])
        + ["median residual", "largest error", "largest score"],
      rows: trust.methods.map { method in
        [method.method]
          + (isMeasured
            ? [NumberFormat.seconds(method.fitSeconds), NumberFormat.seconds(method.scoreSeconds)]
            : [])
          + (hasMemory ? [NumberFormat.bytes(method.peakMemory)] : [])
          + [
            method.medianResidual.map { PageNumbers.plain($0) } ?? "–",
            method.errorBound.map { "±" + PageNumbers.plain($0) } ?? "–",
            method.largestScore.map { PageNumbers.plain($0) } ?? "–",
          ]
      })
  }
}
