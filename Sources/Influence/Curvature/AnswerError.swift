import Gradients
import LinearAlgebra

/// What can be wrong with one method's scores of m queries in one block, one number per query.
///
/// For every training example i
///
///     |sᵢ − sᵢ*| ≤ min(residualNorm·bᵢ + rounding, direct)
///
/// where bᵢ is the factor of ``Certificate``; docs/methods.md derives the parts.
struct AnswerError: Sendable {
  /// At least ‖(F + λI)x − v‖.
  var residualNorms: [Double]
  /// At least what rounding adds, for each training example alike.
  var rounding: [Double]
  /// Another bound, for each training example alike; infinite where there is none.
  var direct: [Double]
  /// Whether residuals were measured by passes in double precision.
  var isMeasured = false

  /// Wraps norms and roundings, without a direct bound.
  init(residualNorms: [Double], rounding: [Double]) {
    self.residualNorms = residualNorms
    self.rounding = rounding
    direct = [Double](repeating: .infinity, count: residualNorms.count)
  }

  /// The same for means of queries, which are summed in double precision and rounded to that of products.
  ///
  /// - Parameters:
  ///   - norms: ‖v‖ per query.
  ///   - products: The precision of products.
  ///   - largestFactor: The largest bᵢ.
  mutating func widen(toMeansOf norms: [Double], _ products: Rounding, largestFactor: Double) {
    for (row, norm) in norms.enumerated() {
      let length = 2 * products.unit * norm
      residualNorms[row] += length
      direct[row] += length * largestFactor
    }
  }

  /// The bound for the example whose factor bᵢ is the largest.
  func bound(query: Int, largestFactor: Double) -> Double {
    min(residualNorms[query] * largestFactor + rounding[query], direct[query])
  }
}

/// What rounding can do to quantities of one block.
struct BlockRounding {
  let context: BlockContext
  /// The precision of K, F, C and of products with X.
  let products: Rounding

  /// √Σν, the Frobenius norm of G.
  var norm: Double { context.normSum.squareRoot() * (1 + 1e-12) }
  /// γ of C, K and G·x, whose sums run over the d columns, and of sums over n in double precision.
  var ofProducts: Double {
    products.gamma(context.width) + Rounding.double.gamma(context.exampleCount)
  }
  /// γ of F and of pull-backs, whose sums run over the n rows.
  var ofPullBacks: Double {
    products.gamma(context.exampleCount) + Rounding.double.gamma(context.width)
  }
  /// What an entry of C or K can lose to underflow.
  var underflow: Double { Double(context.width) * products.smallest }

  /// The 2-norm over the training examples of what rounding does to G·x, given ‖x‖ per query.
  func ofProducts(withRowsOf lengths: [Double]) -> [Double] {
    let root = Double(context.exampleCount).squareRoot()
    return lengths.map { $0 > 0 ? ofProducts * norm * $0 + root * underflow : 0 }
  }

  /// The length of what rounding in F does to F·x, given ‖x‖ per query: |δF| ≤ γ·|G|ᵀ|G|/n.
  func ofFisher(withRowsOf lengths: [Double]) -> [Double] {
    let trace = norm * norm / Double(context.exampleCount)
    return lengths.map {
      (ofPullBacks * trace + Double(context.width) * products.smallest) * $0
    }
  }

  /// The length of what rounding does to r = Gᵀs/n + λx − v, or to Fx + λx − v.
  ///
  /// - Parameter weights: Σⱼ √νⱼ·|sⱼ| per query; nil for a residual from F.
  func ofResiduals(weights: [Double]?, lengths: [Double], queryNorms: [Double]) -> [Double] {
    let (n, d) = (Double(context.exampleCount), Double(context.width))
    guard let weights else {
      let fisher = ofFisher(withRowsOf: lengths)
      return fisher.indices.map {
        fisher[$0] + 8 * Rounding.double.unit * (context.lambda * lengths[$0] + queryNorms[$0])
      }
    }
    return weights.indices.map {
      ofPullBacks * (weights[$0] / n + context.lambda * lengths[$0] + queryNorms[$0])
        + (weights[$0] > 0 ? d.squareRoot() * n * products.smallest : 0)
    }
  }

  /// Σⱼ √νⱼ·|aⱼ| for each row of a matrix with one column per training example.
  func weights(of rows: Matrix<Double>) -> [Double] {
    var weights = [Double](repeating: 0, count: rows.rows)
    context.addWeights(of: rows, from: 0, to: &weights)
    return weights
  }

  /// Σⱼ |aⱼ| for each row.
  func sums(of rows: Matrix<Double>) -> [Double] {
    (0..<rows.rows).map { row in rows[row: row].reduce(0) { $0 + abs($1) } }
  }

  /// The 2-norm over the training examples of what rounding does to K·a + β·c.
  ///
  /// An entry is off by at most γ·√νᵢ·(Σⱼ√νⱼ|aⱼ| + |β|·‖v‖).
  func ofScores(
    coefficients: Matrix<Double>?, beta: Double, queryNorms: [Double]
  ) -> [Double] {
    let weights = coefficients.map(weights) ?? queryNorms.map { _ in 0 }
    let sums = coefficients.map(sums) ?? weights
    let root = Double(context.exampleCount).squareRoot()
    return queryNorms.indices.map { row in
      ofProducts * norm * (weights[row] + abs(beta) * queryNorms[row])
        + root * underflow * (sums[row] + (queryNorms[row] > 0 ? abs(beta) : 0))
        // t = s/n + λa is rounded too.
        + 4 * Rounding.double.unit * Double(context.exampleCount) * context.lambda * sums[row]
    }
  }
}

extension BlockContext {
  /// Adds √νⱼ·|aⱼ| of some training examples to the sums of each row, in the examples' order.
  func addWeights(
    of rows: Matrix<Double>, from firstExample: Int, to weights: inout [Double]
  ) {
    let roots = squaredNorms[rows: firstExample..<firstExample + rows.columns].map {
      $0.squareRoot()
    }
    for row in 0..<rows.rows {
      weights[row] = zip(rows[row: row], roots).reduce(weights[row]) { $0 + abs($1.0) * $1.1 }
    }
  }
}
