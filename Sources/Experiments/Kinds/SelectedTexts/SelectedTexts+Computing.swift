internal import InfluenceKit
internal import OrderedCollections

extension SelectedTexts {
  func compute(
    seed: UInt64, at point: WholeSeed, _ context: CellContext
  ) throws -> CellResult<Self> {
    var watch = StageWatch()
    let trained = try watch.time("training") {
      try training.task(on: data, options.targets, rank: options.rank)
        .trained(seed: seed, progress: context.progress)
    }
    let parts = trained.parts
    context.progress("scores", 0)
    let learnt = try trained.answers(to: parts.training)
    let gradients = try watch.time("gradients") { try trained.gradients(for: options.methods) }
    var harms = try watch.time("scores") { try self.harms(gradients) }
    harms.values[Self.loss] = [(nil, try trained.model.losses(of: parts.training))]
    let trainings = try Trainings(trained, learnt.labels)

    // λ of every ranking, by the validation texts alone.
    let tried = try harms.values.mapValues { places in
      try places.count < 2
        ? [] : places.map { try trimmed($0.harm, options.dampingTrim, .all, learnt.labels) }
    }
    try watch.time("choosing λ") {
      try trainings.train(
        on: tried.values.flatMap(\.self), validates: true, seed: seed, "choosing λ", context)
    }
    var chosen: OrderedDictionary<String, Trimmed> = [:]
    var final: OrderedDictionary<String, [Double]> = [:]
    for (name, places) in harms.values {
      let losses = tried[name, default: []].map { trainings.validationLoss(of: $0) }
      // The first of equals.
      let best = losses.indices.min { (losses[$0], $0) < (losses[$1], $1) } ?? 0
      final[name] = places[best].harm
      chosen[name] = Trimmed(
        damping: places[best].damping, validationLosses: losses,
        areaUnderROC: try Detection.areaUnderROC(
          scores: places[best].harm, positives: parts.wrongRows),
        scopes: [:])
    }

    var choices: [(name: String, scope: Scope, kept: [[Int]])] = []
    for (name, harm) in final {
      for scope in options.scopes {
        choices.append(
          (name, scope, try options.trims.map { try trimmed(harm, $0, scope, learnt.labels) }))
      }
    }
    let count = parts.training.count
    let all = Array(0..<count)
    let right = all.filter { !parts.wrongRows.contains($0) }
    let random = try options.trims.map { share in
      let kept = count - (try Ranking.topCount(fraction: share, of: count))
      return (0..<options.randomDraws).map {
        ChosenRows.random("random", kept, of: count, seed: seed, draw: $0).rows
      }
    }
    try watch.time("trainings") {
      try trainings.train(
        on: [all, right] + random.flatMap(\.self) + choices.flatMap(\.kept), seed: seed,
        "training without", context)
    }
    for choice in choices {
      chosen[choice.name]?.scopes[choice.scope.rawValue] = choice.kept.map {
        trainings.outcome(of: $0)
      }
    }
    return CellResult(
      Result(
        examples: count, wrongLabels: parts.wrongRows.count,
        columns: gradients.training.layout.columnCount,
        wrongLabelsLearned: Double(parts.wrongRows.count { learnt.isCorrect[$0] })
          / Double(parts.wrongRows.count),
        all: trainings.outcome(of: all), right: trainings.outcome(of: right),
        random: random.map { Outcome(meanOf: $0.map { trainings.outcome(of: $0) }) },
        rankings: chosen, warnings: harms.warnings),
      costs: watch.seconds.merging(["trainings": Double(trainings.count)]) { $1 })
  }

  /// High values go first, by ranking and λ.
  private func harms(
    _ gradients: GradientPair
  ) throws -> (
    values: OrderedDictionary<String, [(damping: Double?, harm: [Double])]>, warnings: [String]
  ) {
    var values: OrderedDictionary<String, [(damping: Double?, harm: [Double])]> = [:]
    var warnings: [String] = []
    for method in options.methods {
      let swept = try SweptScores(of: method, on: gradients, dampings: options.dampings)
      warnings += swept.warnings
      for query in options.queries {
        values[Self.name(method, query)] = try swept.places.map { place in
          let row = try RowAggregate.row(of: place.scores, by: query.aggregation)
          return (place.damping, row.elements.map { -$0 })
        }
      }
    }
    return (values, warnings)
  }

  /// The rows that stay where a share of the highest harm is left out.
  private func trimmed(
    _ harm: [Double], _ share: Double, _ scope: Scope, _ labels: [Int]
  ) throws -> [Int] {
    let scores = harm.map { -$0 }
    return switch scope {
    case .all: try TrimCurve.rows(removing: share, scores: scores)
    case .classes: try TrimCurve.rows(removing: share, scores: scores, withinClassesOf: labels)
    }
  }
}

/// Trainings on some of the texts, each done once, and what their models say of validation and test texts.
private final class Trainings {
  private let task: TrainedTask<FineTunedModel>
  private let labels: [Int]
  private let testLabels: [Int]
  /// Asks the validation texts, and after them the test texts.
  private let ofBoth: Retraining
  /// Asks the test texts alone, which takes less time.
  private let ofTest: Retraining
  private var validationLosses: [[Int]: Double] = [:]
  private var outcomes: [[Int]: SelectedTexts.Outcome] = [:]

  /// Prepares trainings.
  ///
  /// - Parameters:
  ///   - task: The model of all texts.
  ///   - labels: The labels of its training texts, as learnt.
  init(_ task: TrainedTask<FineTunedModel>, _ labels: [Int]) throws {
    self.task = task
    self.labels = labels
    testLabels = try task.answers(to: task.parts.test).labels
    ofBoth = try task.retraining(asking: task.parts.validation + task.parts.test)
    ofTest = try task.retraining(asking: task.parts.test)
  }

  /// How many models were trained.
  var count: Int { outcomes.count }

  /// Trains from the same start, on lists of rows that are not known yet.
  ///
  /// - Parameter validates: Whether the validation texts are asked too.
  func train(
    on lists: [[Int]], validates: Bool = false, seed: UInt64, _ stage: String,
    _ context: CellContext
  ) throws {
    let fresh = Array(OrderedSet(lists).filter { outcomes[$0] == nil })
    let results = try (validates ? ofBoth : ofTest).results(
      of: fresh.map { TrainingRun(rows: $0, seed: seed) }
    ) { done, total in context.progress(stage, Double(done) / Double(total)) }
    let first = validates ? task.parts.validation.count : 0
    for (rows, said) in zip(fresh, results.outcomes) {
      if validates { validationLosses[rows] = Statistics.mean(said.losses.prefix(first)) }
      let chosen = ChosenRows("", rows)
      let right = zip(said.predictions.dropFirst(first), testLabels).count { $0 == $1 }
      outcomes[rows] = SelectedTexts.Outcome(
        accuracy: Double(right) / Double(testLabels.count),
        loss: Statistics.mean(said.losses.dropFirst(first)),
        wrongShare: chosen.share(of: task.parts.wrongRows),
        leastClassShare: chosen.leastShareOfAClass(labels))
    }
  }

  /// The mean over the validation texts, in nats.
  func validationLoss(of rows: [Int]) -> Double { known(validationLosses, rows) }
  func outcome(of rows: [Int]) -> SelectedTexts.Outcome { known(outcomes, rows) }

  private func known<Value>(_ values: [[Int]: Value], _ rows: [Int]) -> Value {
    guard let value = values[rows] else {
      preconditionFailure("no model was trained on these \(rows.count) rows")
    }
    return value
  }
}
