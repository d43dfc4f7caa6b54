extension SymmetricEigendecomposition<Double> {
  /// Refuses a symmetric matrix that is singular but for rounding, by its eigenvalues: the last pivot of a
  /// factorization need not show it.
  ///
  /// An eigenvalue counts as zero where its magnitude is at most n·ε of the largest, n being the order.
  ///
  /// - Throws: ``FactorizationError/rankDeficient(rank:order:condition:)``.
  package func requireFullRank() throws(FactorizationError) {
    let sizes = values.map(\.magnitude)
    guard let largest = sizes.max(), let smallest = sizes.min() else { return }
    let rank = sizes.count { $0 > Double(sizes.count) * .ulpOfOne * largest }
    guard rank < sizes.count else { return }
    throw .rankDeficient(rank: rank, order: sizes.count, condition: largest / smallest)
  }
}
