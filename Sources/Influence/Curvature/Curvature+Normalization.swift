import Gradients
import LinearAlgebra
import Synchronization

/// What scores are divided by, per estimator and training example; computed when it is first asked for.
final class Normalizers: Sendable {
  private let known = Mutex<[Int: [Double]]>([:])

  func norms(ofEstimator index: Int, _ compute: () throws -> [Double]) rethrows -> [Double] {
    if let norms = known.withLock({ $0[index] }) { return norms }
    let norms = try compute()
    known.withLock { $0[index] = norms }
    return norms
  }
}

extension Curvature {
  /// What the scores of the n training examples are divided by; zero where an example has no gradient.
  ///
  /// - Parameters:
  ///   - index: The estimator.
  ///   - known: gᵢᵀ·M·gᵢ, if it has been computed.
  /// - Returns: Without what queries are divided by.
  func normalizer(ofEstimator index: Int, known: [Double]? = nil) throws -> [Double] {
    try normalizers.norms(ofEstimator: index) {
      let range = index..<index + 1
      let squares: [Double]
      switch estimators[index].normalization {
      case .none: return [Double](repeating: 1, count: training.count)
      case .exampleWeights:
        return try estimators[index].exampleWeights(on: training).map { 1 / $0 }
      case .gradientNorms:
        squares = GradientNorms(contexts.map(\.squaredNorms)).totals
      case .selfInfluence:
        squares = try known ?? exampleQuantities(.selfInfluence, of: range)[0].values
      case .parameterChange, .queryNormAndChange:
        // An update without a gradient would be the momentum's alone; such examples keep their zeros.
        squares = try exampleQuantities(.squaredChange, of: range)[0].values.enumerated().map {
          row, square in
          contexts.contains { $0.squaredNorms[row] > 0 } ? square : 0
        }
      }
      let bad = squares.indices.filter { row in
        squares[row] <= 0 && contexts.contains { $0.squaredNorms[row] > 0 }
      }
      guard bad.isEmpty else {
        throw InfluenceError.notNormalizable(
          method: estimators[index].name, rows: bad,
          reason:
            "self-influence is not positive, so it has no root; the curvature is indefinite there: raise the damping"
        )
      }
      return squares.map { $0.squareRoot() }
    }
  }

  /// What an estimator's scores are multiplied by once they are summed over the blocks; nil for nothing.
  ///
  /// Examples and queries without a gradient have the factor zero, and keep their zeros.
  ///
  /// - Parameters:
  ///   - index: The estimator.
  ///   - queries: The queries.
  ///   - aggregation: How they were combined.
  ///   - liveNorms: ‖v‖ per query and block that is not dead.
  ///   - precision: The precision of products.
  func scoreFactors<Element: Scalar>(
    ofEstimator index: Int, queries: GradientStore, aggregation: Aggregation,
    liveNorms: Matrix<Double>, precision: Element.Type
  ) throws -> ScoreFactors? {
    let normalization = estimators[index].normalization
    guard normalization != .none else { return nil }
    var factors = ScoreFactors(
      columns: try normalizer(ofEstimator: index).map { $0 > 0 ? 1 / $0 : 0 })
    guard normalization.dividesQueries else { return factors }
    factors.rows = try queryFactors(
      of: queries, aggregation: aggregation, liveNorms: liveNorms, precision: Element.self)
    return factors
  }

  /// 1/‖v‖ of each query over all blocks; zero where it has no gradient.
  func queryFactors<Element: Scalar>(
    of queries: GradientStore, aggregation: Aggregation, liveNorms: Matrix<Double>,
    precision: Element.Type
  ) throws -> [Double] {
    var squares = liveNorms.view.squaredRowNorms()
    // A query's gradient is divided by the whole of its norm, also where training gradients are zero.
    for context in contexts where context.isDead {
      let place = queries.layout.blocks.firstIndex { $0.name == context.name }
      guard let place else { continue }
      let rows = try Self.rows(
        of: queries, block: place, aggregation: aggregation, precision: Element.self)
      for (row, square) in rows.squaredRowNorms().enumerated() { squares[row] += square }
    }
    return squares.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
  }

  /// ‖g‖ of some training examples over all blocks.
  func exampleLengths(of rows: Range<Int>) -> [Double] {
    GradientNorms(contexts.map { SquaredNorms($0.squaredNorms[rows: rows]) }).totals.map {
      $0.squareRoot()
    }
  }
}
