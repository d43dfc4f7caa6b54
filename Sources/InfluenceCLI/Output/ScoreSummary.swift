import InfluenceKit

/// What is kept of scores whose rows have been written.
struct ScoreSummary {
  let queryCount: Int
  let exampleCount: Int
  /// The first query's selection, where only the top is kept.
  var preview: TopExamples?
  var warnings: [String]
  var residuals: [Double] = []
  var bounds: [Double] = []
  var largest = 0.0
  var seconds = 0.0
  /// Of the first queries that were scored at a time; the others' are alike.
  var convergence: [BlockConvergence] = []

  init(queryCount: Int, exampleCount: Int, warnings: [String]) {
    self.queryCount = queryCount
    self.exampleCount = exampleCount
    self.warnings = warnings
  }

  mutating func add(_ scores: Scores) {
    residuals += scores.certificate?.relativeResiduals ?? []
    bounds += scores.certificate?.errorBounds() ?? []
    largest = scores.values.elements.reduce(largest) { max($0, abs($1)) }
    seconds += scores.seconds
    if convergence.isEmpty { convergence = scores.convergence }
    for warning in scores.warnings where !warnings.contains(warning) { warnings.append(warning) }
  }

  var certificate: OrderedJSON {
    residuals.isEmpty ? .null : RunRecord.certificate(residuals: residuals, bounds: bounds)
  }
}
