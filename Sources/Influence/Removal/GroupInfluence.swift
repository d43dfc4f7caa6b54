public import Gradients
import LinearAlgebra

/// What removing a set of training examples together does to each query.
///
/// Removing the set U takes (1/n)·Σ_U gᵢ off the gradient, to which the parameters answer with
/// Δθ = (1/n)·(F_U + λI)⁻¹·Σ_U gᵢ, F_U = F − (1/n)·G_Uᵀ·G_U being the curvature without the set. By Woodbury,
/// with S_UU = G_U·M·G_Uᵀ (u × u) and S_qU = V·M·G_Uᵀ (m × u), M = (F + λI)⁻¹:
///
///     first order     (1/n)·S_qU·1
///     second order    (1/n)·S_qU·(I − S_UU/n)⁻¹·1
///     additive        (1/n)·Σᵢ S_qi/(1 − S_ii/n)        each example removed by itself
///     interaction     second order − additive           what they do together
///
/// summed over blocks, each with its own curvature. With M of `exact` it is the answer of the
/// damped Fisher model without the set, to the last digit; with another M the same formula.
/// Positive means that removing the set raises the query's loss. Koh, Ang, Teo and Liang, "On the Accuracy
/// of Influence Functions for Measuring Group Effects" (2019); Basu, You and Feizi, "On Second-Order Group
/// Influence Functions" (2020).
public struct GroupInfluence: Sendable {
  /// Σᵢ S_qi/n, m numbers.
  public var firstOrder: [Double]
  /// The effect of the whole set, to second order, m numbers.
  public var secondOrder: [Double]
  /// Each example by itself, with its own leverage, m numbers.
  public var additive: [Double]
  /// The largest eigenvalue of S_UU/n over the blocks: below 1, and the nearer the less to be trusted.
  public var leverage: Double
  /// What the user should know.
  public var warnings: [String]

  /// Second order less additive.
  public var interaction: [Double] { zip(secondOrder, additive).map { $0 - $1 } }
}

extension Curvature {
  /// The effect of removing a set of training examples.
  ///
  /// - Parameters:
  ///   - rows: The set U; each row once, and not all of them.
  ///   - queries: m rows of gradients.
  ///   - aggregation: One number per query, or one for their mean.
  ///   - progress: Called as stages are done.
  /// - Returns: One ``GroupInfluence`` per estimator, in the order of ``estimators``.
  /// - Throws: ``InfluenceError/invalidGroup(reason:)``; ``InfluenceError/groupTooInfluential(method:block:leverage:)``
  ///   where the set carries a direction of a block alone; or an error from reading a store.
  /// - Complexity: that of scoring m + u queries, and u³/3 operations per block.
  public func groupInfluence(
    ofRemoving rows: [Int], on queries: GradientStore, aggregation: Aggregation = .none,
    progress: ProgressHandler? = nil
  ) throws -> [GroupInfluence] {
    let room = options.memoryBudget - (supply.keepsBlocks ? BlockNeeds.total(supply.needs) : 0)
    let each = ExampleMemory.bytesPerQuery(methods: estimators.count, blocks: contexts.count)
    return try groupInfluence(
      ofRemoving: rows, on: queries, aggregation, atATime: max(1, room / each / training.count),
      progress: progress)
  }

  /// The same with so many queries or members of the set scored at a time.
  func groupInfluence(
    ofRemoving rows: [Int], on queries: GradientStore, _ aggregation: Aggregation, atATime: Int,
    progress: ProgressHandler?
  ) throws -> [GroupInfluence] {
    guard !rows.isEmpty, Set(rows).count == rows.count,
      rows.allSatisfy({ (0..<training.count).contains($0) })
    else {
      throw InfluenceError.invalidGroup(
        reason:
          "rows must be different numbers from 0 to \(training.count - 1), at least one of them")
    }
    guard rows.count < training.count else {
      throw InfluenceError.invalidGroup(reason: "it is the whole training set")
    }
    for estimator in estimators where estimator.normalization != .none {
      throw InfluenceError.invalidGroup(
        reason: estimator.normalization == .leverage
          ? "the scores of \(estimator.name) have each example's own leverage in them already; take the method that they are made from, whose additive effect is their sum"
          : "the scores of \(estimator.name) are divided by norms and do not add up")
    }
    let members = try training.gathering(rows, name: "group")
    let queryParts = try blockScores(
      of: queries, aggregation: aggregation, columns: rows, atATime: atATime, progress: progress)
    let ownParts = try blockScores(
      of: members, aggregation: .none, columns: rows, atATime: atATime, progress: progress)
    return try estimators.indices.map {
      try group(queryParts[$0], ownParts[$0], estimators[$0].name)
    }
  }

  private func group(
    _ queryParts: [(block: String, scores: Matrix<Double>)],
    _ ownParts: [(block: String, scores: Matrix<Double>)], _ method: String
  ) throws -> GroupInfluence {
    let (n, m) = (Double(training.count), queryParts.first?.scores.rows ?? 0)
    var result = GroupInfluence(
      firstOrder: Array(repeating: 0, count: m), secondOrder: Array(repeating: 0, count: m),
      additive: Array(repeating: 0, count: m), leverage: 0, warnings: warnings)
    for ((block, scores), (_, own)) in zip(queryParts, ownParts) {
      // I − S_UU/n, symmetric but for rounding.
      var system = Matrix<Double>.identity(own.rows)
      for row in 0..<own.rows {
        for column in 0..<own.rows {
          system[row, column] -= (own[row, column] + own[column, row]) / (2 * n)
        }
      }
      let weights: [Double]
      do throws(FactorizationError) {
        let least = try SymmetricEigendecomposition(decomposing: system).values[0]
        result.leverage = max(result.leverage, 1 - least)
        var ones = Matrix<Double>(repeating: 1, rows: 1, columns: own.rows)
        try Cholesky(factoring: system).solve(rows: &ones)
        weights = ones.elements
      } catch {
        throw InfluenceError.groupTooInfluential(
          method: method, block: block, leverage: result.leverage)
      }
      for query in 0..<m {
        for (place, score) in scores[row: query].enumerated() {
          result.firstOrder[query] += score / n
          result.secondOrder[query] += score * weights[place] / n
          result.additive[query] += score / n / (1 - own[place, place] / n)
        }
      }
    }
    return result
  }

  /// Some columns of the scores of each block that is not dead, for every estimator.
  private func blockScores(
    of queries: GradientStore, aggregation: Aggregation, columns: [Int], atATime: Int,
    progress: ProgressHandler?
  ) throws -> [[(block: String, scores: Matrix<Double>)]] {
    let rowCount = aggregation == .mean ? 1 : queries.count
    let names = contexts.filter { !$0.isDead }.map(\.name)
    var parts = estimators.map { _ in
      names.map { (block: $0, scores: Matrix<Double>.zeros(rowCount, columns.count)) }
    }
    // The mean is one row, whatever the number of queries.
    let step = aggregation == .mean ? queries.count : min(queries.count, atATime)
    for first in stride(from: 0, to: queries.count, by: max(1, step)) {
      let rows = first..<min(queries.count, first + step)
      var place = 0
      _ = try scores(
        of: rows.count == queries.count ? queries : queries[rows: rows], aggregation: aggregation,
        progress: progress,
        eachBlock: { _, matrices in
          for (estimator, whole) in matrices.enumerated() {
            for row in 0..<whole.rows {
              for (index, column) in columns.enumerated() {
                parts[estimator][place].scores[first + row, index] = whole[row, column]
              }
            }
          }
          place += 1
        })
    }
    return parts
  }
}
