public import Gradients
public import Influence
import LinearAlgebra

extension Suspects {
  /// Ranks the examples of a store.
  ///
  /// - Parameters:
  ///   - training: n ≥ 2 rows of gradients. Losses and representations are those that the store keeps.
  ///   - queries: m rows of gradients of examples whose labels are right; without them three rankings are left out.
  ///   - labels: The class of each example, from 0; nil for those that lie beside the representations.
  ///   - queryLabels: The same of the queries; nil for those beside their representations.
  ///   - settings: What is asked for.
  ///   - progress: Called as work is done.
  /// - Throws: ``EvaluationError/noRanking(reason:)`` where no ranking can be made, or one that was asked for by name cannot; `InfluenceError`, or an error from reading a store.
  /// - Complexity: As of `exact` and `datainf` with their self-influence, and 2n²d operations for neighbours.
  public init(
    in training: GradientStore, queries: GradientStore? = nil, labels: [Int]? = nil,
    queryLabels: [Int]? = nil, settings: Settings = Settings(), progress: ProgressHandler? = nil
  ) throws {
    try training.requireRows()
    guard training.count >= 2 else {
      throw EvaluationError.tooFewValues(count: training.count, needed: 2)
    }
    var search = SuspectSearch(
      training: training, queries: queries, labels: labels, queryLabels: queryLabels,
      settings: settings, progress: progress)
    try search.run()
    guard !search.found.isEmpty else {
      throw EvaluationError.noRanking(
        reason: search.leftOut.map { "\($0.ranking.rawValue): \($0.reason)" }.joined(
          separator: "; "))
    }
    try self.init(
      of: SuspectRanking.allCases.compactMap { ranking in
        search.found[ranking].map { (ranking, $0) }
      },
      leftOut: search.leftOut.sorted { $0.ranking.rawValue < $1.ranking.rawValue },
      neighbours: search.neighbours, warnings: search.warnings)
  }
}

/// The making of all rankings of one store.
private struct SuspectSearch {
  let training: GradientStore
  let queries: GradientStore?
  let labels: [Int]?
  let queryLabels: [Int]?
  let settings: Suspects.Settings
  let progress: ProgressHandler?

  private(set) var found: [SuspectRanking: [Double]] = [:]
  private(set) var leftOut: [Suspects.LeftOut] = []
  private(set) var neighbours: NeighbourLabels?
  private(set) var warnings: [String] = []

  init(
    training: GradientStore, queries: GradientStore?, labels: [Int]?, queryLabels: [Int]?,
    settings: Suspects.Settings, progress: ProgressHandler?
  ) {
    self.training = training
    self.queries = queries
    self.labels = labels
    self.queryLabels = queryLabels
    self.settings = settings
    self.progress = progress
  }

  mutating func run() throws {
    if let queries {
      try training.requireSameBlocks(as: queries)
      try queries.requireRows()
    }
    let exactRefusal = refusal(of: ExactFisher())
    let estimators = estimators(withExact: exactRefusal == nil)
    try requireRoom(for: estimators)
    try rankLosses()
    try rankNeighbours()
    try rankLastLayer()
    try rank(by: estimators, exactRefusal)
    for (ranking, values) in found where values.allSatisfy({ $0 == values[0] }) {
      found[ranking] = nil
      try leave(out: ranking, "it gives all examples the same value")
    }
  }

  private func isWanted(_ ranking: SuspectRanking) -> Bool {
    settings.rankings?.contains(ranking) ?? true
  }

  private mutating func leave(out ranking: SuspectRanking, _ reason: String) throws {
    guard settings.rankings == nil else {
      throw EvaluationError.noRanking(reason: "\(ranking.rawValue): \(reason)")
    }
    leftOut.append(.init(ranking: ranking, reason: reason))
  }

  private mutating func rankLosses() throws {
    guard isWanted(.loss) else { return }
    if let losses = settings.losses {
      found[.loss] = losses
      return
    }
    guard let losses = try training.exampleLosses() else {
      return try leave(
        out: .loss,
        training.measuresLoss
          ? "the store records no losses"
          : "the store's gradients, and what it records beside them, are not of the loss")
    }
    let known = losses.compactMap(\.self)
    guard known.count == losses.count, known.allSatisfy(\.isFinite) else {
      return try leave(
        out: .loss, "\(losses.count - known.count) of \(losses.count) examples have no loss")
    }
    found[.loss] = known
  }

  /// Neighbours are found wherever they can be, since they also suggest labels.
  private mutating func rankNeighbours() throws {
    let rankings = [SuspectRanking.neighbours, .queryNeighbours].filter(isWanted)
    guard let examples = try training.storedRepresentations() else {
      for ranking in rankings { try leave(out: ranking, "the store has no representations") }
      return
    }
    guard let labels = labels ?? (examples.isLabelled ? examples.labels : nil) else {
      for ranking in rankings { try leave(out: ranking, "the examples have no labels") }
      return
    }
    if isWanted(.queryNeighbours) { try rankNearestQueries(of: examples, labels) }
    do {
      let neighbours = try NeighbourLabels(
        among: examples, labels: labels, count: settings.neighbours, progress: progress)
      self.neighbours = neighbours
      if isWanted(.neighbours) { found[.neighbours] = neighbours.disagreement }
    } catch let error as InfluenceError {
      // Without the ranking only suggested labels are missing.
      if isWanted(.neighbours) { try leave(out: .neighbours, "\(error)") }
    }
  }

  private mutating func rankNearestQueries(of examples: Representations, _ labels: [Int]) throws {
    guard let queries else { return try leave(out: .queryNeighbours, "there are no queries") }
    guard let checked = try queries.storedRepresentations() else {
      return try leave(out: .queryNeighbours, "the queries have no representations")
    }
    // Classes are numbers of one list of names: both sides' of the file, or both of the representations.
    let stored = checked.isLabelled && self.labels == nil ? checked.labels : nil
    guard let checkedLabels = queryLabels ?? stored else {
      return try leave(out: .queryNeighbours, "the queries have no labels like the examples'")
    }
    do {
      found[.queryNeighbours] = try NeighbourLabels(
        of: examples, labels: labels, among: checked, checkedLabels: checkedLabels,
        count: settings.neighbours, progress: progress
      ).disagreement
    } catch let error as InfluenceError {
      try leave(out: .queryNeighbours, "\(error)")
    }
  }

  private mutating func rankLastLayer() throws {
    let last = BlockPartition.lastLayer(of: training.layout)
    if isWanted(.gradientNorm) {
      found[.gradientNorm] = try training.outlierScores(by: .l2, blocks: last, progress: progress)
    }
    if isWanted(.isolationForest) {
      found[.isolationForest] = try training.outlierScores(
        by: .isolationForest(IsolationForestSettings(seed: settings.seed)), blocks: last,
        progress: progress)
    }
  }

  /// How a method's scores of all queries become one.
  private var aggregation: ScoreAggregation {
    settings.aggregation == .none ? .normalizedMean : settings.aggregation
  }

  private var options: CurvatureOptions {
    var options = settings.options
    options.certifies = false
    return options
  }

  /// The rankings by harm to the queries.
  private var harmRankings: [SuspectRanking] {
    [.cosine, .exact, .dataInf].filter(isWanted)
  }

  /// The method whose scores a ranking by harm goes by.
  private static func estimator(of ranking: SuspectRanking) -> any Estimator {
    switch ranking {
    case .exact: ExactFisher()
    case .dataInf: DataInf()
    default: Cosine()
    }
  }

  /// The methods that are fitted together.
  private func estimators(withExact hasExact: Bool) -> [any Estimator] {
    let asked = queries == nil ? [] : harmRankings.filter { hasExact || $0 != .exact }
    var estimators = asked.map(Self.estimator)
    let itself: any Estimator = hasExact ? ExactFisher() : DataInf()
    if isWanted(.selfInfluence), !estimators.contains(where: { $0.name == itself.name }) {
      estimators.append(itself)
    }
    return estimators
  }

  /// Refuses what does not fit in memory before anything is read.
  private func requireRoom(for estimators: [any Estimator]) throws {
    let byNeighbours = [SuspectRanking.neighbours, .queryNeighbours].filter(isWanted)
    let features = byNeighbours.isEmpty ? nil : try training.representationWidth()
    let harmed = queries == nil ? 0 : harmRankings.count
    let others = [SuspectRanking.selfInfluence, .gradientNorm, .isolationForest, .loss]
    try ExampleMemory.suspects(
      rankings: harmed + others.count(where: isWanted)
        + (features == nil ? 0 : byNeighbours.count),
      features: features,
      heldRows: harmed * (aggregation == .median ? queries?.count ?? 0 : 1)
    ).requireRoom(on: training, by: estimators, options: options)
  }

  /// What needs a fit: harm to the queries, and self-influence.
  private mutating func rank(by estimators: [any Estimator], _ exactRefusal: String?) throws {
    if queries == nil {
      for ranking in harmRankings { try leave(out: ranking, "there are no queries") }
    } else if let exactRefusal, isWanted(.exact) {
      try leave(out: .exact, exactRefusal)
    }
    if exactRefusal != nil, isWanted(.selfInfluence) {
      warnings.append("self-influence is DataInf's, since exact does not fit in memory")
    }
    guard !estimators.isEmpty else { return }
    func place(of name: String) -> Int? { estimators.firstIndex { $0.name == name } }
    let curvature = try Curvature(
      fitting: estimators, on: training, options: options, progress: progress)
    warnings += curvature.warnings
    let itself = exactRefusal == nil ? ExactFisher.name : DataInf.name
    if isWanted(.selfInfluence), let place = place(of: itself) {
      let influence = try curvature.selfInfluence(progress: progress)[place]
      found[.selfInfluence] = influence.values
      note(influence.warnings)
    }
    guard let queries else { return }
    let harmed = harmRankings.compactMap { ranking in
      place(of: Self.estimator(of: ranking).name).map { (ranking: ranking, place: $0) }
    }
    if !harmed.isEmpty { try rankHarm(queries, curvature, harmed) }
  }

  /// Why a method does not fit in memory; nil where it does.
  private func refusal(of estimator: any Estimator) -> String? {
    do {
      try Curvature.requireMemory(
        scoringBy: estimator, on: training, perBlock: false, options: options)
      return nil
    } catch {
      return "\(error)"
    }
  }

  private mutating func rankHarm(
    _ queries: GradientStore, _ curvature: Curvature,
    _ harmed: [(ranking: SuspectRanking, place: Int)]
  ) throws {
    var rows = harmed.map { _ in RowAggregate(aggregation, columns: training.count) }
    let atATime = curvature.queriesAtATime(of: queries.count)
    for first in stride(from: 0, to: queries.count, by: atATime) {
      let part = first..<min(queries.count, first + atATime)
      let scores = try curvature.scores(of: queries[rows: part], progress: progress)
      for (index, (_, place)) in harmed.enumerated() {
        try rows[index].add(scores[place].values)
        note(scores[place].warnings)
      }
    }
    for (row, (ranking, _)) in zip(rows, harmed) {
      found[ranking] = row.row().elements.map { -$0 }
      note([row.warning].compactMap { $0.map { "\(ranking.rawValue): \($0)" } })
    }
  }

  private mutating func note(_ more: [String]) {
    for warning in more where !warnings.contains(warning) { warnings.append(warning) }
  }
}
