public import Gradients
import LinearAlgebra

/// Several gradient stores of the same examples as one: checkpoints of a training run, or members of a
/// dropout ensemble, each with a weight.
///
///     S = Σ_t w_t · V_t·M_t·G_tᵀ
///
/// With M = I and the learning rates as weights: TracIn (Pruthi et al., "Estimating Training Data
/// Influence by Tracing Gradient Descent", 2020). With weights 1/T and gradients taken under dropout drawn
/// anew: the inner-product ensemble of "Revisit, Extend, and Enhance Hessian-Free Influence Functions"
/// (arXiv 2405.17490). Any method may take the place of M. Checkpoints can also be the ends of a training's segments, for methods that
/// follow a query through the training (``EnsembleKind/segments``).
public struct ScoreEnsemble: Sendable {
  /// One store's part.
  public struct Member: Sendable {
    /// w, any finite number.
    public let weight: Double
    /// n rows of training gradients.
    public let training: GradientStore
    /// m rows of queries' gradients.
    public let queries: GradientStore

    /// Makes a member.
    public init(weight: Double, training: GradientStore, queries: GradientStore) {
      self.weight = weight
      self.training = training
      self.queries = queries
    }
  }

  /// The members, in the order in which they are added up, or of training.
  public let members: [Member]
  /// How they make one score.
  public let kind: EnsembleKind
  /// The queries that scores are of, those of the last segment.
  var queries: GradientStore { members[kind == .segments ? members.count - 1 : 0].queries }

  /// Takes members that hold the same examples, queries and blocks.
  ///
  /// - Throws: ``InfluenceError/emptyEnsemble``, ``InfluenceError/ensembleMismatch(store:reference:reason:)``
  ///   that names the odd store, or ``InfluenceError/invalidWeight(store:weight:)``, also of a time that is not positive.
  public init(_ members: [Member], as kind: EnsembleKind = .sum) throws(InfluenceError) {
    self.kind = kind
    guard let first = members.first else { throw .emptyEnsemble }
    for member in members {
      guard member.weight.isFinite, kind == .sum || member.weight > 0 else {
        throw .invalidWeight(store: member.training.name, weight: member.weight)
      }
      for (store, reference) in [
        (member.training, first.training), (member.queries, first.queries),
        (member.queries, first.training),
      ] {
        let differences = reference.layout.differences(
          from: store.layout, label: "the first", otherLabel: "this")
        guard differences.isEmpty else {
          throw .ensembleMismatch(
            store: store.name, reference: reference.name,
            reason: BlockLayout.summary(of: differences))
        }
      }
      for (store, reference) in [
        (member.training, first.training), (member.queries, first.queries),
      ] where store.count != reference.count {
        throw .ensembleMismatch(
          store: store.name, reference: reference.name,
          reason: "\(store.count) rows where the first has \(reference.count)")
      }
    }
    self.members = members
  }

  /// The weighted sum of the members' scores, or the scores of a training in segments.
  ///
  /// - Parameters:
  ///   - estimator: The method, fitted to each member by itself.
  ///   - rows: Which queries; all unless given.
  ///   - aggregation: One row of scores per query, or one for their mean.
  ///   - options: As for ``Curvature``; there is no certificate of a sum.
  ///   - progress: Called as members are done.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  /// - Complexity: T times that of one store; one member is in memory at a time.
  public func scores(
    by estimator: any Estimator, ofQueries rows: Range<Int>? = nil,
    aggregation: Aggregation = .none, options: CurvatureOptions = CurvatureOptions(),
    progress: ProgressHandler? = nil
  ) throws -> Scores {
    if kind == .segments {
      return try scoresOverSegments(
        by: estimator, ofQueries: rows, aggregation, options: options, progress: progress)
    }
    var sum: Scores?
    try forEachMember(by: estimator, options, progress) { member, curvature, progress in
      let queries = rows.map { member.queries[rows: $0] } ?? member.queries
      var scores = try curvature.scores(
        of: queries, aggregation: aggregation, progress: progress)[0]
      scores.values.scale(by: member.weight)
      if var earlier = sum {
        earlier.values.add(scores.values, scale: 1)
        earlier.warnings += scores.warnings
        earlier.seconds += scores.seconds
        sum = earlier
      } else {
        scores.provenance = provenance(by: estimator, options)
        sum = scores
      }
    }
    guard var sum else { preconditionFailure("an ensemble has a member") }
    sum.warnings += weightWarnings
    if let warning = LostDigits.warning(of: sum.values) { sum.warnings.append(warning) }
    return sum
  }

  /// What to say of members that add nothing.
  private var weightWarnings: [String] {
    let zeros = members.filter { $0.weight == 0 }.map(\.training.name)
    guard !zeros.isEmpty else { return [] }
    return [
      zeros.count == members.count
        ? "all weights are zero, so that all scores are zero and rank nothing"
        : "\(zeros.joined(separator: ", ")): the weight is zero, so that the store adds nothing"
    ]
  }

  /// The weighted sum of the members' self-influence; there is none of segments, which would take every example as a query.
  ///
  /// - Parameters:
  ///   - estimator: The method, fitted to each member by itself.
  ///   - options: As for ``Curvature``.
  ///   - progress: Called as members are done.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  public func selfInfluence(
    by estimator: any Estimator, options: CurvatureOptions = CurvatureOptions(),
    progress: ProgressHandler? = nil
  ) throws -> SelfInfluence {
    guard kind == .sum else {
      throw InfluenceError.noSelfInfluence(
        method: estimator.name,
        reason:
          "over the segments of a training it would follow every example back as a query; take one store"
      )
    }
    var sum: SelfInfluence?
    try forEachMember(by: estimator, options, progress) { member, curvature, progress in
      var influence = try curvature.selfInfluence(progress: progress)[0]
      for row in influence.values.indices {
        influence.values[row] = member.weight * influence.values[row] + (sum?.values[row] ?? 0)
      }
      influence.warnings = (sum?.warnings ?? []) + influence.warnings
      sum = influence
    }
    guard var sum else { preconditionFailure("an ensemble has a member") }
    sum.warnings += weightWarnings
    return sum
  }

  private func forEachMember(
    by estimator: any Estimator, _ options: CurvatureOptions, _ progress: ProgressHandler?,
    _ body: (Member, Curvature, ProgressHandler?) throws -> Void
  ) throws {
    var options = options
    options.certifies = false
    // Bad input is found in every member before the first is worked on.
    try estimator.validateSettings()
    for member in members { try estimator.check(member.training) }
    for (index, member) in members.enumerated() {
      let part = self.progress(progress, ofPart: index)
      let curvature = try Curvature(
        fitting: [estimator], on: member.training, options: options, progress: part)
      try body(member, curvature, part)
    }
  }

  /// The progress of one of as many parts as there are members.
  func progress(_ progress: ProgressHandler?, ofPart index: Int) -> ProgressHandler? {
    guard let progress else { return nil }
    let count = members.count
    return { stage, share in
      progress("\(stage) \(index + 1) of \(count)", (Double(index) + share) / Double(count))
    }
  }
}
