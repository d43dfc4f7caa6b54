public import Influence
import LinearAlgebra

/// How much the rankings of a sweep depend on the damping, and the damping at which they do least.
///
/// Each damping's scores are compared with the default's and with its neighbours' on the grid. The
/// recommendation maximises **stability, not truth**: it does not know what retraining would say. Its
/// rule, whose reasons and limits are in docs/methods.md:
///
/// 1. Candidates are the dampings with a neighbour on either side, whose worst condition number κ the
///    precision can bear: κ · ε · √r < 10⁻², with r = tr(F)/s_max the block's stable rank.
/// 2. Of them, the one with the greatest mean of Spearman's correlation with both neighbours; of equal
///    ones the nearest to the default in the logarithm, then the lower.
/// 3. Where it is the first or last candidate, stability may grow further beyond: that is said, and is
///    no plateau.
public struct DampingStability: Sendable {
  /// The measures of one damping.
  public struct Entry: Sendable {
    /// The mean over queries of Spearman's correlation with the default's scores; nil where no query
    /// has one.
    public let spearmanToDefault: Double?
    /// The share of the ten highest scores in common with the default's, mean over queries.
    public let topOverlapWithDefault: Double?
    /// Spearman's correlation with the neighbours on the grid: the mean of both, or the one that an
    /// end of the grid has; nil off the grid.
    public let neighbourSpearman: Double?
    /// The share of the ten highest scores in common with the neighbours', in the same way.
    public let neighbourTopOverlap: Double?
    /// The number κ · ε · √r, by how much rounding can move the scores relative to their size.
    public let roundingShare: Double

    /// Whether the precision can bear the condition number.
    public var isBearable: Bool { roundingShare < DampingStability.largestRoundingShare }
  }

  /// A damping, and the reason to take it.
  public struct Recommendation: Sendable {
    /// Its index in the sweep's points.
    public let index: Int
    /// Whether stability falls on both sides; otherwise it may be greater beyond the candidates.
    public let isPlateau: Bool
  }

  /// One entry per point of the sweep.
  public let entries: [Entry]
  /// The most stable damping; nil where the grid has no candidate.
  public let recommendation: Recommendation?
  /// The reason for the recommendation, or for having none, in words for the user.
  public let reason: String

  /// The number of examples that count as the top.
  public static let topCount = 10
  /// The most that κ · ε · √r may be.
  public static let largestRoundingShare = 1e-2

  /// Measures a sweep.
  ///
  /// - Throws: ``EvaluationError``: `tooFewValues` below two training examples.
  /// - Complexity: O(L m n log n).
  public init(of sweep: DampingSweep) throws {
    let points = sweep.points
    let grid = points.indices.filter { points[$0].isOnGrid }
    let fraction = Double(min(Self.topCount, sweep.exampleCount)) / Double(sweep.exampleCount)
    let pairs =
      points.indices.map { (sweep.defaultIndex, $0) } + zip(grid, grid.dropFirst()).map { ($0, $1) }
    let agreements = try Parallelism.map(pairs.count) { place in
      try ScoreAgreement(
        of: sweep.scores(at: pairs[place].0), with: sweep.scores(at: pairs[place].1),
        topFraction: fraction)
    }
    let steps = agreements[points.count...]
    let unit =
      sweep.precision == .single ? Double(Float.ulpOfOne) : Double.ulpOfOne
    let entries = points.indices.map { index in
      // The grid's steps: one from below, unless it is the first, and one to above.
      let place = grid.firstIndex(of: index)
      let beside = place.map { place in
        [place - 1, place].filter { $0 >= 0 && $0 < steps.count }
          .map { steps[steps.startIndex + $0] }
      }
      return Entry(
        spearmanToDefault: agreements[index].meanSpearman,
        topOverlapWithDefault: agreements[index].meanTopOverlap,
        neighbourSpearman: Self.mean(beside?.map(\.meanSpearman)),
        neighbourTopOverlap: Self.mean(beside?.map(\.meanTopOverlap)),
        roundingShare: points[index].roundingAmplification * unit)
    }
    self.entries = entries
    let choice = Self.choose(
      among: grid.map { index in
        let entry = entries[index]
        return (entry.isBearable ? entry.neighbourSpearman : nil)
      }, default: grid.firstIndex(of: sweep.defaultIndex))
    recommendation = choice.map { place, isPlateau in
      Recommendation(index: grid[place], isPlateau: isPlateau)
    }
    reason = Self.reason(recommendation, grid, entries)
  }

  /// The mean of numbers that are all there; nil otherwise.
  private static func mean(_ values: [Double?]?) -> Double? {
    let given = (values ?? []).compactMap { $0 }
    guard let values, !given.isEmpty, given.count == values.count else { return nil }
    return given.reduce(0, +) / Double(given.count)
  }

  /// The place of the most stable damping on a grid.
  ///
  /// - Parameters:
  ///   - stability: The agreement with neighbours of each, ascending in λ; nil where it may not be
  ///     taken.
  ///   - standard: The default's place, or nil if it is off the grid; then ties go to the lower.
  package static func choose(
    among stability: [Double?], default standard: Int?
  ) -> (place: Int, isPlateau: Bool)? {
    let candidates = stability.indices.dropFirst().dropLast().filter { stability[$0] != nil }
    func isBetter(_ place: Int, than other: Int) -> Bool {
      let (a, b) = (stability[place] ?? -.infinity, stability[other] ?? -.infinity)
      guard a == b, let standard else { return a > b }
      return abs(place - standard) < abs(other - standard)
    }
    guard var best = candidates.first else { return nil }
    for place in candidates.dropFirst() where isBetter(place, than: best) { best = place }
    return (best, best != candidates.first && best != candidates.last)
  }

  private static func reason(
    _ recommendation: Recommendation?, _ grid: [Int], _ entries: [Entry]
  ) -> String {
    guard let recommendation else {
      if grid.count < 3 {
        return "none: a plateau takes three dampings or more; take a longer grid"
      }
      return grid.dropFirst().dropLast().allSatisfy({ !entries[$0].isBearable })
        ? "none: no damping inside the grid has a condition number that the precision can bear; take larger dampings, or double precision"
        : "none: no query's scores can be ranked at the dampings inside the grid"
    }
    let best =
      "its rankings agree most with its neighbours' among the dampings inside the grid that the precision can bear"
    return recommendation.isPlateau
      ? "\(best), less so on either side; this is stability, not truth"
      : "\(best), but it is the outermost of them, so this is no plateau: stability may grow further beyond; widen the grid, or where precision ends it use double. This is stability, not truth"
  }
}
