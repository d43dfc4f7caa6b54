internal import InfluenceKit
internal import OrderedCollections

extension ReportMaker {
  /// Scores queries, and keeps of each shown one what stands out.
  mutating func queryPart(_ names: [String]) throws -> QueryPart? {
    guard let queries = request.queries else { return nil }
    let about = request.queryExamples
    let losses = about.allLosses()
    let order = losses.map { losses in
      losses.indices.sorted { (-losses[$0], $0) < (-losses[$1], $1) }
    }
    let choice = try QueryChoice(
      of: queries, order: order, shown: request.shownQueries,
      budget: request.options.memoryBudget / 8)
    var options = request.options
    options.certifies = true
    let curvature = try Curvature(
      fitting: estimators(), on: request.training, options: options, progress: progress)
    trust.warnings += curvature.warnings
    let sweep = try sweep(over: choice)
    let context = QueryContext(
      layers: LayerGroups(of: request.training.layout.blocks.map(\.name)),
      reference: specifications.firstIndex(of: MethodComparison.reference), top: request.top,
      lexical: request.trainingExamples.texts.map { LexicalIndex(of: $0.map { $0 ?? "" }) },
      similarity: try similarity(queries), sweep: sweep, examples: request.trainingExamples,
      queryExamples: about)
    var collector = QueryCollector(context, flipped: request.flipped)
    try score(choice, by: curvature, into: &collector)
    trust.agreement = collector.agreement(
      names: specifications, exampleCount: request.training.count)
    trust.methods = merged(collector.costs(names: specifications), request.measured)
    trust.damping =
      curvature.estimators.contains { $0.isDamped } ? Self.words(options.damping) : nil
    trust.warnings += collector.warnings
    var places: [Int: Int] = [:]
    for (place, row) in (order ?? []).enumerated() { places[row] = place + 1 }
    var shown: [QueryPart.Query] = []
    for (index, row) in choice.shown.enumerated() {
      report("queries", Double(index) / Double(choice.shown.count))
      var results = collector.results[row] ?? []
      try addTokens(to: &results, query: row)
      shown.append(
        QueryPart.Query(
          row: row, example: about.example(row), predicted: about.prediction(row, names: names),
          place: places[row], results: results))
    }
    return QueryPart(
      total: queries.count, scored: choice.rows.count, order: order == nil ? .store : .loss,
      shown: shown,
      methods: zip(curvature.estimators, specifications).map {
        QueryPart.Method(name: $0.name, specification: $1)
      },
      reference: context.reference,
      layers: context.layers.names.count > 1 ? context.layers.names : [],
      hasRepresentations: context.similarity != nil, flippedShares: collector.flippedShares,
      mistakes: mistakes(queries.count, names),
      steadiness: sweep.map { ($0.dampings, $0.leading) })
  }

  /// A damping as people read it.
  private static func words(_ damping: Damping) -> String {
    switch damping {
    case .relative(let share): "\(share) · mean eigenvalue"
    case .absolute(let value): "\(value)"
    }
  }

  private func mistakes(_ count: Int, _ names: [String]) -> (count: Int, of: Int)? {
    let about = request.queryExamples
    var (wrong, known) = (0, 0)
    for row in 0..<count {
      guard let predicted = about.prediction(row, names: names), let label = about.labels?[row]
      else { continue }
      known += 1
      if predicted != label { wrong += 1 }
    }
    return known > 0 ? (wrong, known) : nil
  }

  /// What was measured method by method goes before what this run knows of them together.
  private func merged(
    _ own: [TrustPart.MethodCost], _ measured: [TrustPart.MethodCost]
  ) -> [TrustPart.MethodCost] {
    own.map { cost in
      guard let other = measured.first(where: { $0.method == cost.method }) else { return cost }
      var cost = cost
      cost.fitSeconds = other.fitSeconds
      cost.scoreSeconds = other.scoreSeconds
      cost.peakMemory = other.peakMemory
      return cost
    }
  }

  /// Scores some queries at a time, with the parts of layers.
  private func score(
    _ choice: QueryChoice, by curvature: Curvature, into collector: inout QueryCollector
  ) throws {
    let store = choice.store
    let groups = collector.context.layers.names.count
    let bytes = 8 * request.training.count * groups * specifications.count
    let atATime = max(
      1,
      min(
        curvature.queriesAtATime(of: store.count),
        request.options.memoryBudget / 4 / max(1, bytes)))
    for first in stride(from: 0, to: store.count, by: atATime) {
      let part = first..<min(store.count, first + atATime)
      var layers = LayerScores(collector.context.layers, methods: specifications.count)
      let scores = try curvature.scores(
        of: store[rows: part], progress: progress,
        eachBlock: { name, scores in layers.add(scores, ofBlock: name) })
      for index in part {
        let row = choice.rows[index]
        try collector.add(
          scores, at: index - first, query: row, isShown: choice.isShown(row), layers: layers)
      }
      collector.note(scores)
    }
  }

  /// The directions of what the last layer reads, of both sides; nil where a side has none.
  private mutating func similarity(_ queries: GradientStore) throws -> QueryContext.Similarity? {
    guard let training = try request.training.storedRepresentations(),
      let asked = try queries.storedRepresentations(),
      training.features.columns == asked.features.columns,
      training.count == request.training.count, asked.count == queries.count
    else { return nil }
    do throws(InfluenceError) {
      return QueryContext.Similarity(
        training: try RepresentationSimilarity.directions(of: training),
        queries: try RepresentationSimilarity.directions(of: asked))
    } catch {
      trust.leftOut.append(("places by representation", "\(error)"))
      return nil
    }
  }

  /// Splits the hits of the first method by token.
  private func addTokens(to results: inout [QueryPart.Result], query: Int) throws {
    guard let tokens = request.tokens, let first = results.first else { return }
    let hits = first.hits
    let found = try tokens(query, hits.map { ($0.example, $0.score) })
    var result = first
    for place in result.helpful.indices { result.helpful[place].tokens = found[place] }
    for place in result.harmful.indices {
      result.harmful[place].tokens = found[result.helpful.count + place]
    }
    results[0] = result
  }
}
