package import Gradients
package import LinearAlgebra

/// Gradients of an adapter's parameters: of each text by itself, or of all together; or what each token adds to their
/// products with given directions, or the pairs that they are sums of products of.
package struct AdapterGradients<Element: Scalar> {
  /// Whether each text has its own.
  let isPerText: Bool
  private let layout: BlockLayout
  /// For block b of q × p numbers: a q × p matrix, or one below the other for each text; empty where there are shares.
  private var blocks: [Matrix<Element>]
  private var shares: TokenShares?
  /// By block, where products are not taken.
  private var pairs: [TokenPairs<Element>?]?

  /// What tokens add to the products of their texts' gradients with a direction.
  private struct TokenShares {
    /// For block b of q × p numbers: a q × p matrix.
    let directions: [Matrix<Element>]
    /// Text e has the tokens `starts[e] ..< starts[e + 1]`.
    let starts: [Int]
    /// A share for each token.
    var values: [Double]
  }

  /// Zeros.
  ///
  /// - Parameters:
  ///   - layout: The adapter's blocks.
  ///   - textCount: How many texts have gradients of their own; nil where they are summed.
  package init(layout: BlockLayout, textCount: Int?) {
    isPerText = textCount != nil
    self.layout = layout
    let copies = textCount ?? 1
    blocks = layout.blocks.map { block in
      let (rows, columns) = block.sides
      return .zeros(copies * rows, columns)
    }
  }

  /// Zero shares of the tokens of texts.
  ///
  /// - Parameters:
  ///   - layout: The adapter's blocks.
  ///   - directions: As many numbers as the blocks have, in their shapes.
  ///   - starts: Text e has the tokens `starts[e] ..< starts[e + 1]`.
  init(layout: BlockLayout, directions: [Matrix<Element>], starts: [Int]) {
    isPerText = false
    self.layout = layout
    blocks = []
    shares = TokenShares(
      directions: zip(layout.blocks, directions).map { block, direction in
        let (rows, columns) = block.sides
        return Matrix(rows: rows, columns: columns, elements: direction.elements)
      }, starts: starts, values: [Double](repeating: 0, count: starts[starts.count - 1]))
  }

  /// The share of each token, where shares were asked for.
  package var tokenShares: [Double] { shares?.values ?? [] }

  /// Keeps the factors of the gradients in place of their products.
  init(pairsOf layout: BlockLayout) {
    isPerText = false
    self.layout = layout
    blocks = []
    pairs = Array(repeating: nil, count: layout.count)
  }

  /// Whether the factors of the gradients are kept in place of their products.
  var keepsPairs: Bool { pairs != nil }

  /// What a block read, and the gradient by what it made, of all tokens of the pass.
  func pairs(of block: Int) -> TokenPairs<Element> {
    guard let pair = pairs?[block] else {
      preconditionFailure("backward has not come to \(layout.blocks[block].name)")
    }
    return pair
  }

  /// Adds `scale · leftᵀ · right` over the tokens to a block.
  ///
  /// - Parameters:
  ///   - block: The number of a block of q × p.
  ///   - left: tokens × q.
  ///   - right: tokens × p.
  ///   - starts: Text e has the rows `starts[e] ..< starts[e + 1]`.
  ///   - positions: The place of each row's token in its text.
  ///   - scale: A factor for all.
  mutating func add(
    _ block: Int, _ left: MatrixView<Element>, _ right: MatrixView<Element>, starts: [Int],
    positions: [Int32], scale: Element
  ) {
    guard shares == nil else {
      return addShares(block, left, right, starts: starts, positions: positions, scale: scale)
    }
    guard pairs == nil else {
      pairs?[block] = TokenPairs(
        inputs: Matrix(right), gradients: Matrix(left, scaledBy: scale))
      return
    }
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

  /// Adds `scale · leftₜᵀ·U·rightₜ` to the share of each token t: its part of ⟨U, scale · leftᵀ·right⟩.
  private mutating func addShares(
    _ block: Int, _ left: MatrixView<Element>, _ right: MatrixView<Element>, starts: [Int],
    positions: [Int32], scale: Element
  ) {
    guard let direction = shares?.directions[block], let firsts = shares?.starts else { return }
    let products = Matrix(product: left, direction.view).view.rowDots(with: right)
    for text in 0..<starts.count - 1 {
      for row in starts[text]..<starts[text + 1] {
        shares?.values[firsts[text] + Int(positions[row])] += Double(scale) * products[row]
      }
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
