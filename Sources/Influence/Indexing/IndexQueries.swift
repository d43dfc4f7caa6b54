import Gradients
import LinearAlgebra
import TensorFiles

/// Queries as an index's rows are multiplied with them, and what bounds the errors of these products.
///
/// A stored row ŷ differs from the row y that it was rounded from by δ, so that v·ŷ differs from v·y by at most |v·δ|. In a
/// block of int8 with scale s each |δⱼ| ≤ s/2, hence |v·δ| ≤ ‖v‖₁·s/2. Numbers of float16 and float32 are rounded
/// to nearest, |δⱼ| ≤ u·|ŷⱼ|, or by at most t where they are too small for all digits: |v·δ| ≤ u·‖v‖·‖ŷ‖ + t·‖v‖₁. The product itself
/// is summed in single precision, which adds γ·‖v‖·‖ŷ‖ (see ``Rounding``). Nothing of this is estimated: scales and norms
/// are in the index's files.
struct IndexQueries: Sendable {
  /// V of each block of the index, `m × d`, with all factors that do not depend on the example.
  let blocks: [Matrix<Float>]
  /// What the error bound of a row is a product with, `m × 2·blocks`: for each block what its norm and its scale are
  /// multiplied by.
  let weights: Matrix<Double>
  /// What is added to the bound of every row, per query.
  let constants: [Double]

  /// The number of queries m.
  var count: Int { constants.count }

  /// Reads queries.
  ///
  /// - Parameters:
  ///   - queries: m rows of raw gradients, with the index's blocks in any order.
  ///   - store: The index.
  ///   - about: What it is of.
  /// - Throws: ``InfluenceError/notFinite(source:block:rows:)``, or an error from reading.
  init(_ queries: GradientStore, of store: GradientStore, _ about: IndexDescription) throws {
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    var rows: [Matrix<Double>] = []
    var squares = [Double](repeating: 0, count: queries.count)
    for block in store.layout.blocks {
      guard let place = places[block.name] else {
        preconditionFailure("layouts were compared: block \(block.name) must be there")
      }
      let numbers = Matrix(
        try Curvature.rows(
          of: queries, block: place, aggregation: .none, precision: Double.self))
      for (row, square) in numbers.view.squaredRowNorms().enumerated() { squares[row] += square }
      rows.append(numbers)
    }
    let factors = squares.map { square in
      guard about.dividesByQueryNorm else { return 1 / about.scale }
      return square > 0 ? 1 / (square.squareRoot() * about.scale) : 0
    }
    var blocks: [Matrix<Float>] = []
    var weights = Matrix<Double>.zeros(queries.count, 2 * rows.count)
    var constants = [Double](repeating: 0, count: queries.count)
    let types = store.elementTypes
    for index in rows.indices {
      rows[index].scaleRows(by: factors)
      let (block, type) = (rows[index], types[index])
      let (unit, smallest) = Self.rounding(of: type)
      let product = Rounding.single.gamma(block.columns) + unit
      for (query, square) in block.view.squaredRowNorms().enumerated() {
        let length = square.squareRoot()
        let sum = Self.sumOfMagnitudes(block, row: query)
        weights[query, 2 * index] = product * length
        weights[query, 2 * index + 1] = type == .int8 ? sum / 2 : 0
        constants[query] +=
          smallest * sum + Rounding.single.smallest * Double(block.columns)
      }
      blocks.append(Matrix<Float>(converting: block))
    }
    self.blocks = blocks
    self.weights = weights
    self.constants = constants
  }

  /// u and t of a type: how far a stored number can be from what it was rounded from, by its size and at least.
  private static func rounding(of type: ElementType) -> (unit: Double, smallest: Double) {
    switch type {
    case .float16: (0x1p-11, 0x1p-25)
    case .bfloat16: (0x1p-8, 0x1p-134)
    case .float32, .int8: (0x1p-24, 0x1p-150)
    case .float64: (0x1p-53, 0)
    }
  }

  private static func sumOfMagnitudes(_ rows: Matrix<Double>, row: Int) -> Double {
    let elements = rows.elements
    var sum = 0.0
    for place in row * rows.columns..<(row + 1) * rows.columns { sum += elements[place].magnitude }
    return sum
  }
}
