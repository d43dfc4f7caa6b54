import Foundation
import Testing

import Evaluation

/// Numbers of scipy and scikit-learn, written by `scripts/oracles/metrics.py`.
private struct GoldenMetrics: Decodable {
  struct Case: Decodable, CustomTestStringConvertible {
    let name: String
    let x: [Double]
    let y: [Double]
    let labels: [Int]
    let pearson: Double?
    let spearman: Double?
    let auc: Double?
    let recall: [String: Double?]
    let topOverlap: Double

    var testDescription: String { name }
    var positives: Set<Int> { Set(labels.indices.filter { labels[$0] == 1 }) }
  }

  let cases: [Case]

  static func read() throws -> [Case] {
    let url = try #require(
      Bundle.module.url(forResource: "metrics", withExtension: "json", subdirectory: "Fixtures"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(GoldenMetrics.self, from: Data(contentsOf: url)).cases
  }
}

@Suite("Metrics of scipy and scikit-learn")
struct GoldenMetricsTests {
  @Test(
    "Every measure agrees, and is undefined where theirs is", arguments: try GoldenMetrics.read())
  private func agrees(golden: GoldenMetrics.Case) throws {
    expect(golden.pearson, correlationBound(golden.x.count)) {
      () throws(EvaluationError) in try Correlation.pearson(golden.x, golden.y)
    }
    expect(golden.spearman, correlationBound(golden.x.count)) {
      () throws(EvaluationError) in try Correlation.spearman(golden.x, golden.y)
    }
    // scikit-learn adds up trapezoids, at most n of them, each below 1.
    expect(golden.auc, Double(golden.x.count) * 0x1p-52) {
      () throws(EvaluationError) in
      try Detection.areaUnderROC(scores: golden.x, positives: golden.positives)
    }
    for (percent, recall) in golden.recall {
      let fraction = try #require(Double(percent)) / 100
      expect(recall, 0) {
        () throws(EvaluationError) in
        try Detection.recall(
          atFraction: fraction, scores: golden.x, positives: golden.positives)
      }
    }
    #expect(try Ranking.topOverlap(golden.x, golden.y) == golden.topOverlap)
  }

  /// The value is within the bound of the golden one; where that is missing, it is an error.
  private func expect(
    _ golden: Double?, _ bound: Double, _ value: () throws(EvaluationError) -> Double
  ) {
    do {
      let value = try value()
      guard let golden else {
        Issue.record("\(value) where no value is defined")
        return
      }
      #expect(abs(value - golden) <= bound)
    } catch {
      #expect(golden == nil, "\(error)")
    }
  }
}
