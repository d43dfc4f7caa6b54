import Foundation
import InfluenceKit
import Reporting

/// What a factored import did, and what its factors keep, as text and as JSON.
struct FactoringReport {
  let destination: String
  let copy: StoreCopy
  let outcome: StoreCopy.Outcome
  let loss: FactoringLoss
  /// Bytes of a row before and after.
  let rowBytes: (before: Int, after: Int)

  /// How many blocks the text shows, and rows of each that have become zero.
  private static let (shownBlocks, shownRows) = (10, 10)

  private static func percent(_ fidelity: BlockFidelity) -> String {
    fidelity.captured.map { String(format: "%.2f %%", 100 * $0) } ?? "undefined"
  }

  /// Prints what was done, and what is kept, and warns of rows that have become zero.
  func printAll() {
    var lines = [
      "\(destination): \(outcome.summary(of: copy.elementType, factorRank: copy.factorRank)), \(rowBytes.after) bytes a row (\(rowBytes.before) in the source)",
      "kept of the squared norm: \(Self.percent(loss.total))",
    ]
    let methods: [(String, ScoreAgreement?)] = [
      ("inner products", loss.innerProduct), (DataInf.name, loss.dataInf),
      (ExactFisher.name, loss.exact),
    ]
    lines += methods.map { name, agreement in
      func share(_ value: Double?) -> String {
        value.map { String(format: "%.4f", $0) } ?? "undefined"
      }
      let worst = agreement?.rows.compactMap { $0?.spearman }.min()
      return
        "order of scores, \(name), \(loss.queries) × \(loss.examples) sampled rows: Spearman \(share(agreement?.meanSpearman)) (mean), \(share(worst)) (worst); top-\(loss.topCount) overlap \(share(agreement?.meanTopOverlap))"
    }
    let worst = loss.blocks.sorted { ($0.fidelity.captured ?? 2) < ($1.fidelity.captured ?? 2) }
      .prefix(Self.shownBlocks)
    lines.append(
      worst.count < loss.blocks.count
        ? "the \(worst.count) blocks of \(loss.blocks.count) that keep least:" : "each block:")
    Console.print(lines)
    Console.print(Self.table(worst))
  }

  /// Says which rows have become zero, and what helps.
  func warn() {
    let emptied = loss.blocks.filter { !$0.rowsMadeZero.isEmpty }
    guard let first = emptied.first else { return }
    let rows = first.rowsMadeZero.prefix(Self.shownRows).map(String.init).joined(separator: ", ")
    let more = first.rowsMadeZero.count > Self.shownRows ? ", …" : ""
    let others =
      emptied.count > 1 ? "; and rows of \(Counted(emptied.count - 1, "more block"))" : ""
    Console.warn([
      "\(Counted(first.rowsMadeZero.count, "row")) of block \(first.name) became zero, too small for \(copy.elementType) (\(rows)\(more))\(others); all with --json; bfloat16 and int8 hold smaller numbers"
    ])
  }

  private static func table(_ blocks: some Collection<FactoringLoss.Block>) -> Table {
    var table = Table(columns: [
      Table.Column("Block"), .init("Kept as"), .init("Kept %", .significant(digits: 4)),
      .init("Rows made zero", .decimals(0)),
    ])
    for block in blocks {
      table.append([
        .text(block.name),
        .text(
          block.factors.map { "rank \($0.rank) of \($0.outputs) × \($0.inputs)" } ?? "it is"),
        .number(block.fidelity.captured.map { 100 * $0 }), .integer(block.rowsMadeZero.count),
      ])
    }
    return table
  }

  var json: OrderedJSON {
    func agreement(_ agreement: ScoreAgreement?) -> OrderedJSON {
      [
        "spearman_mean": .finite(agreement?.meanSpearman),
        "spearman_worst": .finite(agreement?.rows.compactMap { $0?.spearman }.min()),
        "top_overlap_mean": .finite(agreement?.meanTopOverlap),
      ]
    }
    return [
      "path": .string(destination),
      "rows": .integer(outcome.rows),
      "resumed_rows": .integer(outcome.resumedRows),
      "dtype": .string(copy.elementType.name),
      "factor_rank": .integer(copy.factorRank ?? 0),
      "bytes_per_row": .integer(rowBytes.after),
      "source_bytes_per_row": .integer(rowBytes.before),
      "captured": .finite(loss.total.captured),
      "fidelity": [
        "queries": .integer(loss.queries),
        "examples": .integer(loss.examples),
        "top_count": .integer(loss.topCount),
        "inner_products": agreement(loss.innerProduct),
        "datainf_scores": agreement(loss.dataInf),
        "exact_scores": agreement(loss.exact),
      ],
      "blocks": .array(
        loss.blocks.map { block in
          [
            "block": .string(block.name),
            "rank": block.factors.map { .integer($0.rank) } ?? .null,
            "captured": .finite(block.fidelity.captured),
            "rows_made_zero": .array(block.rowsMadeZero.map { .integer($0) }),
          ]
        }),
    ]
  }
}
