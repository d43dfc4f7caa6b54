import LinearAlgebra

/// Exact scores at many dampings, from one eigendecomposition per block.
///
/// With s and E the eigenvalues of F and the eigenvectors of K or F (as rows), and f = 1/(s + λ):
///
///     S = (C·Eᵀ)·diag(f)·E             score side, n × n
///     X = (V·Eᵀ)·diag(f)·E,  S = X·Gᵀ  query side, d × d
///
/// - Complexity: 2mnd + 2mn² operations on the score side once and 2Lmn² for L dampings; 2md² on the query
///   side once and 2Lmd² + 2Lmnd for L dampings.
struct ExactSweep: SweepFit {
  var sides: Set<Side> { [.score, .query] }

  func sweep<Element: Scalar>(
    _ gram: BlockGram, queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> any SweptScores {
    let eigen = try gram.eigenbasis()
    let eigenvalues = try gram.fisherEigenvalues()
    let rows = Matrix<Double>(
      converting: gram.side == .score ? try pass.products(queries) : Matrix(queries))
    let coordinates = SweptCoordinates(
      rows: Matrix(product: rows.view, eigen.vectors.transposed), vectors: eigen.vectors,
      eigenvalues: eigenvalues, context: gram.context)
    return gram.side == .score
      ? ExactSweptOnScores(
        coordinates: coordinates, squaredQueryNorms: queries.squaredRowNorms())
      : ExactSweptOnQueries(coordinates: coordinates, pass: pass)
  }
}

/// Queries or their products in the eigenbasis of a block.
private struct SweptCoordinates: Sendable {
  let rows: Matrix<Double>
  let vectors: MatrixView<Double>
  let eigenvalues: [Double]
  let context: BlockContext

  /// The coordinates times 1/(s + λ), those of one damping under those of the one before.
  func filtered(at lambdas: ArraySlice<Double>) -> Matrix<Double> {
    var elements: [Double] = []
    elements.reserveCapacity(lambdas.count * rows.elements.count)
    for lambda in lambdas {
      var part = rows
      part.scaleColumns(by: eigenvalues.map { 1 / ($0 + lambda) })
      elements += part.elements
    }
    return Matrix(rows: lambdas.count * rows.rows, columns: rows.columns, elements: elements)
  }

  /// Σⱼ wⱼ·xⱼ² of each row.
  func weightedSquares(_ weights: [Double]) -> [Double] {
    (0..<rows.rows).map { row in
      zip(rows[row: row], weights).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
    }
  }
}

/// One block on the score side.
private struct ExactSweptOnScores: SweptScores {
  let coordinates: SweptCoordinates
  let squaredQueryNorms: [Double]

  /// Dampings share a product until it has this many rows: few rows do not keep the cores busy.
  private static let stackedRows = 256

  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) {
    let count = coordinates.rows.rows
    let group = max(1, Self.stackedRows / max(1, count))
    for first in stride(from: 0, to: lambdas.count, by: group) {
      let part = lambdas[first..<min(lambdas.count, first + group)]
      total.add(
        product: coordinates.filtered(at: part).view, coordinates.vectors, firstRow: first * count)
    }
  }

  /// The squares of (F + λ₀I)x − v = (λ₀ − λ)x.
  ///
  /// The part of v outside the range of G, which the coordinates do not show, comes from ‖v‖²:
  ///
  ///     λ²·‖x‖² = ‖v‖² − Σ ĉ²·(s + 2λ)/(n·(s + λ)²),   ĉ = C·Eᵀ
  func squaredResiduals(at lambda: Double) -> [Double] {
    let gap = coordinates.context.lambda - lambda
    let n = Double(coordinates.context.exampleCount)
    let weights = coordinates.eigenvalues.map {
      ($0 + 2 * lambda) / (n * ($0 + lambda) * ($0 + lambda))
    }
    return coordinates.weightedSquares(weights).enumerated().map { query, covered in
      let factor = gap / lambda
      return factor * factor * max(0, squaredQueryNorms[query] - covered)
    }
  }
}

/// One block on the query side.
private struct ExactSweptOnQueries<Element: Scalar>: SweptScores {
  let coordinates: SweptCoordinates
  let pass: GradientPass<Element>

  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) throws {
    // X is multiplied in the precision of products, as is everything that meets G.
    guard lambdas.allSatisfy({ Element($0).isNormal && (1 / Element($0)).isNormal }) else {
      throw InfluenceError.outOfRange(block: coordinates.context.name)
    }
    let stack = Matrix(
      product: coordinates.filtered(at: lambdas[...]).view, coordinates.vectors)
    try pass.addProducts(Matrix<Element>(converting: stack).view, to: &total)
  }

  /// (F + λ₀I)x − v = (λ₀ − λ)x.
  func squaredResiduals(at lambda: Double) -> [Double] {
    let gap = coordinates.context.lambda - lambda
    return coordinates.weightedSquares(
      coordinates.eigenvalues.map { gap * gap / (($0 + lambda) * ($0 + lambda)) })
  }
}
