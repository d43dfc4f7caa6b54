import Data
import LinearAlgebra
import Models
import Testing

import Evaluation

@Suite("The linear datamodeling score")
struct LinearDatamodelingScoreTests {
  @Test("Sums over subsets, then Spearman of ranks found by counting")
  func naive() throws {
    var generator = SeededGenerator(seed: 71)
    let scores = Matrix<Double>.normal(4, 10, using: &generator)
    let subsets = try RandomSubsets.subsets(12, of: 10, seed: 1)
    let truth = Matrix(
      rows: 4, columns: 12, elements: (0..<48).map { _ in Double(generator.index(below: 5)) })
    let found = try LinearDatamodelingScore(scores: scores, subsets: subsets, truth: truth)
    var expected: [Double] = []
    for query in 0..<4 {
      let sums = subsets.map { subset in
        var sum = 0.0
        for row in subset { sum += scores[query, row] }
        return sum
      }
      expected.append(naivePearson(naiveRanks(sums), naiveRanks(Array(truth[row: query]))))
    }
    for (found, expected) in zip(found.correlations, expected) {
      #expect(abs((found ?? .nan) - expected) <= correlationBound(12))
    }
    let mean = expected.reduce(0, +) / 4
    #expect(abs((found.mean ?? .nan) - mean) <= correlationBound(12))
    let interval = try found.interval(Bootstrap(resamples: 100))
    #expect(interval.count == 4 && interval.lower >= (expected.min() ?? 0) - 1e-12)
  }

  @Test("Additive truth is foretold exactly, and its opposite too")
  func additive() throws {
    var generator = SeededGenerator(seed: 72)
    let scores = Matrix<Double>.normal(3, 20, using: &generator)
    let subsets = try RandomSubsets.subsets(30, of: 20, seed: 2)
    var truth = try LinearDatamodelingScore.predictions(scores: scores, subsets: subsets)
    truth.scale(by: 0.25)
    let right = try LinearDatamodelingScore(scores: scores, subsets: subsets, truth: truth)
    truth.scale(by: -1)
    let wrong = try LinearDatamodelingScore(scores: scores, subsets: subsets, truth: truth)
    #expect(abs((right.mean ?? 0) - 1) <= correlationBound(30))
    #expect(abs((wrong.mean ?? 0) + 1) <= correlationBound(30))
  }

  @Test("Constant predictions and constant truth are counted, not averaged")
  func constants() throws {
    let scores = Matrix(rows: 3, columns: 2, elements: [1.0, 1, 1, 2, 1, 2])
    let truth = Matrix(rows: 3, columns: 2, elements: [1.0, 2, 5, 5, 1, 2])
    let found = try LinearDatamodelingScore(
      scores: scores, subsets: [[0], [1]], truth: truth)
    #expect(found.undefinedQueries == [0, 1] && found.correlations[2] != nil)
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) { try found.interval() }
    let none = try LinearDatamodelingScore(
      scores: Matrix<Double>.zeros(2, 2), subsets: [[0], [1]],
      truth: Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 4]))
    #expect(none.mean == nil)
  }

  @Test("What cannot be measured says why")
  func errors() {
    let scores = Matrix(rows: 1, columns: 2, elements: [1.0, 2])
    func measure(_ scores: Matrix<Double>, _ subsets: [[Int]], _ truth: [Double]) throws {
      _ = try LinearDatamodelingScore(
        scores: scores, subsets: subsets,
        truth: Matrix(rows: 1, columns: truth.count, elements: truth))
    }
    #expect(throws: EvaluationError.notFiniteScore(.second, row: 0, column: 1)) {
      try measure(scores, [[0], [1]], [1, .nan])
    }
    #expect(throws: EvaluationError.notFiniteScore(.first, row: 0, column: 0)) {
      try measure(Matrix(rows: 1, columns: 2, elements: [.nan, 1]), [[0], [1]], [1, 2])
    }
    #expect(throws: EvaluationError.rowOutOfRange(index: 2, count: 2)) {
      try measure(scores, [[0], [2]], [1, 2])
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try measure(scores, [[0]], [1])
    }
    #expect(
      throws: EvaluationError.differentShapes(rows: 1, columns: 3, otherRows: 1, otherColumns: 2)
    ) { try measure(scores, [[0], [1]], [1, 2, 3]) }
  }

  @Test("Random subsets: of one size, ascending, the first the same whatever their number")
  func subsets() throws {
    let five = try RandomSubsets.subsets(5, of: 11, seed: 4)
    let nine = try RandomSubsets.subsets(9, of: 11, seed: 4)
    #expect(Array(nine.prefix(5)) == five && Set(nine).count > 1)
    for subset in nine {
      #expect(subset.count == 6 && subset == Set(subset).sorted())
      #expect(subset.allSatisfy { (0..<11).contains($0) })
      #expect((subset + RandomSubsets.complement(of: subset, in: 11)).sorted() == Array(0..<11))
    }
    #expect(try RandomSubsets.subsets(5, of: 11, seed: 5) != five)
    let groups = try RandomSubsets.partition(of: 10, groups: 3, seed: 1)
    #expect(groups.map(\.count).sorted() == [3, 3, 4])
    #expect(groups.joined().sorted() == Array(0..<10))
    #expect(throws: EvaluationError.fractionOutOfRange(0)) {
      try RandomSubsets.subsets(1, of: 4, fraction: 0, seed: 0)
    }
    #expect(throws: EvaluationError.tooFewValues(count: 2, needed: 3)) {
      try RandomSubsets.partition(of: 2, groups: 3, seed: 0)
    }
  }

  /// Each row is in a subset with chance ½: its number of 400 subsets is binomial, here within 5
  /// standard deviations of 10.
  @Test("Every row is as likely as any other")
  func uniformity() throws {
    var counts = [Int](repeating: 0, count: 20)
    for row in try RandomSubsets.subsets(400, of: 20, seed: 6).joined() { counts[row] += 1 }
    #expect(counts.allSatisfy { abs($0 - 200) <= 50 })
  }

  @Test("Influence of a convex model foretells training on halves")
  func convexModel() throws {
    let (data, queries) = try clouds(60, queries: 15)
    let settings = NewtonSettings(regularization: 0.1)
    let model = try LogisticRegression(trainedOn: data, settings: settings)
    let factor = try Cholesky(factoring: model.hessian())
    let scores = Matrix(
      product: factor.solution(rows: model.gradients(of: queries)).view,
      model.gradients(of: data).transposed)
    let subsets = try RandomSubsets.subsets(40, of: 60, seed: 1)
    let truth = try SubsetTruth(
      of: subsets, by: Retraining(of: model, on: data, queries: queries),
      seeds: [1, 2, 3])
    // A convex model has no seeds.
    #expect(truth.bySeed.count == 1 && truth.results.computed == 40)
    let right = try LinearDatamodelingScore(
      scores: scores, subsets: subsets, truth: truth.values)
    let mean = try #require(right.mean)
    #expect(mean > 0.8)
    // Scores of random numbers have a mean within 5 standard deviations of 0: one correlation of 40
    // values has 1/√39, and queries of one truth may all go together.
    var generator = SeededGenerator(seed: 73)
    let random = try LinearDatamodelingScore(
      scores: .normal(15, 60, using: &generator), subsets: subsets, truth: truth.values)
    #expect(abs(try #require(random.mean)) < 5 / 39.0.squareRoot())
  }
}

/// Two clouds of points in 3 dimensions that overlap, of classes 0 and 1.
func clouds(
  _ count: Int, queries: Int, seed: UInt64 = 81
) throws -> (data: TabularDataSet<Double>, queries: TabularDataSet<Double>) {
  var generator = SeededGenerator(seed: seed)
  let labels = (0..<count + queries).map { $0 % 2 }
  var features = Matrix<Double>.normal(count + queries, 3, using: &generator)
  for (row, label) in labels.enumerated() { features[row, 0] += label == 1 ? 1.5 : -0.5 }
  let all = try TabularDataSet(features: features, labels: labels, classCount: 2)
  return (all.selecting(Array(0..<count)), all.selecting(Array(count..<count + queries)))
}
