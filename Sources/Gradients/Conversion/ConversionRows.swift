import Algorithms
import Foundation
import LinearAlgebra
import TensorFiles

/// The rows of a store on their way into files of another layout: some at a time, and looked at before they are written.
struct ConversionRows: Sendable {
  /// What is converted.
  let source: GradientStore
  /// How the numbers will be stored.
  let elementType: ElementType
  /// Bytes of gradients that are read at a time; a few times as much memory is used.
  let chunkBytes: Int
  /// Called with a stage and the share of rows that are written.
  let progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?

  /// Some rows, one after the other.
  struct Chunk<Element: Scalar> {
    let rows: Range<Int>
    /// `rows × d` of each block, in the layout's order.
    let blocks: [Matrix<Element>]
    /// What is known of the rows' examples, as lines of `examples.jsonl`.
    let lines: [UInt8]

    /// All blocks side by side, `rows × D`.
    func joined(_ layout: BlockLayout) -> Matrix<Element> {
      var joined = Matrix<Element>.zeros(rows.count, layout.columnCount)
      for (block, matrix) in zip(layout.blocks, blocks) {
        joined.place(matrix, firstColumn: block.columns.lowerBound)
      }
      return joined
    }
  }

  var layout: BlockLayout { source.layout }
  var count: Int { source.count }

  /// Reads all rows, from the first to the last.
  ///
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` for a number that is not finite, or too large
  ///   for the type; an error of a file.
  func forEachChunk<Element: Scalar>(
    as type: Element.Type, _ write: (Chunk<Element>) throws -> Void
  ) throws {
    let rowBytes = layout.columnCount * MemoryLayout<Element>.stride
    var examples = try ExampleReader(of: source)
    let known = source.companions.exampleIDs.map { KnownExamples(ids: $0) }
    for rows in (0..<count).chunks(ofCount: max(1, chunkBytes / max(1, rowBytes))) {
      let blocks = try layout.blocks.indices.map {
        Matrix(try source.rows(rows, of: $0, as: Element.self))
      }
      try requireStorable(blocks, firstRow: rows.lowerBound)
      let lines =
        try known.map { try examples.lines(of: rows, countedFrom: 0, adding: $0.members) }
        ?? examples.lines(of: rows, countedFrom: 0)
      try source.requireUnchanged()
      try write(Chunk(rows: rows, blocks: blocks, lines: lines))
      progress?("convert", Double(rows.upperBound) / Double(count))
    }
  }

  private func requireStorable<Element: Scalar>(
    _ blocks: [Matrix<Element>], firstRow: Int
  ) throws(GradientStoreError) {
    for (block, matrix) in zip(layout.blocks, blocks) {
      for (row, square) in matrix.view.squaredRowNorms().enumerated() {
        let problem: String
        if !square.isFinite {
          problem =
            matrix[row: row].allSatisfy(\.isFinite)
            ? "the gradient's norm is too large to be squared; scale the loss down"
            : "the gradient holds NaN or infinity; look at this example's loss, or leave it out"
        } else if holds(Double(square).squareRoot())
          || matrix[row: row].allSatisfy({ holds(Double($0)) })
        {
          // No number is larger than the norm.
          continue
        } else {
          problem = "a gradient is too large for \(elementType); convert to \(elementType.wider)"
        }
        throw .notFinite(path: source.name, row: firstRow + row, block: block.name, reason: problem)
      }
    }
  }

  /// Whether a finite number stays one in the type.
  private func holds(_ number: Double) -> Bool {
    elementType.rounded(number, peak: number.magnitude).isFinite
  }
}
