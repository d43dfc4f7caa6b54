import Foundation
import InfluenceKit
import Reporting

/// What an import did, and what its type lost, as text and as JSON.
struct ImportReport {
  let destination: String
  let elementType: ElementType
  /// The rank of the factors that rows are kept as; nil where they are kept as they are.
  var factorRank: Int?
  let outcome: StoreCopy.Outcome
  /// What the type loses in each block; nil where it holds every number of the source.
  let loss: PrecisionLoss?
  let fidelity: StoreFidelity?

  /// How many blocks the text shows.
  private static let shownBlocks = 10

  /// Prints what was done, what is lost, and in which blocks.
  func printAll() {
    func number(_ value: Double) -> String { NumberFormat.significant(value) }
    var lines = ["\(destination): \(outcome.summary(of: elementType, factorRank: factorRank))"]
    guard let loss else {
      lines.append("nothing is lost: \(elementType) holds every number of the source")
      return Console.print(lines)
    }
    lines.append(
      "lost by \(elementType), scores of \(loss.queries) × \(loss.examples) sampled rows: max |ΔS| / max |S| = \(number(loss.exactError)) (exact), \(number(loss.dataInfError)) (DataInf), \(number(loss.innerProductError)) (inner products)"
    )
    if let fidelity {
      func share(_ value: Double?) -> String {
        value.map { String(format: "%.4f", $0) } ?? "undefined"
      }
      lines.append(
        "order of inner products, \(fidelity.queries) × \(fidelity.examples) other sampled rows: Spearman \(share(fidelity.meanSpearman)) (mean), \(share(fidelity.worstSpearman)) (worst); top-\(fidelity.topCount) overlap \(share(fidelity.meanTopOverlap))"
      )
    }
    let worst = loss.blocks.sorted { $0.error > $1.error }.prefix(Self.shownBlocks)
    let others = loss.blocks.count - worst.count
    lines.append(
      others > 0
        ? "each block by itself, the \(worst.count) that lose most of \(loss.blocks.count):"
        : "each block by itself:")
    Console.print(lines)
    Console.print(Self.table(worst))
  }

  private static func table(_ blocks: some Collection<BlockPrecisionLoss>) -> Table {
    var table = Table(columns: [
      Table.Column("Block"), .init("Row error", .significant(digits: 3)),
      .init("Norm error", .significant(digits: 3)), .init("Made zero %", .significant(digits: 3)),
      .init("Exact", .significant(digits: 3)), .init("DataInf", .significant(digits: 3)),
      .init("λ", .significant(digits: 3)), .init("λ stored", .significant(digits: 3)),
    ])
    for block in blocks {
      table.append([
        .text(block.name), .number(block.medianRowError), .number(block.medianNormError),
        .number(100 * block.zerosMade), .number(block.exactError), .number(block.dataInfError),
        .number(block.damping), .number(block.storedDamping),
      ])
    }
    return table
  }

  var json: OrderedJSON {
    [
      "path": .string(destination),
      "rows": .integer(outcome.rows),
      "resumed_rows": .integer(outcome.resumedRows),
      "dtype": .string(elementType.name),
      "loss": loss.map { json($0) } ?? .null,
    ]
  }

  private func json(_ loss: PrecisionLoss) -> OrderedJSON {
    [
      "queries": .integer(loss.queries),
      "examples": .integer(loss.examples),
      "exact_error_max": .finite(loss.exactError),
      "datainf_error_max": .finite(loss.dataInfError),
      "inner_product_error_max": .finite(loss.innerProductError),
      "blocks": .array(loss.blocks.map(Self.json)),
      "fidelity": fidelity.map { fidelity in
        [
          "queries": .integer(fidelity.queries),
          "examples": .integer(fidelity.examples),
          "spearman_mean": .finite(fidelity.meanSpearman),
          "spearman_worst": .finite(fidelity.worstSpearman),
          "top_count": .integer(fidelity.topCount),
          "top_overlap_mean": .finite(fidelity.meanTopOverlap),
          "undefined_queries": .integer(fidelity.agreement.undefinedRows.count),
        ]
      } ?? .null,
    ]
  }

  private static func json(_ block: BlockPrecisionLoss) -> OrderedJSON {
    [
      "block": .string(block.name),
      "error": .finite(block.error),
      "row_error_median": .finite(block.medianRowError),
      "norm_error_median": .finite(block.medianNormError),
      "norm_error_max": .finite(block.largestNormError),
      "made_zero": .finite(block.zerosMade),
      "exact_error_max": .finite(block.exactError),
      "datainf_error_max": .finite(block.dataInfError),
      "lambda": .finite(block.damping),
      "stored_lambda": .finite(block.storedDamping),
      "destroyed": .boolean(block.isDestroyed),
    ]
  }
}
