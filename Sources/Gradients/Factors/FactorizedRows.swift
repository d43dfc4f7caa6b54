import LinearAlgebra
import TensorFiles

/// Rows of gradients as a factored store keeps them, and what of them is kept.
struct FactorizedRows {
  /// One `rows × d` matrix per field of ``FactorLayout/fields``, before they are rounded to the stored type.
  let fields: [Matrix<Double>]
  /// What each row of each block loses, `rows × blocks`.
  private let losses: [[BlockFidelity]]

  /// Factors one matrix per block, all with the same number of rows.
  ///
  /// What a row becomes does not depend on the others.
  ///
  /// - Complexity: see ``LowRankFactors``, and O(c·q·p) for what is lost.
  init<Element: Scalar>(
    _ blocks: [Matrix<Element>], in layout: FactorLayout, as type: ElementType
  ) throws {
    let rows = blocks.first?.rows ?? 0
    // Two pieces at least: inside of a piece a decomposition takes one thread, however many rows there are.
    let parts = try Parallelism.map(max(2, rows)) { row -> Row in
      guard row < rows else { return Row() }
      var result = Row()
      for (block, matrix) in blocks.enumerated() {
        let numbers = matrix[row: row].map { Double($0) }
        try result.append(numbers, layout.blocks[block], as: type)
      }
      return result
    }.prefix(rows)
    fields = layout.fields.blocks.map { field in
      Matrix(
        rows: rows, columns: field.width, elements: parts.flatMap { $0.numbers[field.columns] })
    }
    losses = parts.map(\.losses)
  }

  /// Adds what the rows lose to sums of those before, one per block, row after row.
  func add(to sums: inout [BlockFidelity]) {
    for row in losses {
      for (block, loss) in row.enumerated() { sums[block].add(loss) }
    }
  }

  /// One row: its fields one after the other.
  private struct Row: Sendable {
    var numbers: [Double] = []
    var losses: [BlockFidelity] = []

    mutating func append(
      _ gradient: [Double], _ factors: BlockFactors?, as type: ElementType
    ) throws {
      guard let factors else {
        let stored = Self.rounded(gradient[...], as: type)
        numbers += gradient
        losses.append(Self.loss(of: gradient, zip(gradient, stored).map { $0 - $1 }))
        return
      }
      let matrix = Matrix(
        rows: factors.outputs, columns: factors.inputs, elements: gradient)
      let found = try LowRankFactors(of: matrix.view, rank: factors.rank)
      numbers += found.left.elements
      numbers += found.right.elements
      var rest = matrix
      rest.add(
        product: Self.rounded(found.left, as: type).transposed,
        Self.rounded(found.right, as: type).view, scale: -1)
      losses.append(Self.loss(of: gradient, rest.elements))
    }

    private static func loss(of gradient: [Double], _ rest: [Double]) -> BlockFidelity {
      BlockFidelity(
        squaredNorm: gradient.reduce(0) { $0 + $1 * $1 }, lost: rest.reduce(0) { $0 + $1 * $1 })
    }

    private static func rounded(_ matrix: Matrix<Double>, as type: ElementType) -> Matrix<Double> {
      Matrix(
        rows: matrix.rows, columns: matrix.columns,
        elements: (0..<matrix.rows).flatMap { rounded(matrix[row: $0], as: type) })
    }

    private static func rounded(_ vector: ArraySlice<Double>, as type: ElementType) -> [Double] {
      let peak = vector.reduce(0) { max($0, $1.magnitude) }
      return vector.map { type.rounded($0, peak: peak) }
    }
  }
}
