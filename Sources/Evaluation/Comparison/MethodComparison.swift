public import Gradients
public import Influence
import LinearAlgebra

/// Several methods on the same gradients, each against the exact damped Fisher.
///
/// Every method is fitted and scored by itself, so that its times and memory are its own; then one
/// more fit of all together gives the certificates, from one kernel per block.
public struct MethodComparison: Sendable {
  /// The results of one method.
  public struct Entry: Sendable {
    /// The method as it was asked for, such as `lissa:depth=10`.
    public let specification: String
    /// Whether the damping plays a part.
    public let isDamped: Bool
    /// Seconds to fit: kernels and factorizations.
    public let fitSeconds: Double
    /// Seconds to score all queries once fitted.
    public let scoreSeconds: Double
    /// The most resident memory while fitting and scoring, in bytes; nil where the system does not say.
    public let peakMemory: Int?
    /// The scores, helpful-positive, with their certificate.
    public let scores: Scores
    /// Agreement with exact, query by query.
    public let agreement: ScoreAgreement
    /// Agreement with exact of the one row of scores that stands for all queries.
    public let meanQueryAgreement: ScoreAgreement
    /// How well low scores in the one row for all queries find the flipped labels; nil if none are known.
    public let detection: MislabelDetection?

    /// The median over queries of ‖(F + λI)x − v‖/‖v‖.
    public var medianResidual: Double? {
      scores.certificate.flatMap { Statistics.median($0.relativeResiduals) }
    }
  }

  /// How well a ranking finds training examples whose labels are known to be wrong.
  public struct MislabelDetection: Sendable {
    /// The chance that a wrong label ranks above a right one; 0.5 by chance.
    public let areaUnderROC: Double
    /// The share of wrong labels among the 10 % that rank highest.
    public let recallAt10: Double
    /// The share of wrong labels among the 20 % that rank highest.
    public let recallAt20: Double
  }

  /// The methods, in the order asked for, exact included.
  public let entries: [Entry]
  /// How far the methods are from each other, in the order of ``entries``.
  public let agreement: MethodAgreement
  /// How the rows of all queries become one.
  public let aggregation: ScoreAggregation
  /// Queries and blocks that supply most of the exact scores' mean, in sentences.
  public let dominance: [String]
  /// The rule of λ, the same for all methods.
  public let damping: Damping
  /// The damping of each block.
  public let contexts: [BlockContext]

  /// The method that the others are compared with.
  public static let reference = ExactFisher.name

  /// Compares methods.
  ///
  /// - Parameters:
  ///   - methods: Names with settings, as `EstimatorCatalog` reads them; exact is added if absent.
  ///   - training: n rows of gradients.
  ///   - queries: m rows of gradients.
  ///   - options: Damping, sides, precision, memory.
  ///   - representations: What methods of `RepresentationCatalog` read, if there are such among them.
  ///   - aggregation: How the rows of all queries become one, for what is said of all of them; not `none`.
  ///   - flipped: Training rows whose labels are known to be wrong.
  ///   - progress: Called as methods are done.
  /// - Throws: `InfluenceError` or ``EvaluationError``, or an error from reading a store.
  public init(
    of methods: [String], training: GradientStore, queries: GradientStore,
    options: CurvatureOptions = CurvatureOptions(), aggregation: ScoreAggregation = .mean,
    flipped: Set<Int>? = nil,
    representations: (training: Representations, queries: Representations)? = nil,
    progress: ProgressHandler? = nil
  ) throws {
    let specifications = methods.contains(Self.reference) ? methods : methods + [Self.reference]
    let kinds = try specifications.map { try ComparedMethod($0, representations) }
    let estimators = kinds.compactMap(\.estimator)
    let sizes = (training.count, queries.count)
    try ExampleMemory.comparison(queries: queries.count).requireRoom(
      on: training, by: estimators, options: options)
    var separate = options
    separate.certifies = false
    let steps = Double(specifications.count + 1)
    var runs: [(fit: Double, score: Double, peak: Int?, scores: Scores)] = []
    for (index, kind) in kinds.enumerated() {
      let name = specifications[index]
      let isPeakKnown = ProcessMemory.resetPeak()
      guard let estimator = kind.estimator else {
        progress?("scoring \(name)", Double(index) / steps)
        let scores = try kind.representationScores(rows: sizes)
        runs.append((0, scores.seconds, isPeakKnown ? ProcessMemory.peak : nil, scores))
        continue
      }
      let curvature = try Curvature(fitting: [estimator], on: training, options: separate) {
        progress?("fitting \(name)", (Double(index) + 0.5 * $1) / steps)
      }
      let scores = try curvature.scores(of: queries) {
        progress?("scoring \(name)", (Double(index) + 0.5 + 0.5 * $1) / steps)
      }[0]
      runs.append(
        (curvature.seconds, scores.seconds, isPeakKnown ? ProcessMemory.peak : nil, scores))
    }
    // Scores and their bounds come from one fit of all methods, in which exact scores are refined; what was
    // timed is each method alone.
    var joint = options
    joint.certifies = true
    let together = try Curvature(fitting: estimators, on: training, options: joint) {
      progress?("certifying", (Double(estimators.count) + 0.5 * $1) / steps)
    }
    let exactPlace = kinds.prefix { $0.estimator?.name != Self.reference }
      .count { $0.estimator != nil }
    var blockSizes: [(name: String, size: Double)] = []
    let certified = try together.scores(
      of: queries,
      progress: {
        progress?("certifying", (Double(estimators.count) + 0.5 + 0.5 * $1) / steps)
      },
      eachBlock: { block, scores in
        let mean = scores[exactPlace].meanRow()
        blockSizes.append((block, mean.elements.reduce(0) { $0 + abs($1) }))
      })
    guard let reference = specifications.firstIndex(of: Self.reference) else {
      preconditionFailure("exact was added above")
    }
    var certificates = certified.makeIterator()
    let scores = runs.enumerated().map { index, run in
      let joint = kinds[index].estimator == nil ? nil : certificates.next()
      return joint.map { run.scores.certified(by: $0) } ?? run.scores
    }
    let exact = scores[reference].values
    let exactMean = try RowAggregate.row(of: exact, by: aggregation)
    dominance = Dominance.sentences(
      queries: aggregation == .mean ? exact : nil, blocks: blockSizes)
    self.aggregation = aggregation
    entries = try zip(runs, scores).enumerated().map { index, found in
      let (run, scores) = found
      let mean = try RowAggregate.row(of: scores.values, by: aggregation)
      return Entry(
        specification: specifications[index], isDamped: kinds[index].estimator?.isDamped ?? false,
        fitSeconds: run.fit, scoreSeconds: run.score,
        peakMemory: run.peak, scores: scores,
        agreement: try ScoreAgreement(of: scores.values, with: exact),
        meanQueryAgreement: try ScoreAgreement(of: mean, with: exactMean),
        detection: try flipped.map { try MislabelDetection(meanScores: mean.elements, flipped: $0) }
      )
    }
    agreement = try MethodAgreement(of: scores.map(\.values))
    damping = options.damping
    contexts = together.contexts
  }
}

extension MethodComparison.MislabelDetection {
  /// Ranks by harm: the lowest helpful-positive scores first.
  init(meanScores: [Double], flipped: Set<Int>) throws(EvaluationError) {
    try self.init(suspicion: meanScores.map { -$0 }, flipped: flipped)
  }

  /// Ranks by numbers that are large for suspects.
  init(suspicion: [Double], flipped: Set<Int>) throws(EvaluationError) {
    areaUnderROC = try Detection.areaUnderROC(scores: suspicion, positives: flipped)
    recallAt10 = try Detection.recall(atFraction: 0.1, scores: suspicion, positives: flipped)
    recallAt20 = try Detection.recall(atFraction: 0.2, scores: suspicion, positives: flipped)
  }
}
