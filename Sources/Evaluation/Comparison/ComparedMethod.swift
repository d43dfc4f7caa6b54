import Gradients
import Influence

/// A method of a comparison: on gradients, or on representations with what it reads.
enum ComparedMethod {
  case gradients(any Estimator)
  case representations(
    any RepresentationMethod, training: Representations, queries: Representations)

  /// Finds a method by its name and settings.
  ///
  /// - Throws: `InfluenceError`, also where a method's representations are not given.
  init(
    _ specification: String, _ given: (training: Representations, queries: Representations)?
  ) throws {
    guard let method = try RepresentationCatalog.method(specification) else {
      self = .gradients(try EstimatorCatalog.estimator(specification))
      return
    }
    guard let given else { throw InfluenceError.needsRepresentations(method: method.name) }
    try method.check(given.training)
    self = .representations(method, training: given.training, queries: given.queries)
  }

  /// The method on gradients, if it is one.
  var estimator: (any Estimator)? {
    guard case .gradients(let estimator) = self else { return nil }
    return estimator
  }

  /// The scores of a method on representations, which must be of the same examples as the gradients.
  ///
  /// - Parameter rows: n and m of the gradients.
  func representationScores(rows: (training: Int, queries: Int)) throws -> Scores {
    guard case .representations(let method, let training, let queries) = self else {
      preconditionFailure("asked of a method on gradients")
    }
    for (examples, count) in [(training, rows.training), (queries, rows.queries)]
    where examples.count != count {
      throw InfluenceError.missingInput(
        method: method.name, source: examples.source,
        reason: "\(examples.count) rows where there are \(count) of gradients; write both together")
    }
    return try method.scores(of: queries, on: training)
  }
}
