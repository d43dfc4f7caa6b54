import Foundation
import InfluenceKit

/// Scores of a slice by the definitions, in double precision, a few rows in memory at a time.
struct Reference {
  let store: GradientStore
  let queries: [Matrix<Double>]
  let slice: Int

  /// - Parameters:
  ///   - store: All n training rows, over which DataInf takes its mean.
  ///   - queries: A matrix `q × d` for each block; a handful of rows.
  ///   - slice: The scores of the first so many training rows are wanted.
  init(store: GradientStore, queries: [Matrix<Double>], slice: Int) {
    self.store = store
    self.queries = queries
    self.slice = min(slice, store.count)
  }

  /// The first rows of a store as queries.
  static func rows(_ count: Int, of store: GradientStore) throws -> [Matrix<Double>] {
    try store.layout.blocks.indices.map {
      Matrix(try store.rows(0..<min(count, store.count), of: $0, as: Double.self))
    }
  }

  /// `q × slice` scores of Hessian-free: Σ V·Gᵀ.
  func hessianFree() throws -> Matrix<Double> {
    try total { _, queries in queries }
  }

  /// `q × slice` scores of DataInf: Σ X·Gᵀ, X = (1/λ)(V − (1/n)·Σᵢ (v·gᵢ)·gᵢ/(λ + ‖gᵢ‖²)), with λ = 0.1·tr(F)/d.
  func dataInf() throws -> Matrix<Double> {
    try total { block, queries in
      var squares: [Double] = []
      try chunks(of: block) { squares += $0.squaredRowNorms() }
      let n = Double(squares.count)
      let lambda = 0.1 * squares.reduce(0, +) / n / Double(queries.columns)
      var solution = queries
      var first = 0
      try chunks(of: block) { rows in
        var cross = Matrix(product: queries.view, rows.transposed)
        cross.scaleColumns(
          by: (first..<first + rows.rows).map { 1 / (n * (lambda + squares[$0])) })
        solution.add(product: cross.view, rows, scale: -1)
        first += rows.rows
      }
      solution.scale(by: 1 / lambda)
      return solution
    }
  }

  private func chunks(of block: Int, _ body: (MatrixView<Double>) throws -> Void) throws {
    for rows in store.chunks(of: 512) {
      try body(store.rows(rows, of: block, as: Double.self))
    }
  }

  private func total(
    _ solve: (_ block: Int, _ queries: Matrix<Double>) throws -> Matrix<Double>
  ) throws -> Matrix<Double> {
    var sum = Matrix<Double>.zeros(queries[0].rows, slice)
    for block in store.layout.blocks.indices {
      let gradients = try store.rows(0..<slice, of: block, as: Double.self)
      sum.add(product: try solve(block, queries[block]).view, gradients.transposed)
    }
    return sum
  }
}

/// max |a − b| / max |b|.
func relativeError(_ values: [Double], against truth: [Double]) -> Double {
  precondition(values.count == truth.count, "\(values.count) values against \(truth.count)")
  let largest = truth.reduce(0) { max($0, abs($1)) }
  // A NaN must not be lost in a maximum.
  guard values.allSatisfy(\.isFinite) else { return .infinity }
  return zip(values, truth).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
}
