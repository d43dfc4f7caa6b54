public import Gradients
public import LinearAlgebra

/// A method that compares examples by what the model's last layer reads of them, and not by gradients.
///
/// It has no M: scores do not come from S = Σ V·M·Gᵀ, there are no blocks and no damping.
public protocol RepresentationMethod: Sendable {
  /// The name on the command line and in files, such as `rps`.
  var name: String { get }
  /// Settings by name, as they are recorded with the scores.
  var settings: [String: String] { get }
  /// Refuses settings that no examples could be scored with.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  func validateSettings() throws(InfluenceError)
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
  /// Scores queries, or their mean, with times.
  ///
  /// - Parameters:
  ///   - queries: m examples with their labels.
  ///   - training: n examples.
  ///   - aggregation: One row of scores a query, or the mean row.
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
    try check(training)
    var values = try values(of: queries, on: training)
    guard values.elements.allSatisfy(\.isFinite) else {
      throw InfluenceError.missingInput(
        method: name, source: training.source,
        reason: "products of its features are too large for 64 bits; scale them")
    }
    if aggregation == .mean { values = values.meanRow() }
    return Scores(
      method: name, settings: settings, values: values, aggregation: aggregation, certificate: nil,
      warnings: [], seconds: (clock.now - start).inSeconds)
  }
}

/// The methods on representations by name, as commands and files spell them.
public enum RepresentationCatalog {
  /// The names, in the order in which tables show them.
  public static let names = ["rps", "knn-shapley"]

  /// One line on each method.
  public static let summaries: [String: String] = [
    "rps": "representer points of the last layer, α·x·xᵀ",
    "knn-shapley": "Shapley value for a nearest-neighbour classifier; k=K",
  ]

  /// Makes a method from a name with settings after a colon, `knn-shapley:k=5`; nil for other names.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  public static func method(
    _ specification: String
  ) throws(InfluenceError) -> (any RepresentationMethod)? {
    let parts = specification.split(separator: ":", maxSplits: 1).map(String.init)
    guard let name = parts.first, names.contains(name) else { return nil }
    var settings = try EstimatorCatalog.parsedSettings(
      parts.count > 1 ? parts[1] : "", of: name)
    let method: any RepresentationMethod
    if name == "rps" {
      method = RepresenterPoints()
    } else {
      var shapley = NeighbourShapley()
      if let text = settings.removeValue(forKey: "k") {
        shapley.neighbours = try EstimatorCatalog.number(text, Int.init, "k", name)
      }
      method = shapley
    }
    if let left = settings.keys.min() {
      throw .invalidSetting(method: name, setting: left, reason: "the method has no such setting")
    }
    try method.validateSettings()
    return method
  }
}
