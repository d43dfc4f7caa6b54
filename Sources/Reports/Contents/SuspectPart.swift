package import InfluenceKit

/// The training examples whose labels are to be looked at first.
package struct SuspectPart: Sendable {
  /// How well an order finds the labels that are known to be wrong.
  package struct Detection: Sendable, Equatable {
    package var areaUnderROC: Double
    package var recallAt10: Double
    package var recallAt20: Double
  }

  /// One ranking.
  package struct Ranking: Sendable {
    /// The name that the command takes.
    package var name: String
    package var summary: String
    package var detection: Detection?
  }

  /// One example of the list.
  package struct Suspect: Sendable {
    package var row: Int
    /// The place by each ranking, 1 for the most suspect.
    package var places: [Double]
    /// The geometric mean of its places.
    package var meanPlace: Double
    /// In how many rankings it stands high.
    package var highCount: Int
    /// What most of its neighbours are labelled; nil where there are none.
    package var suggested: String?
  }

  /// n.
  package var count: Int
  package var rankings: [Ranking]
  /// What could not be ranked by, and the reason.
  package var leftOut: [(name: String, reason: String)]
  /// How well all together find wrong labels.
  package var together: Detection?
  /// The first of the list.
  package var suspects: [Suspect]
  /// The mean places along the list, thinned to what is drawn: places from 0, each with the mean place there.
  package var curve: [(place: Int, meanPlace: Double)]
  /// The places in the list, from 0, of the labels that are known to be wrong, as far as suspects are kept; nil where none
  /// are known.
  package var flippedPlaces: [Int]?
  /// How many labels are known to be wrong.
  package var flippedCount: Int?
  /// How many are flagged at first: those that stand high in at least three fifths of the rankings.
  package var flagged: Int
  /// How many labels stand so high in all; 0 where none does, and the slider begins at 1 all the same.
  package var standing: Int
  /// How many places of a ranking are high.
  package var high: Int
  /// How many of the first `high` are high in three quarters of the rankings.
  package var agreed: Int

  /// The most suspects that a page holds.
  package static let most = 500
  private static let curvePoints = 300

  /// Makes the part of what was found.
  ///
  /// - Parameters:
  ///   - suspects: The rankings, and all of them together.
  ///   - labelName: The name of a class.
  ///   - flipped: Rows whose labels are known to be wrong.
  /// - Throws: `EvaluationError`.
  package init(
    of suspects: Suspects, labelName: (Int) -> String, flipped: Set<Int>?
  ) throws {
    let count = suspects.count
    let order = suspects.order
    // The top fifth of a ranking is high.
    let high = max(1, (count + 4) / 5)
    let highCounts = suspects.highCounts(amongFirst: high)
    let needed = (3 * suspects.rankings.count + 4) / 5
    self.count = count
    self.high = high
    standing = highCounts.count { $0 >= max(needed, 1) }
    flagged = min(Self.most, max(1, standing))
    agreed = suspects.agreement(amongFirst: high)
    let detected = try flipped.map { try suspects.detection(of: $0) }
    rankings = suspects.rankings.enumerated().map { index, ranked in
      Ranking(
        name: ranked.ranking.rawValue, summary: ranked.ranking.summary,
        detection: detected.map { Detection($0.rankings[index]) })
    }
    together = detected.map { Detection($0.together) }
    leftOut = suspects.leftOut.map { ($0.ranking.rawValue, $0.reason) }
    self.suspects = order.prefix(Self.most).map { row in
      Suspect(
        row: row, places: suspects.rankings.map { $0.places[row] },
        meanPlace: suspects.meanPlaces[row], highCount: highCounts[row],
        suggested: suspects.neighbours.map { labelName($0.suggested[row]) })
    }
    let last = min(count, Self.most) - 1
    let steps = min(Self.curvePoints, max(1, last))
    curve = (0...steps).map { step in
      let place = step * last / steps
      return (place, suspects.meanPlaces[order[place]])
    }
    flippedPlaces = flipped.map { flipped in
      order.prefix(Self.most).indices.filter { flipped.contains(order[$0]) }
    }
    flippedCount = flipped?.count
  }
}

extension SuspectPart.Detection {
  init(_ found: MethodComparison.MislabelDetection) {
    self.init(
      areaUnderROC: found.areaUnderROC, recallAt10: found.recallAt10,
      recallAt20: found.recallAt20)
  }
}
