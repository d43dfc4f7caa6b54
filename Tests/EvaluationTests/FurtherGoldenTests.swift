import Foundation
import LinearAlgebra
import TestSupport
import Testing

import Evaluation

/// Numbers of numpy and scipy, written by `scripts/oracles/metrics.py further`.
private struct FurtherMetrics: Decodable {
  struct Student: Decodable {
    let degrees: Double
    let level: Double
    let quantile: Double
    let upperTail: Double
  }
  struct MeanCase: Decodable {
    let values: [Double]
    let level: Double
    let lower: Double
    let upper: Double
  }
  struct BootstrapCase: Decodable {
    let name: String
    let sample: [Double]
    let percentile: [Double]
    let bca: [Double]
  }
  struct Classes: Decodable {
    let scores: [[Double]]
    let training: [Int]
    let queries: [Int]
    let auc: [Double?]
    let recall: [Double?]
    let meanAuc: Double
    let deviationAuc: Double
    let meanRecall: Double
    let deviationRecall: Double
  }
  struct Subsets: Decodable {
    let scores: [[Double]]
    let subsets: [[Int]]
    let truth: [[Double]]
    let correlations: [Double?]
    let mean: Double
  }
  struct Fairness: Decodable {
    let predictions: [Int]
    let labels: [Int]
    let groups: [Int]
    let groupCount: Int
    let accepted: [Double]
    let truePositive: [Double]
    let acceptedGap: Double
    let truePositiveGap: Double
  }
  struct Winning: Decodable {
    let results: [[Double]]
    let weights: [Double]
    let shares: [Double]
  }

  let student: [Student]
  let meanInterval: [MeanCase]
  let bootstrap: [BootstrapCase]
  let classDetection: Classes
  let lds: Subsets
  let fairness: [Fairness]
  let winningRate: Winning

  static func read() throws -> FurtherMetrics {
    let url = try #require(
      Bundle.module.url(
        forResource: "metrics_further", withExtension: "json", subdirectory: "Fixtures"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(FurtherMetrics.self, from: Data(contentsOf: url))
  }
}

private func matrix(_ rows: [[Double]]) -> Matrix<Double> {
  Matrix(rows: rows.count, columns: rows.first?.count ?? 0, elements: rows.flatMap { $0 })
}

@Suite("Further measures of numpy and scipy")
struct FurtherGoldenTests {
  private let golden: FurtherMetrics

  init() throws { golden = try FurtherMetrics.read() }

  @Test("Student's quantiles and tails")
  func student() throws {
    for known in golden.student {
      let distribution = StudentDistribution(degreesOfFreedom: known.degrees)
      // Both sides claim about 1e-13; scipy's own inversion loses a digit or two.
      expectClose(
        distribution.centralQuantile(known.level), known.quantile, bound: .relative(1e-11))
      expectClose(distribution.upperTail(1.5), known.upperTail, bound: .relative(1e-12))
    }
    for known in golden.meanInterval {
      let interval = try MeanInterval.student(of: known.values, level: known.level)
      expectClose(
        [interval.lower, interval.upper], [known.lower, known.upper], bound: .relative(1e-12))
    }
  }

  /// Both sides draw 200,000 resamples.
  ///
  /// At p = 0.025 the quantile of a normal has the error
  /// √(p(1 − p)/B)/φ(1.96) = 0.0060 standard errors of the mean; BCa's z₀ has √(¼/B)/φ(0) = 0.0028 and
  /// moves the ends by twice that. Both add up to 0.0083, √2 times that for two sides, and 5 of those.
  @Test("Bootstrap intervals within the error of resampling")
  func bootstrap() throws {
    for known in golden.bootstrap {
      let count = Double(known.sample.count)
      let mean = known.sample.reduce(0, +) / count
      let error =
        (known.sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count / count).squareRoot()
      for method in Bootstrap.Method.allCases {
        let interval = try Bootstrap(resamples: 200_000, method: method).meanInterval(
          of: known.sample)
        expectClose(
          [interval.lower, interval.upper], method == .percentile ? known.percentile : known.bca,
          bound: .absolute(0.059 * error), "\(known.name), \(method.rawValue)")
      }
      // The tolerance tells one method from the other.
      #expect(abs(known.bca[0] - known.percentile[0]) > 0.059 * error)
    }
  }

  @Test("Class detection, with queries of a class that has no examples")
  func classDetection() throws {
    let known = golden.classDetection
    let found = try ClassDetection(
      scores: matrix(known.scores), trainingClasses: known.training, queryClasses: known.queries)
    for (query, auc) in zip(found.queries, known.auc) {
      #expect((query?.areaUnderROC == nil) == (auc == nil))
      expectClose(query?.areaUnderROC ?? 0, auc ?? 0, bound: .absolute(1e-15))
    }
    #expect(found.queries.map { $0?.recall } == known.recall)
    #expect(found.queriesWithoutClass == [5])
    let (auc, recall) = (try #require(found.areaUnderROC), try #require(found.recall))
    #expect(auc.count == 6 && recall.count == 6)
    expectClose(
      [auc.mean, auc.deviation, recall.mean, recall.deviation],
      [known.meanAuc, known.deviationAuc, known.meanRecall, known.deviationRecall],
      bound: .absolute(1e-14))
  }

  @Test("The linear datamodeling score, with constant rows")
  func datamodeling() throws {
    let known = golden.lds
    let found = try LinearDatamodelingScore(
      scores: matrix(known.scores), subsets: known.subsets, truth: matrix(known.truth))
    #expect(found.undefinedQueries == [3, 4])
    for (found, known) in zip(found.correlations, known.correlations) {
      #expect((found == nil) == (known == nil))
      expectClose(found ?? 0, known ?? 0, bound: .absolute(2 * correlationBound(15)))
    }
    expectClose(found.mean ?? .nan, known.mean, bound: .absolute(2 * correlationBound(15)))
  }

  @Test("Fairness gaps of two and of four groups")
  func fairness() throws {
    for known in golden.fairness {
      let accepted = try FairnessGaps.demographicParity(
        predictions: known.predictions, groups: known.groups, groupCount: known.groupCount)
      let positive = try FairnessGaps.equalOpportunity(
        predictions: known.predictions, labels: known.labels, groups: known.groups,
        groupCount: known.groupCount)
      #expect(accepted.rates == known.accepted)
      #expect(positive.rates == known.truePositive)
      expectClose(accepted.meanAbsoluteGap, known.acceptedGap, bound: .absolute(1e-15))
      expectClose(positive.meanAbsoluteGap, known.truePositiveGap, bound: .absolute(1e-15))
    }
  }

  @Test("Winning rates")
  func winningRate() throws {
    let known = golden.winningRate
    let found = try WinningRate(results: matrix(known.results), weights: known.weights)
    expectClose(found.shares, known.shares, bound: .absolute(1e-15))
  }
}
