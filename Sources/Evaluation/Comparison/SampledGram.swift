import Gradients
import LinearAlgebra
import TensorFiles

/// Inner products of sampled rows in one block, from which scores of any method on K follow.
struct SampledGram {
  /// Which of the sampled rows are the queries, and which the training examples.
  struct Parts {
    let queries: Range<Int>
    let examples: Range<Int>
  }

  /// K of all sampled rows, in double precision.
  var products: Matrix<Double>
  /// ‖g‖² of each.
  var squares: [Double] { products.diagonal }

  /// Scores of the queries on the n training examples, with λ = 0.1 · tr(F)/d.
  ///
  /// With C of queries and examples and K of examples, exact scores V(F + λI)⁻¹Gᵀ are n·C(K + nλI)⁻¹, and
  /// DataInf's (C − C·diag(1/(λ + ‖g‖²))·K/n)/λ.
  ///
  /// - Returns: Nil where all training examples are zero.
  func scores(_ parts: Parts, width: Int) throws -> SampledScores? {
    let count = parts.examples.count
    let examples = products.view[rows: parts.examples, columns: parts.examples]
    let gram = Matrix(examples)
    let cross = Matrix(products.view[rows: parts.queries, columns: parts.examples])
    let norms = gram.diagonal
    let damping = 0.1 * norms.reduce(0, +) / Double(count) / Double(width)
    guard damping > 0, damping.isFinite else { return nil }
    var regularized = gram
    regularized.addToDiagonal(Double(count) * damping)
    var exact = try Cholesky(factoring: regularized).solution(rows: cross)
    exact.scale(by: Double(count))
    var weighted = cross
    weighted.scaleColumns(by: norms.map { -1 / (Double(count) * (damping + $0)) })
    var dataInf = cross
    dataInf.add(product: weighted.view, examples)
    dataInf.scale(by: 1 / damping)
    return SampledScores(
      exact: exact, dataInf: dataInf, innerProduct: cross, damping: damping)
  }
}

/// Scores of sampled queries on sampled training examples: of one block, or summed over blocks.
struct SampledScores {
  private(set) var exact: Matrix<Double>
  private(set) var dataInf: Matrix<Double>
  private(set) var innerProduct: Matrix<Double>
  /// λ of the block; means nothing in a sum.
  let damping: Double

  init(
    exact: Matrix<Double>, dataInf: Matrix<Double>, innerProduct: Matrix<Double>, damping: Double
  ) {
    self.exact = exact
    self.dataInf = dataInf
    self.innerProduct = innerProduct
    self.damping = damping
  }

  /// Scores of a block of zeros.
  init(_ parts: SampledGram.Parts) {
    let zeros = Matrix<Double>.zeros(parts.queries.count, parts.examples.count)
    self.init(exact: zeros, dataInf: zeros, innerProduct: zeros, damping: 0)
  }

  mutating func add(_ other: SampledScores) {
    exact.add(other.exact)
    dataInf.add(other.dataInf)
    innerProduct.add(other.innerProduct)
  }

  /// max |S' − S| / max |S| of each method, where these are S'; 0 where all of S is zero.
  func errors(
    from scores: SampledScores
  ) -> (exact: Double, dataInf: Double, innerProduct: Double) {
    func error(_ path: KeyPath<SampledScores, Matrix<Double>>) -> Double {
      let before = scores[keyPath: path].elements
      let scale = before.map(abs).max() ?? 0
      let difference = zip(self[keyPath: path].elements, before).map { abs($0 - $1) }.max() ?? 0
      return scale > 0 ? difference / scale : 0
    }
    return (error(\.exact), error(\.dataInf), error(\.innerProduct))
  }
}

/// Sampled rows of one block, as they are and as a type would store them.
struct SampledBlock {
  let before: SampledGram
  let after: SampledGram
  /// ‖g' − g‖² of each row.
  let differences: [Double]
  /// Numbers that are not zero, and those of them that become zero.
  let nonzeros: Int
  let zerosMade: Int

  init(
    _ index: Int, of store: GradientStore, rows: [Int], storedAs type: ElementType
  ) throws {
    let tiles = GradientSample.tiles(ofBlock: index, of: store)
    func tile(_ columns: Range<Int>) throws -> Matrix<Double> {
      try GradientSample.gather(rows, of: index, columns: columns, from: store)
    }
    var peaks = [Double](repeating: 0, count: rows.count)
    if type == .int8 {
      for columns in tiles {
        let numbers = try tile(columns)
        for row in rows.indices {
          peaks[row] = numbers[row: row].reduce(peaks[row]) { max($0, abs($1)) }
        }
      }
    }
    var products = (
      before: Matrix<Double>.zeros(rows.count, rows.count),
      after: Matrix<Double>.zeros(rows.count, rows.count)
    )
    var differences = [Double](repeating: 0, count: rows.count)
    var (nonzeros, zerosMade) = (0, 0)
    for columns in tiles {
      let numbers = try tile(columns)
      let width = columns.count
      let stored = numbers.elements.enumerated().map { place, number in
        let rounded = type.rounded(number, peak: peaks[place / width])
        differences[place / width] += (rounded - number) * (rounded - number)
        if number != 0 {
          nonzeros += 1
          if rounded == 0 { zerosMade += 1 }
        }
        return rounded
      }
      products.before.add(product: numbers.view, numbers.transposed)
      let rounded = Matrix(rows: rows.count, columns: width, elements: stored)
      products.after.add(product: rounded.view, rounded.transposed)
    }
    before = SampledGram(products: products.before)
    after = SampledGram(products: products.after)
    self.differences = differences
    self.nonzeros = nonzeros
    self.zerosMade = zerosMade
  }
}
