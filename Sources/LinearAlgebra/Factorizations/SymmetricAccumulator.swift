/// A sum of Gram matrices A·Aᵀ, kept in double precision whatever the precision of A.
///
/// Products run in A's own precision over panels of limited depth, and panels are added in `Double`:
/// nearly the speed of single precision, without its loss of small eigenvalues when many columns
/// are summed. Only the lower triangle is computed; ``matrix()`` mirrors it.
public struct SymmetricAccumulator: Sendable {
  /// The order n of the sum.
  public let order: Int
  private let tile: Int
  private var tiles: [Matrix<Double>]

  /// Columns of A that one single-precision product sums over.
  package static let panelDepth = 2048

  /// Makes an `n × n` sum of nothing.
  public init(order: Int) {
    self.order = order
    tile = max(64, min(512, (order + 3) / 4))
    let tilesAcross = (order + tile - 1) / tile
    tiles = []
    for row in 0..<tilesAcross {
      for column in 0...row {
        tiles.append(.zeros(Self.extent(row, order, tile), Self.extent(column, order, tile)))
      }
    }
  }

  /// Adds A·Aᵀ.
  ///
  /// - Parameter a: `n × k`; pass a transposed view for AᵀA.
  /// - Complexity: n²k operations, shared among threads by tiles of the result.
  public mutating func add<Element: Scalar>(gramOf a: MatrixView<Element>) {
    precondition(a.rows == order, "a matrix of \(a.rows) rows in a sum of order \(order)")
    let tile = tile
    Parallelism.update(&tiles) { index, sum in
      let (row, column) = Self.position(index)
      let left = a[rows: row * tile..<row * tile + sum.rows]
      let right = a[rows: column * tile..<column * tile + sum.columns]
      var panel = Matrix<Element>.zeros(sum.rows, sum.columns)
      for first in stride(from: 0, to: a.columns, by: Self.panelDepth) {
        let range = first..<min(a.columns, first + Self.panelDepth)
        panel.set(product: left[columns: range], right[columns: range].transposed)
        sum.add(panel)
      }
    }
  }

  /// Adds a symmetric matrix of which tiles are made as they are asked for.
  ///
  /// - Parameter tile: Gives the elements in some rows and columns, on any thread.
  package mutating func add(_ tile: @Sendable (Range<Int>, Range<Int>) -> Matrix<Double>) {
    let size = self.tile
    Parallelism.update(&tiles) { index, sum in
      let (row, column) = Self.position(index)
      sum.add(
        tile(
          row * size..<row * size + sum.rows, column * size..<column * size + sum.columns))
    }
  }

  /// The sum as a full symmetric matrix.
  public func matrix() -> Matrix<Double> {
    var full = Matrix<Double>.zeros(order, order)
    full.place(placedTiles, mirrors: true)
    return full
  }

  /// c·(A·Aᵀ + s·1) in another precision: the lower triangle; zeros above it.
  ///
  /// - Parameters:
  ///   - shift: s, which is added in double precision.
  ///   - scale: c.
  ///   - as: The precision of the result.
  public func lowerTriangle<Element: Scalar>(
    shiftedBy shift: Double, scaledBy scale: Double, as: Element.Type = Element.self
  ) -> Matrix<Element> {
    var triangle = Matrix<Element>.zeros(order, order)
    triangle.place(placedTiles, scale: scale, mirrors: false)
    for (index, value) in diagonal.enumerated() {
      triangle[index, index] = Element(scale * (value + shift))
    }
    return triangle
  }

  /// The diagonal of the sum.
  public var diagonal: [Double] {
    placedTiles.flatMap { placed in placed.row == placed.column ? placed.tile.diagonal : [] }
  }

  private var placedTiles: [PlacedTile] {
    tiles.enumerated().map { index, sum in
      let (row, column) = Self.position(index)
      return PlacedTile(row: row * tile, column: column * tile, tile: sum)
    }
  }

  /// Tile (row, column) of the lower triangle from its place in row-by-row order.
  private static func position(_ index: Int) -> (row: Int, column: Int) {
    var row = 0
    var remaining = index
    while remaining > row {
      remaining -= row + 1
      row += 1
    }
    return (row, remaining)
  }

  private static func extent(_ index: Int, _ order: Int, _ tile: Int) -> Int {
    min(tile, order - index * tile)
  }
}
