public import Gradients
public import LinearAlgebra

/// A method that compares examples by what the model's last layer reads of them, and not by gradients.
///
/// It has no M: scores do not come from S = Σ V·M·Gᵀ, there are no blocks and no damping.
public protocol RepresentationMethod: ConfigurableMethod {
  /// Whether the method compares the classes of examples, so that it refuses examples that have none.
  static var comparesClasses: Bool { get }

  /// Refuses representations that the method cannot be applied to, before any work.
  ///
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)``.
  func check(_ training: Representations) throws(InfluenceError)

  /// Scores training examples for queries.
  ///
  /// - Parameters:
  ///   - queries: m examples with their labels.
  ///   - training: n examples.
  /// - Returns: S, `m × n`, helpful-positive.
  /// - Throws: ``InfluenceError``.
  func values(
    of queries: Representations, on training: Representations
  ) throws -> Matrix<Double>

  /// The score of every training example on itself.
  ///
  /// - Throws: ``InfluenceError/noSelfInfluence(method:reason:)`` where that says nothing.
  func selfInfluence(on training: Representations) throws(InfluenceError) -> [Double]
}

extension RepresentationMethod {
  /// True unless a method says otherwise.
  public static var comparesClasses: Bool { true }

  /// Refuses examples without classes, where the method compares them.
  func requireClasses(of examples: Representations) throws(InfluenceError) {
    guard Self.comparesClasses, !examples.isLabelled else { return }
    throw .missingInput(
      method: name, source: examples.source,
      reason:
        "the examples have no classes, which this method compares (those of models that predict tokens have none); choose similarity, or a method on gradients"
    )
  }

  /// Scores queries, or their mean, with times.
  ///
  /// - Parameters:
  ///   - queries: m examples with their labels.
  ///   - training: n examples.
  ///   - aggregation: One row of scores per query, or the mean row.
  /// - Throws: ``InfluenceError``.
  public func scores(
    of queries: Representations, on training: Representations, aggregation: Aggregation = .none
  ) throws -> Scores {
    let clock = ContinuousClock()
    let start = clock.now
    try validateSettings()
    guard training.count > 0 else { throw InfluenceError.empty(source: training.source) }
    guard queries.count > 0 else { throw InfluenceError.empty(source: queries.source) }
    guard queries.features.columns == training.features.columns else {
      throw InfluenceError.missingInput(
        method: name, source: queries.source,
        reason:
          "its \(queries.features.columns) features are not the \(training.features.columns) of \(training.source); compute both from the same model"
      )
    }
    try requireClasses(of: training)
    try requireClasses(of: queries)
    try check(training)
    var values = try values(of: queries, on: training)
    guard values.elements.allSatisfy(\.isFinite) else {
      throw InfluenceError.missingInput(
        method: name, source: training.source,
        reason: "products of its features are too large for 64 bits; scale them")
    }
    if aggregation == .mean { values = values.meanRow() }
    var warnings = [unseenClasses(of: queries, on: training), LostDigits.warning(of: values)]
    if aggregation == .none {
      let zeros = (0..<values.rows).filter { row in values[row: row].allSatisfy { $0 == 0 } }
      if !zeros.isEmpty {
        warnings.append(
          "\(name): all scores of \(zeros.count == 1 ? "1 query" : "\(zeros.count) queries") are zero and rank nothing"
        )
      }
    }
    return Scores(
      method: name, settings: settings, values: values, aggregation: aggregation, certificate: nil,
      warnings: warnings.compactMap(\.self), seconds: (clock.now - start).inSeconds,
      provenance: RepresentedExamples(training).provenance(
        scoring: RepresentedExamples(queries)))
  }

  /// What to say of queries of classes that no training example has; nil where there are none.
  private func unseenClasses(
    of queries: Representations, on training: Representations
  ) -> String? {
    guard Self.comparesClasses else { return nil }
    let unseen = Set(queries.labels).subtracting(training.labels).sorted()
    guard !unseen.isEmpty else { return nil }
    let shown = unseen.prefix(10).map(String.init).joined(separator: ", ")
    return
      "\(name): no training example is of class \(shown)\(unseen.count > 10 ? ", …" : ""), so that none can speak for the queries of it"
  }
}
