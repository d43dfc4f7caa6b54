import Gradients
import LinearAlgebra

/// One block of a sweep: what all dampings share, from which each damping's scores are made.
///
/// With s and E the eigenvalues of F and the eigenvectors of K or F (as rows), and f = 1/(s + λ):
///
///     S = (C·Eᵀ)·diag(f)·E             score side, n × n
///     X = (V·Eᵀ)·diag(f)·E,  S = X·Gᵀ  query side, d × d
///
/// DataInf keeps C and K and is fitted again at each damping.
struct SweptBlock<Element: Scalar>: Sendable {
  private enum Form: Sendable {
    case exactOnScores(coordinates: Matrix<Double>, vectors: Matrix<Double>)
    case exactOnQueries(coordinates: Matrix<Double>, vectors: Matrix<Double>)
    case dataInf(cross: CrossProducts, kernel: Matrix<Double>)
  }

  /// The block under the default damping.
  let context: BlockContext
  /// s, ascending; none below zero.
  let eigenvalues: [Double]
  /// ‖v‖² of each query.
  let squaredQueryNorms: [Double]
  private let pass: GradientPass<Element>
  private let form: Form

  /// Dampings share a product until it has this many rows: few rows do not keep the cores busy.
  private static var stackedRows: Int { 256 }

  /// Decomposes a block's K or F, and takes the queries into its eigenbasis.
  ///
  /// - Complexity: n²d + 9n³ + 2mnd + 2mn² operations on the score side, nd² + 9d³ + 2md² on the
  ///   query side.
  init(
    _ context: BlockContext, _ side: Side, method: DampingSweep.Method,
    queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws {
    self.context = context
    self.pass = pass
    squaredQueryNorms = queries.squaredRowNorms()
    let matrix = side == .score ? try pass.kernel() : try pass.fisher()
    let gram = try BlockGram(context: context, side: side, matrix: matrix)
    let eigen: SymmetricEigendecomposition<Double>
    do throws(FactorizationError) {
      eigen = try gram.eigendecomposition()
      eigenvalues = try gram.fisherEigenvalues()
    } catch {
      throw InfluenceError.factorization(block: context.name, method: method.rawValue, error)
    }
    switch (method, side) {
    case (.dataInf, _):
      form = .dataInf(
        cross: CrossProducts(
          try pass.products(queries), squaredQueryNorms: squaredQueryNorms), kernel: matrix)
    case (.exact, .score):
      let cross = Matrix<Double>(converting: try pass.products(queries))
      form = .exactOnScores(
        coordinates: Matrix(product: cross.view, eigen.vectors.transposed), vectors: eigen.vectors)
    case (.exact, .query):
      let rows = Matrix<Double>(converting: queries)
      form = .exactOnQueries(
        coordinates: Matrix(product: rows.view, eigen.vectors.transposed), vectors: eigen.vectors)
    }
  }

  /// Adds the block's scores at every damping: row `i · m + q` is query q at `lambdas[i]`.
  ///
  /// - Complexity: 2Lmn² operations on the score side; 2Lmd² + 2Lmnd and one pass on the query side.
  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) throws {
    switch form {
    case .exactOnScores(let coordinates, let vectors):
      let group = max(1, Self.stackedRows / max(1, coordinates.rows))
      for first in stride(from: 0, to: lambdas.count, by: group) {
        let part = lambdas[first..<min(lambdas.count, first + group)]
        total.add(
          product: filtered(coordinates, at: part).view, vectors.view,
          firstRow: first * coordinates.rows)
      }
    case .exactOnQueries(let coordinates, let vectors):
      // X is multiplied in the precision of products, as is everything that meets G.
      guard lambdas.allSatisfy({ Element($0).isNormal && (1 / Element($0)).isNormal }) else {
        throw InfluenceError.outOfRange(block: context.name)
      }
      let stack = Matrix(product: filtered(coordinates, at: lambdas[...]).view, vectors.view)
      try pass.addProducts(Matrix<Element>(converting: stack).view, to: &total)
    case .dataInf(let cross, _):
      for (index, lambda) in lambdas.enumerated() {
        let scores = try dataInf(at: lambda).scores
        for row in 0..<scores.rows {
          let target = index * cross.queryCount + row
          total[row: target] = zip(total[row: target], scores[row: row]).map { $0 + $1 }[...]
        }
      }
    }
    guard total.elements.allSatisfy(\.isFinite) else {
      throw InfluenceError.outOfRange(block: context.name)
    }
  }

  /// The squares of ‖(F + λ₀I)x − v‖ for the answers x at a damping λ, one a query.
  ///
  /// For exact, (F + λ₀I)x − v = (λ₀ − λ)x; the part of v outside the range of G, which the
  /// coordinates on the score side do not show, comes from ‖v‖²:
  ///
  ///     λ²·‖x‖² = ‖v‖² − Σ ĉ²·(s + 2λ)/(n·(s + λ)²),   ĉ = C·Eᵀ
  func squaredResiduals(at lambda: Double) throws -> [Double] {
    let gap = context.lambda - lambda
    switch form {
    case .exactOnScores(let coordinates, _):
      let n = Double(context.exampleCount)
      let weights = eigenvalues.map { ($0 + 2 * lambda) / (n * ($0 + lambda) * ($0 + lambda)) }
      return Self.weightedSquares(coordinates, weights).enumerated().map { query, covered in
        let factor = gap / lambda
        return factor * factor * max(0, squaredQueryNorms[query] - covered)
      }
    case .exactOnQueries(let coordinates, _):
      return Self.weightedSquares(
        coordinates, eigenvalues.map { gap * gap / (($0 + lambda) * ($0 + lambda)) })
    case .dataInf(let cross, let kernel):
      return Certificate.residualNorms(
        of: try dataInf(at: lambda), cross: cross, kernel: kernel.view, context: context
      ).map { $0 * $0 }
    }
  }

  /// Σ s/(s + λ).
  func effectiveDimension(at lambda: Double) -> Double {
    eigenvalues.reduce(0) { $0 + $1 / ($1 + lambda) }
  }

  /// (s_max + λ)/λ.
  func conditionNumber(at lambda: Double) -> Double { ((eigenvalues.last ?? 0) + lambda) / lambda }

  /// κ·√(tr(F)/s_max).
  func roundingAmplification(at lambda: Double) -> Double {
    let largest = eigenvalues.last ?? 0
    let stableRank = largest > 0 ? eigenvalues.reduce(0, +) / largest : 1
    return conditionNumber(at: lambda) * stableRank.squareRoot()
  }

  private func dataInf(at lambda: Double) throws -> SpanSolution {
    guard case .dataInf(let cross, let kernel) = form else {
      preconditionFailure("block \(context.name) was not prepared for DataInf")
    }
    let gram = try BlockGram(context: context.damped(by: lambda), side: .score, matrix: kernel)
    return try DataInf().scoreSide(gram, precision: Element.self).solve(cross)
  }

  /// The coordinates times 1/(s + λ), those of one damping under those of the one before.
  private func filtered(_ coordinates: Matrix<Double>, at lambdas: ArraySlice<Double>)
    -> Matrix<Double>
  {
    var elements: [Double] = []
    elements.reserveCapacity(lambdas.count * coordinates.elements.count)
    for lambda in lambdas {
      var part = coordinates
      part.scaleColumns(by: eigenvalues.map { 1 / ($0 + lambda) })
      elements += part.elements
    }
    return Matrix(
      rows: lambdas.count * coordinates.rows, columns: coordinates.columns, elements: elements)
  }

  /// Σⱼ wⱼ·xⱼ² of each row.
  private static func weightedSquares(_ rows: Matrix<Double>, _ weights: [Double]) -> [Double] {
    (0..<rows.rows).map { row in
      zip(rows[row: row], weights).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
    }
  }
}
