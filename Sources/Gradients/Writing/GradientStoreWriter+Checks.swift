import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

extension GradientStoreWriter {
  /// The number of rows to append, after a look at every number of them.
  func checkedRowCount<Element: Scalar>(
    of blocks: [Matrix<Element>]
  ) throws(GradientStoreError) -> Int {
    guard blocks.count == layout.count else {
      throw .wrongShape(
        path: directory.path, block: "all", expected: "\(layout.count) blocks",
        found: "\(blocks.count)")
    }
    let rows = blocks.first?.rows ?? 0
    for (block, matrix) in zip(layout.blocks, blocks) {
      guard matrix.rows == rows, matrix.columns == block.width else {
        throw .wrongShape(
          path: directory.path, block: block.name, expected: "\(rows) × \(block.width)",
          found: "\(matrix.rows) × \(matrix.columns)")
      }
      if let row = matrix.view.squaredRowNorms().firstIndex(where: { !$0.isFinite }) {
        let isFinite = matrix[row: row].allSatisfy(\.isFinite)
        throw .notFinite(
          path: directory.path, row: count + row, block: block.name,
          reason: isFinite
            ? "the gradient's norm is too large to be squared; scale the loss down"
            : "the gradient holds NaN or infinity; look at this example's loss, or leave it out")
      }
    }
    return rows
  }

  /// Checks that the largest number of every row is one of single precision when it is read again.
  ///
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)``.
  func requireFinite(_ rows: ScaledRows, of layout: BlockLayout) throws(GradientStoreError) {
    let largest = Float(ScaledRows.largest)
    guard let bad = rows.scales.firstIndex(where: { !($0 * largest).isFinite }) else { return }
    throw .notFinite(
      path: directory.path, row: self.count + bad / layout.count,
      block: layout.blocks[bad % layout.count].name,
      reason:
        "a gradient is too large for \(elementType); leave the example out, or write a new store of \(elementType.wider)"
    )
  }

  /// The lines of `examples.jsonl` for the rows to append; none without ids and losses.
  ///
  /// - Throws: ``GradientStoreError``.
  func exampleLines(
    rows: Int, losses: [Double]?, named: [(name: String, values: [String]?)]
  ) throws -> [UInt8] {
    for (what, given) in named.map({ ("\($0.name)s", $0.values?.count) })
      + [("losses", losses?.count)]
    {
      guard given == nil || given == rows else {
        throw GradientStoreError.wrongShape(
          path: directory.path, block: what, expected: "\(rows)", found: "\(given ?? 0)")
      }
    }
    if let row = losses?.firstIndex(where: { !$0.isFinite }) {
      throw GradientStoreError.notFinite(
        path: directory.path, row: count + row, block: "losses",
        reason: "the loss is NaN or infinite; leave the example, or all losses, out")
    }
    guard losses != nil || named.contains(where: { $0.values != nil }) else { return [] }
    return try (0..<rows).flatMap { row in
      var members: ExampleReader.Members = ["row": .integer(count + row)]
      if let ids = named.first?.values { members["id"] = .string(ids[row]) }
      if let losses { members["loss"] = .number(losses[row]) }
      for (name, values) in named.dropFirst() where values != nil {
        members[name] = .text(values?[row])
      }
      return try ExampleReader.line(members)
    }
  }
}

extension ElementType {
  /// The types that take numbers too large for this one, for a sentence.
  var wider: String {
    switch self {
    case .float16: "bfloat16 or float32"
    case .bfloat16, .int8: "float32 or float64"
    case .float32, .float64: "float64"
    }
  }
}
