import Gradients
import LinearAlgebra
import Synchronization

/// What scores are divided by, per estimator and training example; computed when it is first asked for.
final class Normalizers: Sendable {
  /// Of an estimator, and of one block where each has its own.
  private struct Key: Hashable {
    let estimator: Int
    let block: Int?
  }

  private let known = Mutex<[Key: [Double]]>([:])

  func norms(
    ofEstimator index: Int, block: Int? = nil, _ compute: () throws -> [Double]
  ) rethrows -> [Double] {
    let key = Key(estimator: index, block: block)
    if let norms = known.withLock({ $0[key] }) { return norms }
    let norms = try compute()
    known.withLock { $0[key] = norms }
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
      case .none, .leverage: return [Double](repeating: 1, count: training.count)
      case .exampleWeights:
        return try estimators[index].exampleWeights(on: training).map { 1 / $0 }
      case .gradientNorms:
        squares = GradientNorms(contexts.map(\.squaredNorms)).totals
      case .selfInfluence, .bothSelfInfluences:
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
  ///   - ownProducts: vᵀ·M·v per query, summed over the blocks, where the method divides by it.
  ///   - precision: The precision of products.
  func scoreFactors<Element: Scalar>(
    ofEstimator index: Int, queries: GradientStore, aggregation: Aggregation,
    liveNorms: Matrix<Double>, ownProducts: [Double], precision: Element.Type
  ) throws -> ScoreFactors? {
    let normalization = estimators[index].normalization
    guard normalization != .none, normalization != .leverage else { return nil }
    var factors = ScoreFactors(
      columns: try normalizer(ofEstimator: index).map { $0 > 0 ? 1 / $0 : 0 })
    guard normalization.dividesQueries else { return factors }
    guard normalization != .bothSelfInfluences else {
      factors.rows = try Self.inverseRoots(
        ofOwnProducts: ownProducts, norms: liveNorms, method: estimators[index].name)
      return factors
    }
    factors.rows = try queryFactors(
      of: queries, aggregation: aggregation, liveNorms: liveNorms, precision: Element.self)
    return factors
  }

  /// 1/√(vᵀ·M·v) of each query; zero where it has no gradient in a block that is not dead.
  ///
  /// - Throws: ``InfluenceError/notNormalizable(method:rows:reason:)`` where vᵀ·M·v is not positive.
  private static func inverseRoots(
    ofOwnProducts products: [Double], norms: Matrix<Double>, method: String
  ) throws(InfluenceError) -> [Double] {
    let bad = products.indices.filter { query in
      !(products[query] > 0) && norms[row: query].contains { $0 > 0 }
    }
    guard bad.isEmpty else {
      throw .notNormalizable(
        method: method, rows: bad,
        reason: "of the queries, vᵀMv is not positive, so it has no root; raise the damping")
    }
    return products.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
  }

  /// Divides the answers of methods that leave each example out, in one block.
  ///
  /// - Parameters:
  ///   - answers: All estimators' answers.
  ///   - block: The block.
  ///   - pass: Products with the block's training gradients.
  ///   - memory: Bytes that self-influence may take.
  func divideByLeverages<Element: Scalar>(
    _ answers: inout [FittedBlock.Answer], in block: FittedBlock, pass: GradientPass<Element>,
    memory: Int
  ) throws {
    for index in answers.indices where estimators[index].normalization == .leverage {
      let left = try normalizers.norms(ofEstimator: index, block: block.context.index) {
        let own = try block.exampleValues(
          .selfInfluence, ofEstimator: index, pass: pass, memory: memory)
        return try Self.leftOut(
          own(0..<training.count).values, method: estimators[index].name,
          block: block.context.name)
      }
      answers[index].scores.scaleColumns(by: left.map { 1 / $0 })
    }
  }

  /// 1 − gᵢᵀ·M·gᵢ/n of the n training examples in one block, of their self-influence there.
  ///
  /// - Throws: ``InfluenceError/notNormalizable(method:rows:reason:)`` where that is not positive.
  static func leftOut(
    _ selfInfluence: [Double], method: String, block: String
  ) throws(InfluenceError) -> [Double] {
    let left = selfInfluence.map { 1 - $0 / Double(selfInfluence.count) }
    let bad = left.indices.filter { !(left[$0] > 0) }
    guard bad.isEmpty else {
      throw .notNormalizable(
        method: method, rows: bad,
        reason:
          "in block \(block) the leverage gᵀMg/n is 1 or more, so that nothing is left to divide by; raise the damping, or take M of \(ExactFisher.name), whose leverages stay below 1"
      )
    }
    return left
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
