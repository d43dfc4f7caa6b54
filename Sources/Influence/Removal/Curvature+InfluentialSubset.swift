public import Gradients

extension Curvature {
  /// The set of training examples whose removal together changes a query's loss the most, as far as a search
  /// finds it.
  ///
  /// The effect of a set is its second-order effect ``GroupInfluence/secondOrder``. `greedy` takes the largest
  /// first-order effects S_qj/n; `leverageAdjusted` Σ_blocks S_qj/n/(1 − S_jj/n); `adaptive` takes the example that
  /// adds most to the set it has, exactly, and needs for that one column of G·M·Gᵀ a removed example.
  ///
  /// - Parameters:
  ///   - size: k, from 1 to n − 1.
  ///   - queries: Gradients of queries.
  ///   - query: The row of the query that is watched; 0 for their mean.
  ///   - aggregation: Whether their mean is watched.
  ///   - algorithm: Any but `exhaustive`.
  ///   - step: How many examples `adaptive` takes a round.
  ///   - direction: `raise` finds the set that helped the query, `lower` the one that harmed it.
  ///   - estimator: Which of ``estimators``.
  ///   - progress: Called as stages are done.
  /// - Throws: ``InfluenceError/invalidGroup(reason:)``; ``InfluenceError/groupTooInfluential(method:block:leverage:)``
  ///   where the set carries a direction of a block alone; or an error from reading a store.
  /// - Complexity: scoring the query and the self-influence; `adaptive` also scoring up to k examples in few passes, and
  ///   O(nk) a block and round.
  public func influentialSubset(
    size: Int, on queries: GradientStore, query: Int = 0, aggregation: Aggregation = .none,
    algorithm: RemovalAlgorithm = .adaptive, step: Int = 1, direction: RemovalDirection = .raise,
    estimator: Int = 0, progress: ProgressHandler? = nil
  ) throws -> InfluentialSubset {
    let method = estimators[estimator]
    guard method.normalization == .none else {
      throw InfluenceError.invalidGroup(
        reason: "the scores of \(method.name) are divided by norms and do not add up")
    }
    guard algorithm != .exhaustive else {
      throw InfluenceError.invalidGroup(
        reason: "an exhaustive search is for regressions on small tables; use adaptive")
    }
    guard size >= 1, size < training.count else {
      throw InfluenceError.invalidGroup(
        reason:
          "a size of \(size) is not from 1 to \(training.count - 1), one less than there are examples"
      )
    }
    guard query >= 0, query < (aggregation == .mean ? 1 : queries.count) else {
      throw InfluenceError.invalidGroup(
        reason:
          "query \(query) is not there: \(queries.name) has \(queries.count) rows, counted from 0")
    }
    let one = aggregation == .mean ? queries : queries[rows: query..<query + 1]
    let model = try Removal(
      self, estimator: estimator, queries: one, aggregation: aggregation, query: 0, sizeHint: size,
      direction: direction, usesLeverages: algorithm != .greedy, progress: progress)
    return try RemovalSearch.run(
      model, size: size, algorithm: algorithm, step: step, direction: direction,
      progress: progress.map { handler in { handler("searching", $0) } })
  }
}
