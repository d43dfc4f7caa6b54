internal import InfluenceKit
internal import OrderedCollections

extension LoRAGeneration {
  /// Ranks training examples for queries in several ways, and measures how the queries' kinds come first.
  struct KindRanking {
    typealias Texts = (training: [TokenSequence], queries: [TokenSequence])

    private let training: [Int]
    private let queries: [Int]
    private let progress: ProgressHandler
    /// What took how long.
    private(set) var watch: StageWatch

    /// Takes the kinds of the training examples and of the queries.
    init(training: [Int], queries: [Int], watch: StageWatch, progress: @escaping ProgressHandler) {
      (self.training, self.queries) = (training, queries)
      (self.watch, self.progress) = (watch, progress)
    }

    /// Every method at each of its dampings.
    mutating func methods(
      _ options: Options, of model: FineTunedModel, on texts: Texts, seed: UInt64
    ) throws -> OrderedDictionary<String, [Found]> {
      progress("gradients", 0)
      let gradients = try watch.time("gradients") {
        try Self.task(model, texts, seed).gradients(for: options.rankings)
      }
      var found: OrderedDictionary<String, [Found]> = [:]
      for (place, method) in options.rankings.enumerated() {
        progress(method, 0.3 + 0.4 * Double(place) / Double(options.rankings.count))
        let estimator = try EstimatorCatalog.estimator(method)
        found[method] = try options.dampings(of: method).map { damping in
          let stage = estimator.isDamped ? "\(method), \(damping)" : method
          let scores = try watch.time(stage) {
            try Self.scores(by: estimator, on: gradients, damping: damping)
          }
          return try measured(scores)
        }
      }
      return found
    }

    /// Rankings that need no gradients: by shared words, and by what the last layer reads.
    ///
    /// - Parameter words: The texts of the training examples and of the queries.
    mutating func baselines(
      of model: FineTunedModel, on texts: Texts, words: (training: [String], queries: [String])
    ) throws -> OrderedDictionary<String, Found> {
      progress("baselines", 0.7)
      let index = LexicalIndex(of: words.training)
      let byWords = words.queries.map(index.scores)
      let similarity = try watch.time(RepresentationSimilarity.name) {
        try RepresentationSimilarity().scores(
          of: model.model.representations(of: texts.queries),
          on: model.model.representations(of: texts.training)
        ).values
      }
      return [
        Self.words: try measured(
          Matrix(rows: byWords.count, columns: training.count, elements: byWords.flatMap(\.self))),
        RepresentationSimilarity.name: try measured(similarity),
      ]
    }

    /// What a ranking by shared words is called.
    static let words = "bm25"

    /// Mean scores over models that drop other shares of what their pairs read, each method at the first damping.
    mutating func ensemble(
      _ options: Options, of model: FineTunedModel, on texts: Texts, seed: UInt64
    ) throws -> OrderedDictionary<String, Found> {
      let count = options.ensemble.members
      guard count > 0, let damping = options.dampings.first else { return [:] }
      let estimators = try options.ensemble.methods.map { try EstimatorCatalog.estimator($0) }
      let dropouts = try Dropout.members(
        count: count, maximum: options.ensemble.dropout, seed: seed)
      var sums = estimators.map { _ in Matrix<Double>.zeros(queries.count, training.count) }
      for (member, dropout) in dropouts.enumerated() {
        progress("ensemble", 0.75 + 0.25 * Double(member) / Double(count))
        var asked = (training: model, queries: model)
        if member > 0 {
          // Training examples and queries draw other masks.
          asked.training.gradientDropout = (.init(seed: dropout.seed, step: 0), dropout.rate)
          asked.queries.gradientDropout = (.init(seed: dropout.seed, step: 1), dropout.rate)
        }
        let gradients = try watch.time("gradients of the ensemble") {
          try Self.task(asked.training, texts, seed).gradients(
            for: options.ensemble.methods, asking: asked.queries)
        }
        for (place, estimator) in estimators.enumerated() {
          sums[place].add(
            try Self.scores(by: estimator, on: gradients, damping: damping),
            scale: 1 / Double(count))
        }
      }
      return OrderedDictionary(
        uniqueKeysWithValues: zip(options.ensemble.methods, try sums.map { try measured($0) }))
    }

    private static func task(
      _ model: FineTunedModel, _ texts: Texts, _ seed: UInt64
    ) -> TrainedTask<FineTunedModel> {
      TrainedTask(
        model, on: ExampleParts(training: texts.training, validation: texts.queries), seed: seed)
    }

    private static func scores(
      by estimator: any Estimator, on gradients: GradientPair, damping: Double
    ) throws -> Matrix<Double> {
      try Curvature(
        fitting: [estimator], on: gradients.training,
        options: CurvatureOptions(damping: .relative(damping), certifies: false)
      ).scores(of: gradients.queries)[0].values
    }

    private func measured(_ scores: Matrix<Double>) throws -> Found {
      let found = try ClassDetection(
        scores: scores, trainingClasses: training, queryClasses: queries)
      guard let area = found.areaUnderROC, let recall = found.recall else {
        preconditionFailure("every kind has training examples, and there is another")
      }
      return Found(
        auc: area.mean, aucDeviation: area.deviation, recall: recall.mean,
        recallDeviation: recall.deviation)
    }
  }
}
