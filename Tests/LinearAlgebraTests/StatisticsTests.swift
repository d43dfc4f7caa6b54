import Foundation
import LinearAlgebra
import Testing

@Suite("Statistics")
struct StatisticsTests {
  @Test("The median is the middle value, or the mean of the two in the middle, in any order")
  func median() {
    #expect(Statistics.median([Double]()) == nil)
    #expect(Statistics.median([7]) == 7)
    #expect(Statistics.median([9, 1]) == 5)
    #expect(Statistics.median([5, 1, 100]) == 5)
    #expect(Statistics.median([5, 1, 100, 3]) == 4)
    #expect(Statistics.median([.infinity, 1, 2]) == 2)
  }

  @Test("Values at places of the order are those of the order", arguments: [1, 2, 1000, 70_000])
  func orderStatistics(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    var values = Matrix<Double>.normal(1, count, using: &generator).elements
    for place in values.indices where place % 7 == 3 { values[place] = -0.5 }
    values[0] = .infinity
    values[count / 2] = -.leastNonzeroMagnitude
    let sorted = values.sorted()
    let ranks = [0, count / 20, count / 4, count / 2, count - 1]
    let found = OrderStatistics.values(atRanks: ranks) { values.forEach($0) }
    #expect(found == ranks.map { sorted[$0] })
    #expect(OrderStatistics.values(atRanks: []) { _ in }.isEmpty)
  }

  @Test("The mean")
  func mean() {
    #expect(Statistics.mean([1, 2, 6]) == 3)
    #expect(Statistics.mean([Double]()).isNaN)
  }

  @Test("Softmax of logits that overflow exp, and its sum of powers")
  func softmax() {
    let softmax = Softmax([1e4, 1e4, -1e4])
    #expect(softmax.probabilities == [0.5, 0.5, 0])
    #expect(softmax.largest == 1e4 && softmax.total == 2)
    let small = Softmax([1.0, 2, 3])
    // log Σ exp z, with three operations on numbers near 3.
    let logSum = small.largest + log(small.total)
    #expect(abs(logSum - log(exp(1) + exp(2) + exp(3))) <= 4 * logSum.ulp)
    #expect(Softmax([Float]()).probabilities.isEmpty)
    let rows = Matrix<Float>(rows: 2, columns: 2, elements: [0, 0, 100, -100]).rowSoftmax()
    #expect(rows.elements == [0.5, 0.5, 1, 0])
  }

  @Test("Logistic probability and loss on both sides of zero", arguments: [0, 0.5, 3, 40, 800])
  func logistic(logit: Double) {
    for (z, label) in [(logit, 1), (-logit, 0), (logit, 0), (-logit, 1)] {
      let probability = Logistic.probability(z)
      #expect(abs(probability + Logistic.probability(-z) - 1) <= .ulpOfOne)
      let own = label == 1 ? z : -z
      // At 800 the probability of the wrong class is 0 in double precision, and the loss still 800.
      let expected = own > 0 ? log1p(exp(-own)) : log1p(exp(own)) - own
      #expect(Logistic.loss(logit: z, label: label) == expected)
    }
  }

  @Test("A column of ones at the end, and the columns of the largest elements, the first of equals")
  func rows() {
    let matrix = Matrix<Double>(rows: 2, columns: 3, elements: [1, 3, 3, 0, 0, -1])
    #expect(matrix.appendingOnes().elements == [1, 3, 3, 1, 0, 0, -1, 1])
    #expect(Matrix<Double>.zeros(2, 0).appendingOnes().elements == [1, 1])
    #expect(matrix.columnsOfRowMaxima() == [1, 0])
  }
}
