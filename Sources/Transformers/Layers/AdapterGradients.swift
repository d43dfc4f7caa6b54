import Gradients
package import LinearAlgebra

/// Gradients of an adapter's parameters: of each text by itself, or of all together.
package struct AdapterGradients<Element: Scalar> {
  /// Whether each text has its own.
  let isPerText: Bool
  private let layout: BlockLayout
  /// For block b of q × p numbers: a q × p matrix, or one below the other for each text.
  private var blocks: [Matrix<Element>]

  /// Zeros.
  ///
  /// - Parameters:
  ///   - layout: The adapter's blocks.
  ///   - textCount: How many texts have gradients of their own; nil where they are summed.
  init(layout: BlockLayout, textCount: Int?) {
    isPerText = textCount != nil
    self.layout = layout
    let copies = textCount ?? 1
    blocks = layout.blocks.map { block in
      let (rows, columns) = Self.shape(block)
      return .zeros(copies * rows, columns)
    }
  }

  /// A vector counts as one column.
  private static func shape(_ block: Block) -> (rows: Int, columns: Int) {
    block.shape.count == 2 ? (block.shape[0], block.shape[1]) : (block.width, 1)
  }

  /// Adds `scale · leftᵀ · right` over the tokens to a block.
  ///
  /// - Parameters:
  ///   - block: The number of a block of q × p.
  ///   - left: tokens × q.
  ///   - right: tokens × p.
  ///   - starts: Text e has the rows `starts[e] ..< starts[e + 1]`.
  ///   - scale: A factor for all.
  mutating func add(
    _ block: Int, _ left: MatrixView<Element>, _ right: MatrixView<Element>, starts: [Int],
    scale: Element
  ) {
    guard isPerText else {
      blocks[block].add(product: left.transposed, right, scale: scale)
      return
    }
    for text in 0..<starts.count - 1 {
      let rows = starts[text]..<starts[text + 1]
      blocks[block].add(
        product: left[rows: rows].transposed, right[rows: rows], scale: scale,
        firstRow: text * left.columns)
    }
  }

  /// Each block as one row for each text, or a single row.
  package var rows: [Matrix<Element>] {
    zip(layout.blocks, blocks).map { block, matrix in
      Matrix(
        rows: block.width == 0 ? 0 : matrix.elements.count / block.width, columns: block.width,
        elements: matrix.elements)
    }
  }

  /// Adds those of another pass, of all texts together.
  mutating func add(_ other: AdapterGradients) {
    precondition(!isPerText && !other.isPerText)
    for index in blocks.indices { blocks[index].add(other.blocks[index], scale: 1) }
  }
}
