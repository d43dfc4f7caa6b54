internal import InfluenceKit

/// What the hits of queries are held against.
struct QueryContext {
  /// Directions of what the last layer reads, one row per example.
  struct Similarity {
    let training: Matrix<Double>
    let queries: Matrix<Double>
  }

  let layers: LayerGroups
  let reference: Int?
  let top: Int
  let lexical: LexicalIndex?
  let similarity: Similarity?
  let sweep: SweptHits?
  let examples: ReportExamples
  let queryExamples: ReportExamples
}

/// Keeps of the scores of queries what a report shows of them.
struct QueryCollector {
  let context: QueryContext
  private let flipped: Set<Int>?
  /// By row: one result per method.
  private(set) var results: [Int: [QueryPart.Result]] = [:]
  private(set) var warnings: [String] = []
  private var agreements: [MethodAgreement] = []
  private var flippedHits = (helpful: 0, harmful: 0)
  private var hits = (helpful: 0, harmful: 0)
  private var residuals: [[Double]] = []
  private var bounds: [Double?] = []
  private var largest: [Double] = []

  init(_ context: QueryContext, flipped: Set<Int>?) {
    self.context = context
    self.flipped = flipped
  }

  /// Adds one query.
  ///
  /// - Parameters:
  ///   - scores: One per method, of the queries that were scored together.
  ///   - index: The query's row in them.
  ///   - query: Its row among all.
  ///   - isShown: Whether it is shown.
  ///   - layers: The parts of the scores.
  mutating func add(
    _ scores: [Scores], at index: Int, query: Int, isShown: Bool, layers: LayerScores
  ) throws {
    let rows = scores.map { Array($0.values[row: index]) }
    let tops = try rows.map { try TopExamples(of: $0, count: context.top) }
    if let flipped, let first = tops.first {
      let helpful = first.helpful.filter { $0.score > 0 }
      let harmful = first.harmful.filter { $0.score < 0 }
      hits.helpful += helpful.count
      hits.harmful += harmful.count
      flippedHits.helpful += helpful.count { flipped.contains($0.example) }
      flippedHits.harmful += harmful.count { flipped.contains($0.example) }
    }
    var agreement: MethodAgreement?
    if rows.count > 1, rows[0].count >= 2 {
      let found = try MethodAgreement(
        of: rows.map { Matrix(rows: 1, columns: $0.count, elements: $0) })
      agreements.append(found)
      agreement = found
    }
    guard isShown else { return }
    let nearness = QueryNearness(query: query, context)
    let places = rows.map { PlacesOfValues(of: $0) }
    results[query] = rows.indices.map { method in
      let row = rows[method]
      let magnitude = row.reduce(0) { $0 + abs($1) }
      func hit(_ entry: TopExamples.Entry, _ side: Int) -> QueryPart.Hit {
        var hit = QueryPart.Hit(
          example: entry.example, score: entry.score,
          layers: layers.parts(
            of: entry.score, method: method, query: index, example: entry.example),
          places: rows.indices.map { places[$0].place(of: rows[$0][entry.example]) })
        nearness.describe(&hit)
        if method == 0 { hit.steadyAt = context.sweep?.count(of: entry.example, query, side) }
        return hit
      }
      let helpful = tops[method].helpful.filter { $0.score > 0 }.map { hit($0, 0) }
      let harmful = tops[method].harmful.filter { $0.score < 0 }.map { hit($0, 1) }
      let held = (helpful + harmful).reduce(0) { $0 + abs($1.score) }
      let correlation = context.reference.flatMap { reference in
        reference == method ? nil : agreement?.spearman[method, reference]
      }
      return QueryPart.Result(
        histogram: ScoreHistogram(of: row), helpful: helpful, harmful: harmful,
        correlation: correlation.flatMap { $0.isFinite ? $0 : nil },
        hitShare: magnitude > 0 ? held / magnitude : 0)
    }
  }

  /// Keeps what is said of queries that were scored together.
  mutating func note(_ scores: [Scores]) {
    if residuals.isEmpty {
      residuals = scores.map { _ in [] }
      bounds = scores.map { _ in nil }
      largest = scores.map { _ in 0 }
    }
    for (method, scores) in scores.enumerated() {
      warnings += scores.warnings
      largest[method] = scores.values.elements.reduce(largest[method]) { max($0, abs($1)) }
      guard let certificate = scores.certificate else { continue }
      residuals[method] += certificate.relativeResiduals
      let bound = certificate.errorBounds().max() ?? 0
      bounds[method] = max(bounds[method] ?? 0, bound)
    }
  }

  /// What is known of each method's accuracy.
  func costs(names: [String]) -> [TrustPart.MethodCost] {
    names.indices.map { method in
      TrustPart.MethodCost(
        method: names[method],
        medianResidual: Statistics.median(residuals[method].filter(\.isFinite)),
        errorBound: bounds[method].flatMap { $0.isFinite ? $0 : nil },
        largestScore: largest[method])
    }
  }

  /// Of all hits of the first method, the shares that are known to be wrong.
  var flippedShares: (helpful: Double, harmful: Double)? {
    guard flipped != nil, hits.helpful > 0, hits.harmful > 0 else { return nil }
    return (
      Double(flippedHits.helpful) / Double(hits.helpful),
      Double(flippedHits.harmful) / Double(hits.harmful)
    )
  }

  /// The mean agreement over queries; nil of one method.
  func agreement(names: [String], exampleCount: Int) -> TrustPart.Agreement? {
    guard names.count > 1, let first = agreements.first else { return nil }
    func means(_ part: (MethodAgreement) -> Matrix<Double>) -> [[Double?]] {
      names.indices.map { row in
        names.indices.map { column in
          let known = agreements.map { part($0)[row, column] }.filter(\.isFinite)
          return known.isEmpty ? nil : Statistics.mean(known)
        }
      }
    }
    let top = (try? Ranking.topCount(fraction: first.topFraction, of: exampleCount)) ?? 1
    return TrustPart.Agreement(
      methods: names, spearman: means(\.spearman), topOverlap: means(\.topOverlap),
      topCount: top, exampleCount: exampleCount, queryCount: agreements.count)
  }
}

/// How near training examples are to one query, by words and by what the last layer reads.
private struct QueryNearness {
  private let text: String?
  private let lexical: [Double]?
  private let lexicalPlaces: PlacesOfValues?
  private let similarity: [Double]?
  private let similarityPlaces: PlacesOfValues?
  private let texts: [String?]?

  init(query: Int, _ context: QueryContext) {
    text = context.queryExamples.texts?[query]
    texts = context.examples.texts
    lexical = text.flatMap { context.lexical?.scores(for: $0) }
    lexicalPlaces = lexical.map { PlacesOfValues(of: $0) }
    similarity = context.similarity.map { similarity in
      let row = similarity.queries.view[rows: query..<query + 1]
      return Matrix(product: row, similarity.training.transposed).elements
    }
    similarityPlaces = similarity.map { PlacesOfValues(of: $0) }
  }

  func describe(_ hit: inout QueryPart.Hit) {
    if let lexical, lexical[hit.example] > 0 {
      hit.lexicalPlace = lexicalPlaces?.place(of: lexical[hit.example])
    }
    if let similarity {
      hit.similarityPlace = similarityPlaces?.place(of: similarity[hit.example])
    }
    if let text, let other = texts?[hit.example] {
      hit.sharesContent = LexicalIndex.sharesContent(text, other)
    }
  }
}
