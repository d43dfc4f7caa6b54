import LinearAlgebra

extension Scores {
  /// Warns where a method that aims at the exact scores is not certified to have come as near as it meant: within
  /// its accuracy, or, where it goes by the residual, within a tenth of a query's largest score.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - needs: The blocks.
  ///   - place: The method's place among those that were fitted.
  ///   - isWarned: Whether a residual above the tolerance has been told already.
  mutating func warnAboutAccuracy(
    of estimator: any Estimator, in needs: [BlockNeeds], place: Int, isWarned: Bool
  ) {
    let shares = needs.filter { !$0.isDead }.compactMap { block -> Double? in
      switch block.aim(of: place) {
      case .scores(let share): share
      // A small residual is not always a small error: where F + λI is nearly singular it says little.
      case .residual: isWarned ? nil : 0.1
      case nil: nil
      }
    }
    guard let share = shares.first, let certificate else { return }
    let bounds = certificate.errorBounds()
    var short: [(query: Int, bound: Double, largest: Double)] = []
    for (query, bound) in bounds.enumerated() {
      let largest = values[row: query].reduce(0) { max($0, abs($1)) }
      if !(bound <= share * largest) { short.append((query, bound, largest)) }
    }
    guard let worst = short.max(by: { $0.bound * $1.largest < $1.bound * $0.largest }) else {
      return
    }
    warnings.append(
      "\(estimator.name): the scores of \(short.count) of \(bounds.count) queries are not certain to \(share) of their largest; row \(worst.query) is within ±\(worst.bound) where its largest score is \(worst.largest): raise the damping, ask for more accuracy, or use double precision"
    )
  }
}
