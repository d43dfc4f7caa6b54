import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence inspect`: what a store holds, and whether it is healthy.
struct InspectCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "What a store of gradients holds; is it healthy?",
    usage: "influence inspect <path> [--spectrum] [--json] [<options>]",
    discussion: """
      Rows, columns, blocks, norms, and every zero or non-finite row by its index. With --spectrum, the \
      condition number (s + λ)/λ, the stable rank tr(F)/s and the effective dimension of each block.

      EXAMPLES
        influence inspect grads/train
        influence inspect train.safetensors --spectrum --damping 0.1
        influence inspect grads/train --json
      """)

  @Argument(help: "A store directory, .safetensors, .npy, .pt, or a directory of such files.")
  var path: String
  @Flag(help: "Eigenvalues of every block: condition number, stable rank, effective dimension.")
  var spectrum = false
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Open a store whose writer did not finish, with the rows it committed.")
  var incomplete = false
  @OptionGroup var fit: FitOptions

  private static let quantiles = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
  private static let quantileNames = ["min", "5 %", "25 %", "median", "75 %", "95 %", "max"]

  func run() throws {
    let options = try fit.curvatureOptions(certifies: false)
    let store = try GradientStore(
      opening: URL(filePath: path), allowingIncomplete: incomplete, check: fit.check)
    guard store.count > 0 else { throw InfluenceError.empty(source: path) }
    try ExampleMemory.health.requireRoom(on: store, options: options)
    let health = try GradientHealth(of: store)
    let spectra = try ProgressBar.during(quiet: fit.quiet) { progress in
      try !spectrum
        ? []
        : BlockSpectrum.all(
          of: store, damping: fit.damping, memoryBudget: options.memoryBudget, progress: progress)
    }
    let byName = Dictionary(uniqueKeysWithValues: spectra.map { ($0.block, $0) })
    if json {
      try Console.print(jsonText(store, health, byName))
    } else {
      try printText(store, health, byName)
    }
  }

  private func lambda(_ summary: GradientHealth.BlockSummary) -> Double? {
    guard summary.meanSquaredNorm > 0, summary.meanSquaredNorm.isFinite else { return nil }
    return try? fit.damping.lambda(trace: summary.meanSquaredNorm, width: summary.block.width)
  }

  private func printText(
    _ store: GradientStore, _ health: GradientHealth, _ spectra: [String: BlockSpectrum]
  ) throws {
    let types =
      store.factors.flatMap { factors in
        store.factorType.map { "\($0) factors of rank \(factors.rank)" }
      } ?? Set(store.elementTypes.map(\.name)).sorted().joined(separator: ", ")
    let bytes = store.count * store.bytesPerRow
    Console.print(
      "\(Console.shortened(store.name)): \(store.count) rows × \(store.layout.columnCount) columns in \(Counted(store.layout.count, "block")), \(types), \(NumberFormat.bytes(bytes)), \(store.bytesPerRow) bytes a row (\(store.kind.rawValue))"
    )
    if let origin = store.origin { Console.print(origin.description) }
    if store.factors != nil {
      let kept = store.factorFidelity.flatMap { BlockFidelity.total(of: $0).captured }
      Console.print(
        "kept of the squared norm of the rows that the factors were made of: \(kept.map { String(format: "%.2f %%", 100 * $0) } ?? "not recorded")"
      )
    }
    for manifest in store.manifests.compactMap({ $0 }) where !manifest.isComplete {
      Console.print("incomplete: the writer stopped after \(manifest.rows) rows")
    }
    let quantiles = zip(Self.quantileNames, health.quantiles(Self.quantiles)).map {
      "\($0) \(NumberFormat.significant($1))"
    }
    Console.print("row norms: \(quantiles.joined(separator: ", "))")
    Console.print("zero rows: \(list(health.zeroRows, of: store.count))")
    Console.print("non-finite rows: \(list(health.nonFiniteRows, of: store.count))")
    func ofSpectrum(
      _ name: String, _ number: @escaping (BlockSpectrum) -> Double?
    ) -> TableField<GradientHealth.BlockSummary>? {
      guard spectrum else { return nil }
      return .number(name, .significant(digits: 3)) { spectra[$0.block.name].flatMap(number) }
    }
    let table = try Table(
      of: health.blocks,
      .text("Block") { $0.block.name },
      .text("Shape") { $0.block.shape.map(String.init).joined(separator: " × ") },
      .number("Mean norm²", .significant(digits: 3)) { $0.meanSquaredNorm },
      .number("λ", .significant(digits: 3)) { lambda($0) },
      .integer("Zero rows") { $0.zeroRows },
      ofFactors(store),
      ofSpectrum("Condition", \.conditionNumber), ofSpectrum("Stable rank", \.stableRank),
      ofSpectrum("Eff. dim.", \.effectiveDimension))
    Console.print("")
    Console.print(table)
    let dead = health.blocks.filter(\.isDead).map(\.block.name)
    if !dead.isEmpty {
      Console.print("", "dead blocks, whose gradients are all zero and which contribute nothing:")
      for name in dead { Console.print("  \(name)") }
    }
    for summary in health.blocks where !summary.nonFiniteRows.isEmpty {
      Console.print(
        "",
        "non-finite rows in block \(summary.block.name): \(list(summary.nonFiniteRows, of: store.count))"
      )
    }
  }

  /// The share of each block's squared norm that its factors keep; nil where there are none.
  private func ofFactors(_ store: GradientStore) -> TableField<GradientHealth.BlockSummary>? {
    guard let fidelity = store.factorFidelity else { return nil }
    let kept = Dictionary(
      uniqueKeysWithValues: zip(store.layout.blocks.map(\.name), fidelity.map(\.captured)))
    return .number("Kept %", .significant(digits: 4)) { summary in
      kept[summary.block.name]?.map { 100 * $0 }
    }
  }

  /// How many rows, and which: `2 of 300 (4, 17)`.
  private func list(_ rows: [Int], of count: Int) -> String {
    guard !rows.isEmpty else { return "none" }
    let shown = rows.prefix(20).map(String.init).joined(separator: ", ")
    return "\(rows.count) of \(count) (\(shown)\(rows.count > 20 ? ", …; all with --json" : ""))"
  }

  private func jsonText(
    _ store: GradientStore, _ health: GradientHealth, _ spectra: [String: BlockSpectrum]
  ) throws -> OrderedJSON {
    let fidelity = store.factorFidelity
    let blocks = zip(health.blocks, store.elementTypes).enumerated().map {
      index, pair -> OrderedJSON in
      let (summary, type) = pair
      let found = spectra[summary.block.name]
      return [
        "name": .string(summary.block.name),
        "shape": .array(summary.block.shape.map { .integer($0) }),
        "columns": [
          .integer(summary.block.columns.lowerBound), .integer(summary.block.columns.upperBound),
        ],
        "dtype": .string(type.name),
        "mean_squared_norm": .finite(summary.meanSquaredNorm),
        "lambda": .finite(lambda(summary)),
        "dead": .boolean(summary.isDead),
        "zero_rows": .integer(summary.zeroRows),
        "non_finite_rows": .array(summary.nonFiniteRows.map { .integer($0) }),
        "condition_number": .finite(found?.conditionNumber),
        "stable_rank": .finite(found?.stableRank),
        "effective_dimension": .finite(found?.effectiveDimension),
        "factor_rank": (store.factors?.blocks[index]?.rank).map { .integer($0) } ?? .null,
        "captured": .finite(fidelity?[index].captured),
      ]
    }
    return [
      "path": .string(store.name),
      "kind": .string(store.kind.rawValue),
      "origin": store.origin.map {
        [
          "tool": .string($0.tool), "known": .array($0.known.map { .string($0) }),
          "not_recorded": .array($0.unknown.map { .string($0) }),
        ]
      } ?? .null,
      "rows": .integer(store.count),
      "columns": .integer(store.layout.columnCount),
      "dtype": .string(Set(store.elementTypes.map(\.name)).sorted().joined(separator: "+")),
      "factors": store.factors.map { factors in
        [
          "rank": .integer(factors.rank), "dtype": .string(store.factorType?.name ?? "mixed"),
          "captured": .finite(fidelity.flatMap { BlockFidelity.total(of: $0).captured }),
        ]
      } ?? .null,
      "bytes_per_row": .integer(store.bytesPerRow),
      "complete": .boolean(store.manifests.allSatisfy { $0?.isComplete ?? true }),
      "damping": .string(fit.damping.description),
      "row_norm_quantiles": .array(
        zip(Self.quantiles, health.quantiles(Self.quantiles)).map { [.number($0), .finite($1)] }),
      "zero_rows": .array(health.zeroRows.map { .integer($0) }),
      "non_finite_rows": .array(health.nonFiniteRows.map { .integer($0) }),
      "blocks": .array(blocks),
    ]
  }
}
