import LinearAlgebra

extension Scores {
  /// Warns where a method that aims at the exact scores is not certified to have come as near as it meant.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - needs: The blocks.
  ///   - place: The method's place among those that were fitted.
  ///   - first: The place of the first query among all.
  ///   - isWarned: Whether a residual above the tolerance has been told already.
  mutating func warnAboutAccuracy(
    of estimator: any Estimator, in needs: [BlockNeeds], place: Int, countedFrom first: Int,
    isWarned: Bool
  ) {
    guard let certificate else { return }
    let queries = certificate.errorBounds().enumerated().map { query, bound in
      (bound: bound, largest: values[row: query].reduce(0) { max($0, abs($1)) })
    }
    if let warning = Accuracy.warning(
      of: estimator, in: needs, place: place, queries, countedFrom: first, isWarned: isWarned)
    {
      warnings.append(warning)
    }
  }
}

/// Whether bounds are as small as a method means them to be.
enum Accuracy {
  /// What to say where they are not: within the method's accuracy, or, where it goes by the residual, within a tenth of
  /// a query's largest score; nil where they are.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - needs: The blocks.
  ///   - place: The method's place among those that were fitted.
  ///   - queries: The most that any score of each query is off, and its largest score.
  ///   - first: The place of the first query among all.
  ///   - isWarned: Whether a residual above the tolerance has been told already.
  static func warning(
    of estimator: any Estimator, in needs: [BlockNeeds], place: Int,
    _ queries: [(bound: Double, largest: Double)], countedFrom first: Int, isWarned: Bool
  ) -> String? {
    let shares = needs.filter { !$0.isDead }.compactMap { block -> Double? in
      switch block.aim(of: place) {
      case .scores(let share): share
      // A small residual is not always a small error: where F + λI is nearly singular it says little.
      case .residual: isWarned ? nil : 0.1
      case nil: nil
      }
    }
    guard let share = shares.first else { return nil }
    let short = queries.enumerated().filter { !($0.element.bound <= share * $0.element.largest) }
    let worst = short.max {
      $0.element.bound * $1.element.largest < $1.element.bound * $0.element.largest
    }
    guard let worst else { return nil }
    return
      "\(estimator.name): the scores of \(short.count) of \(queries.count) queries are not certain to \(share) of their largest; row \(first + worst.offset) is within ±\(worst.element.bound) where its largest score is \(worst.element.largest): raise the damping, ask for more accuracy, or use double precision"
  }
}
