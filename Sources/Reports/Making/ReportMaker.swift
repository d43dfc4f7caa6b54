package import InfluenceKit
internal import OrderedCollections

/// Computes what a report says.
package struct ReportMaker {
  let request: ReportRequest
  let progress: ProgressHandler?
  /// The methods that are fitted, as they were asked for.
  package let specifications: [String]
  var trust = TrustPart()

  /// Looks at what is asked for, and refuses what cannot be done before any work.
  ///
  /// - Throws: `InfluenceError` for methods, blocks and memory.
  package init(_ request: ReportRequest, progress: ProgressHandler? = nil) throws {
    self.request = request
    self.progress = progress
    guard let queries = request.queries else {
      specifications = []
      return
    }
    try request.training.requireSameBlocks(as: queries)
    try queries.requireRows()
    var specifications: [String] = []
    for method in request.methods.isEmpty ? ReportRequest.standardMethods : request.methods {
      if try RepresentationCatalog.method(method) != nil {
        trust.leftOut.append((method, "it scores representations, and the report is of gradients"))
        continue
      }
      let estimator = try EstimatorCatalog.estimator(method)
      if request.methods.isEmpty, let reason = Self.refusal(of: estimator, request) {
        trust.leftOut.append((method, reason))
        continue
      }
      specifications.append(method)
    }
    self.specifications = Array(OrderedSet(specifications))
    try ExampleMemory.report(methods: specifications.count).requireRoom(
      on: request.training, by: estimators(), options: request.options)
  }

  /// Why a method does not fit in memory; nil where it does.
  private static func refusal(of estimator: any Estimator, _ request: ReportRequest) -> String? {
    do {
      try Curvature.requireMemory(
        scoringBy: estimator, on: request.training, perBlock: false, options: request.options)
      return nil
    } catch {
      return "\(error)"
    }
  }

  func estimators() throws -> [any Estimator] {
    try specifications.map { try EstimatorCatalog.estimator($0) }
  }

  /// Computes everything.
  ///
  /// - Throws: `InfluenceError`, `EvaluationError`, or an error from reading a store.
  package mutating func contents() throws -> ReportContents {
    let start = ContinuousClock.now
    let names = request.trainingExamples.labelNames()
    var queries: QueryPart?
    if request.queries != nil, !specifications.isEmpty { queries = try queryPart(names) }
    let suspects = try suspectPart(names)
    let duplicates = duplicatePart()
    try addSpectra()
    addContradictions(names)
    trust.seconds = (ContinuousClock.now - start) / .seconds(1)
    trust.peakMemory = ProcessMemory.peak
    trust.warnings = Array(OrderedSet(trust.warnings))
    let shown = Self.shownRows(queries, suspects, duplicates)
    let examples = request.trainingExamples
    return ReportContents(
      title: request.title,
      examples: ShownTexts(
        Dictionary(uniqueKeysWithValues: shown.map { ($0, examples.example($0)) })),
      training: ReportContents.StoreFacts(
        name: request.training.name, count: request.training.count,
        columnCount: request.training.layout.columnCount,
        blockCount: request.training.layout.count, labelNames: names, flipped: request.flipped,
        hasTexts: examples.texts != nil),
      queries: queries, suspects: suspects, duplicates: duplicates, trust: trust,
      provenance: ReportContents.Provenance(command: request.command, facts: request.facts))
  }

  private static func shownRows(
    _ queries: QueryPart?, _ suspects: SuspectPart?, _ duplicates: DuplicatePart?
  ) -> Set<Int> {
    var rows: Set<Int> = []
    for query in queries?.shown ?? [] {
      for result in query.results { rows.formUnion(result.hits.map(\.example)) }
    }
    rows.formUnion(suspects?.suspects.map(\.row) ?? [])
    for group in duplicates?.groups ?? [] {
      rows.formUnion(group.rows.prefix(DuplicatePart.mostTexts))
    }
    rows.formUnion(duplicates?.leaks.map(\.example) ?? [])
    return rows
  }

  func report(_ stage: String, _ fraction: Double) { progress?(stage, fraction) }
}
