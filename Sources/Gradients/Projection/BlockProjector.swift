import Algorithms
import LinearAlgebra

/// P of one block, applied to rows of a store.
///
/// A projected row is the same bit for bit whatever rows it is projected with: products are made of tiles of
/// rows that start at fixed rows of the store, and P is cut at fixed columns.
struct BlockProjector<Element: Scalar>: Sendable {
  private enum Parts: Sendable {
    /// P, and its panels where they are kept.
    case dense(RandomMatrix, panels: [Matrix<Element>])
    case sparse(SparseSignMatrix)
    /// P_out and P_in of a block of `outputs × inputs`; nil for a side that is kept.
    case kronecker(Matrix<Element>?, Matrix<Element>?)
    /// P = I.
    case identity
  }

  private let index: Int
  private let block: Block
  private let dimension: Int
  private let parts: Parts

  /// Rows of a product, and bytes of P that are made at a time and kept in all.
  private static var tileRows: Int { 64 }
  private static var panelBytes: Int { 16 << 20 }
  private static var sparseColumns: Int { 1 << 18 }

  /// Makes P, or describes it where it does not fit.
  ///
  /// - Parameters:
  ///   - projection: What P is.
  ///   - block: A block that can be projected so.
  ///   - index: Its place in the layout.
  ///   - bytes: The most memory for P; reduced by what it takes.
  init(_ projection: GradientProjection, of block: Block, at index: Int, keeping bytes: inout Int)
    throws
  {
    self.block = block
    self.index = index
    guard !projection.keeps(block) else {
      dimension = block.width
      parts = .identity
      return
    }
    let sides = block.sides
    switch projection.kind {
    case .dense, .sparse: dimension = projection.dimension
    case .kronecker(let outputs, let inputs):
      dimension = min(outputs, sides.outputs) * min(inputs, sides.inputs)
    case .principal(let known):
      dimension = min(known.outputs, sides.outputs) * min(known.inputs, sides.inputs)
    }
    let stream = Self.stream(block.name)
    let seed = projection.seed
    switch projection.kind {
    case .dense(let distribution, let dimension):
      let matrix = RandomMatrix(
        distribution, rows: dimension, columns: block.width, seed: seed, stream: stream)
      let size = dimension * block.width * MemoryLayout<Element>.stride
      var panels: [Matrix<Element>] = []
      if size <= bytes {
        bytes -= size
        panels = Self.panels(dimension, block.width).map {
          matrix.panel(columns: $0, as: Element.self)
        }
      }
      parts = .dense(matrix, panels: panels)
    case .sparse(let dimension, let nonzeros):
      parts = .sparse(
        SparseSignMatrix(
          rows: dimension, columns: block.width, nonzeros: nonzeros, seed: seed, stream: stream))
    case .kronecker(let outputs, let inputs):
      func factor(_ rows: Int, _ columns: Int, _ side: String) -> Matrix<Element>? {
        guard columns >= rows else { return nil }
        return RandomMatrix(
          .gaussian, rows: rows, columns: columns, seed: seed,
          stream: Self.stream(block.name + side)
        ).panel(columns: 0..<columns, as: Element.self)
      }
      parts = .kronecker(
        factor(outputs, sides.outputs, "/outputs"), factor(inputs, sides.inputs, "/inputs"))
    case .principal(let known):
      let factors = try known.factors(of: block)
      parts = .kronecker(
        factors.outputs.map { Matrix<Element>(converting: $0) },
        factors.inputs.map { Matrix<Element>(converting: $0) })
    }
  }

  /// The stream of a name: FNV-1a of its bytes.
  private static func stream(_ name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
  }

  private static func panels(_ dimension: Int, _ width: Int) -> [Range<Int>] {
    let step = max(64, panelBytes / (dimension * MemoryLayout<Element>.stride))
    return Array((0..<width).chunks(ofCount: step))
  }

  /// G·Pᵀ of some rows, `rows × k`.
  ///
  /// - Complexity: Per row, 2dk operations where P is dense, sd where it is sparse, 2(p·q·k_in + q·k) where
  ///   it is a Kronecker product; and dk for P, unless it is kept.
  func project(_ store: GradientStore, rows: Range<Int>) throws -> Matrix<Element> {
    switch parts {
    case .dense(let matrix, let panels): try dense(store, rows, matrix, panels)
    case .sparse(let matrix): try sparse(store, rows, matrix)
    case .kronecker(let outputs, let inputs): try kronecker(store, rows, outputs, inputs)
    case .identity: Matrix(try store.rows(rows, of: index, as: Element.self))
    }
  }

  private func dense(
    _ store: GradientStore, _ rows: Range<Int>, _ matrix: RandomMatrix, _ kept: [Matrix<Element>]
  ) throws -> Matrix<Element> {
    let height = Self.tileRows
    let firstTile = rows.lowerBound / height
    let tiles = (rows.upperBound + height - 1) / height - firstTile
    var sums = Matrix<Double>.zeros(rows.count, dimension)
    for (number, columns) in Self.panels(dimension, block.width).enumerated() {
      let panel = kept.isEmpty ? matrix.panel(columns: columns, as: Element.self) : kept[number]
      let products = try Parallelism.map(tiles) { tile in
        let start = (firstTile + tile) * height
        let part = rows.clamped(to: start..<start + height)
        let numbers = try store.rows(part, of: index, columns: columns, as: Element.self)
        guard part.count < height else { return Matrix(product: numbers, panel.transposed) }
        // Zeros around the rows: a product of another shape may round otherwise.
        var whole = Matrix<Element>.zeros(height, columns.count)
        whole.place(numbers, firstRow: part.lowerBound - start, firstColumn: 0)
        let product = Matrix(product: whole.view, panel.transposed)
        return Matrix(
          product.view[rows: part.lowerBound - start..<part.upperBound - start])
      }
      sums.add(
        Matrix(
          rows: rows.count, columns: dimension, elements: products.flatMap(\.elements)))
    }
    return Matrix(converting: sums)
  }

  private func sparse(
    _ store: GradientStore, _ rows: Range<Int>, _ matrix: SparseSignMatrix
  ) throws -> Matrix<Element> {
    var sums = Matrix<Double>.zeros(rows.count, dimension)
    var buffer = Matrix<Element>.zeros(0, 0)
    let step = Self.sparseColumns
    // Few rows at a time where they must be converted into a buffer.
    let height = max(1, Self.panelBytes / (min(step, block.width) * MemoryLayout<Element>.stride))
    for columns in (0..<block.width).chunks(ofCount: step) {
      for part in rows.chunks(ofCount: height) {
        let numbers = try store.rows(part, of: index, columns: columns, reusing: &buffer)
        sums.add(
          matrix.products(of: numbers, firstColumn: columns.lowerBound),
          firstRow: part.lowerBound - rows.lowerBound)
      }
    }
    return Matrix(converting: sums)
  }

  private func kronecker(
    _ store: GradientStore, _ rows: Range<Int>, _ outputs: Matrix<Element>?,
    _ inputs: Matrix<Element>?
  ) throws -> Matrix<Element> {
    let projected = try Parallelism.map(rows.count) { offset in
      let row = rows.lowerBound + offset
      let numbers = try store.rows(row..<row + 1, of: index, as: Element.self)
      let sides = block.sides
      let gradient = Matrix(
        rows: sides.outputs, columns: sides.inputs, elements: Matrix(numbers).elements)
      let narrow = inputs.map { Matrix(product: gradient.view, $0.transposed) } ?? gradient
      return outputs.map { Matrix(product: $0.view, narrow.view).elements } ?? narrow.elements
    }
    return Matrix(rows: rows.count, columns: dimension, elements: projected.flatMap { $0 })
  }
}

extension Matrix<Double> {
  /// Adds rows into those from `firstRow` on.
  fileprivate mutating func add(_ other: Matrix<Double>, firstRow: Int) {
    for row in 0..<other.rows {
      for column in 0..<columns { self[firstRow + row, column] += other[row, column] }
    }
  }
}
