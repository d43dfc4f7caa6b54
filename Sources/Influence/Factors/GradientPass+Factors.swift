package import Gradients
package import LinearAlgebra

/// Products of rows that are kept as factors, without multiplying them out.
///
/// Of rows Σⱼ lⱼ·rⱼᵀ and Σₖ l'ₖ·r'ₖᵀ the inner product is Σⱼₖ (lⱼ·l'ₖ)(rⱼ·r'ₖ): 2c·c'·(p + q) operations where all numbers would
/// take 2pq. It is taken where that is fewer (``BlockFactors/paysForProducts(with:)``).
extension GradientPass {
  /// A pass that nobody watches.
  package init(over store: GradientStore, block: Int) { self.init(store: store, block: block) }

  /// K = G·Gᵀ from factors; nil where rows are not kept so, or multiplying them out is cheaper.
  ///
  /// - Complexity: c²·n²·(p + q) operations; reads the factors of all rows, which stay in memory together.
  package func factoredKernelSum() throws -> SymmetricAccumulator? {
    guard let factors = store.factors(ofBlock: block), factors.paysForProducts(with: factors)
    else { return nil }
    let rows = reduction.rows(of: store.count)
    monitor?.willRead(rows, ofBlock: block)
    guard let mine = try store.factorRows(rows, of: block, as: Element.self) else { return nil }
    let left = try reduction.gather(rowsOf: mine.left.view)
    let right = try reduction.gather(rowsOf: mine.right.view)
    var sum = SymmetricAccumulator(order: store.count)
    sum.add { one, other in
      FactorProducts.tile(
        (left[rows: one], right[rows: one], factors),
        (left[rows: other], right[rows: other], factors))
    }
    monitor?.didRead(
      rows, ofBlock: block,
      operations: OperationCount.factoredKernel(n: store.count, factors))
    return sum
  }

  /// C = V·Gᵀ of queries that are kept as factors, too, for some rows of G; nil where multiplying out is cheaper.
  ///
  /// - Parameters:
  ///   - queries: V as factors.
  ///   - range: The rows.
  /// - Returns: `m × rows`.
  /// - Complexity: 2c·c'·mn·(p + q) operations, one pass.
  package func products(
    of queries: FactorRows<Element>, with range: Range<Int>
  ) throws -> Matrix<Element>? {
    guard let factors = store.factors(ofBlock: block),
      factors.paysForProducts(with: queries.factors)
    else { return nil }
    let one = (queries.left.view, queries.right.view, queries.factors)
    let perRow = OperationCount.factoredProducts(
      m: queries.left.rows, n: 1, queries.factors, factors)
    var products = Matrix<Element>.zeros(queries.left.rows, range.count)
    // A few megabytes of factors and of products in double precision.
    let numbers = factors.width + 4 * queries.left.rows
    for rows in chunks(of: max(64, (1 << 20) / numbers), in: range) {
      monitor?.willRead(rows, ofBlock: block)
      guard let gradients = try store.factorRows(rows, of: block, as: Element.self) else {
        return nil
      }
      let tile = FactorProducts.tile(one, (gradients.left.view, gradients.right.view, factors))
      products.place(
        Matrix<Element>(converting: tile).view, firstRow: 0,
        firstColumn: rows.lowerBound - range.lowerBound)
      monitor?.didRead(rows, ofBlock: block, operations: Double(rows.count) * perRow)
    }
    return products
  }
}

/// Inner products of rows that are kept as factors.
enum FactorProducts {
  /// Factors of some rows: `n × c·q`, `n × c·p`.
  typealias Rows<Element: Scalar> = (
    left: MatrixView<Element>, right: MatrixView<Element>, factors: BlockFactors
  )

  /// Σⱼₖ (Lⱼ·L'ₖᵀ) ∘ (Rⱼ·R'ₖᵀ), added in double precision.
  static func tile<Element: Scalar>(_ one: Rows<Element>, _ other: Rows<Element>) -> Matrix<Double>
  {
    let (q, p) = (one.factors.outputs, one.factors.inputs)
    var sum = Matrix<Double>.zeros(one.left.rows, other.left.rows)
    for first in 0..<one.factors.rank {
      for second in 0..<other.factors.rank {
        let lefts = product(
          one.left[columns: first * q..<(first + 1) * q],
          other.left[columns: second * q..<(second + 1) * q])
        let rights = product(
          one.right[columns: first * p..<(first + 1) * p],
          other.right[columns: second * p..<(second + 1) * p])
        sum.add(elementwise: lefts, times: rights)
      }
    }
    return sum
  }

  /// A·Bᵀ, in single precision over as many columns as a sum of Gram matrices takes at a time.
  private static func product<Element: Scalar>(
    _ one: MatrixView<Element>, _ other: MatrixView<Element>
  ) -> Matrix<Double> {
    let depth = SymmetricAccumulator.panelDepth
    guard one.columns > depth else {
      return Matrix<Double>(converting: Matrix(product: one, other.transposed))
    }
    var sum = Matrix<Double>.zeros(one.rows, other.rows)
    for first in stride(from: 0, to: one.columns, by: depth) {
      let columns = first..<min(one.columns, first + depth)
      sum.add(Matrix(product: one[columns: columns], other[columns: columns].transposed))
    }
    return sum
  }
}
