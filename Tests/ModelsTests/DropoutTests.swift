import Data
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Dropout at gradient time, and margins")
struct DropoutTests {
  @Test("No dropout and a rate of zero are the same bit for bit", arguments: [true, false])
  func zero(isAdapted: Bool) throws {
    let model = try Examples.network(.relu, isAdapted: isAdapted, of: Float.self)
    let data = try Examples.data(of: Float.self)
    let plain = try PerExampleGradients(of: model).batch(of: data)
    let zero = try PerExampleGradients(of: model, dropout: Dropout(rate: 0, seed: 5)).batch(
      of: data)
    #expect(plain.blocks == zero.blocks && plain.losses == zero.losses)
  }

  /// A silent unit is one whose outgoing weights are zero, a kept one has them divided by 1 − rate: for
  /// one example the masked network is an ordinary network.
  @Test(
    "An example's gradients are the slopes of its masked loss",
    arguments: PerExampleGradientsTests.networks)
  func slopes(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(count: 5, of: Double.self)
    let dropout = try Dropout(rate: 0.4, seed: 11)
    let gradients = PerExampleGradients(of: model, dropout: dropout)
    let batch = try gradients.batch(of: data)
    let step = 1e-6
    for (index, values) in model.trainableValues.enumerated() {
      for column in values.indices {
        var (above, below) = (model, model)
        above.trainableValues[index][column] += step
        below.trainableValues[index][column] -= step
        let high = try PerExampleGradients(of: above, dropout: dropout).batch(of: data).losses
        let low = try PerExampleGradients(of: below, dropout: dropout).batch(of: data).losses
        for row in 0..<data.count {
          let slope = (high[row] - low[row]) / (2 * step)
          // Rounding of the losses over the step, and the cubic remainder.
          #expect(abs(slope - batch.blocks[index][row, column]) < 1e-7)
        }
      }
    }
    #expect(batch.losses != (try PerExampleGradients(of: model).batch(of: data).losses))
  }

  @Test("An example's mask does not depend on the batch")
  func alone() throws {
    let model = try Examples.network(.tanh, isAdapted: false, of: Double.self)
    let data = try Examples.data(count: 9, of: Double.self)
    let gradients = PerExampleGradients(of: model, dropout: try Dropout(rate: 0.5, seed: 1))
    let whole = try gradients.batch(of: data)
    let part = try gradients.batch(of: data, rows: 4..<7)
    for (all, some) in zip(whole.blocks, part.blocks) {
      expectClose(Matrix(all.view[rows: 4..<7]), some, bound: .relative(1e-13))
    }
    var rows: [Range<Int>] = []
    try gradients.forEachBatch(of: data, batchSize: 2) { range, blocks, _ in
      rows.append(range)
      expectClose(blocks[0], Matrix(whole.blocks[0].view[rows: range]), bound: .relative(1e-13))
    }
    #expect(rows.count == 5)
  }

  @Test("Members differ, the first has none, and rates stay below the largest")
  func members() throws {
    let members = try Dropout.members(count: 6, maximum: 0.2, seed: 4)
    #expect(members[0].rate == 0)
    #expect(members.dropFirst().allSatisfy { $0.rate > 0 && $0.rate < 0.2 })
    #expect(Set(members).count == 6)
    #expect(
      members[1].varied(by: 0) != members[1] && members[1].varied(by: 0) != members[1].varied(by: 1)
    )
    for count in [0, -1, 1001, 1 << 62] {
      #expect(throws: ModelError.self) { try Dropout.members(count: count, seed: 0) }
    }
    #expect(throws: ModelError.self) { try Dropout(rate: 1, seed: 0) }
  }

  /// The mean over T independent members has a T-th of the variance of one.
  @Test("The variance of an ensemble's mean falls as 1/T")
  func variance() throws {
    let model = try Examples.network(.tanh, isAdapted: false, of: Double.self)
    let data = try Examples.data(count: 4, of: Double.self)
    // One score: the inner product of two examples' gradients, each with masks of its own.
    func score(_ seed: UInt64) throws -> Double {
      let dropout = try Dropout(rate: 0.3, seed: seed)
      let train = try PerExampleGradients(of: model, dropout: dropout.varied(by: 0)).batch(of: data)
      let query = try PerExampleGradients(of: model, dropout: dropout.varied(by: 1)).batch(of: data)
      return zip(train.blocks, query.blocks).reduce(0) { sum, pair in
        sum + zip(pair.0[row: 0], pair.1[row: 1]).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    let count = 2000
    let scores = try (0..<count).map { try score(UInt64($0)) }
    func variance(membersEach size: Int) -> Double {
      let means = stride(from: 0, to: count, by: size).map { first in
        scores[first..<first + size].reduce(0, +) / Double(size)
      }
      let mean = means.reduce(0, +) / Double(means.count)
      return means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(means.count - 1)
    }
    let one = variance(membersEach: 1)
    for size in [4, 10] {
      // A variance of k numbers has a relative deviation of about √(2/k), more with heavy tails.
      let deviation = (2 / Double(count / size)).squareRoot()
      #expect(abs(Double(size) * variance(membersEach: size) / one - 1) < 5 * deviation)
    }
  }

  @Test("Margins: slopes of log p/(1 − p)", arguments: PerExampleGradientsTests.networks)
  func margins(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let losses = try PerExampleGradients(of: model).batch(of: data)
    let margins = try PerExampleGradients(of: model, target: .margin).batch(of: data)
    let probabilities = try model.labelProbabilities(of: data)
    // ∇ log p/(1 − p) = −∇ℓ/(1 − p).
    for (margin, loss) in zip(margins.blocks, losses.blocks) {
      for row in 0..<data.count {
        let expected = loss[row: row].map { -$0 / (1 - probabilities[row]) }
        expectClose(
          Array(margin[row: row]), expected, bound: .absolute(1e-10 * max(1, Naive.norm(expected))))
      }
    }
    #expect(margins.losses == losses.losses)
  }

  /// Where p rounds to one, 1 − p is zero and dividing by it would be NaN.
  @Test("A margin's gradient stays finite where an example fits perfectly")
  func certain() throws {
    let model = try MultilayerPerceptron<Float>(
      layers: [
        LinearLayer(weight: Matrix(rows: 3, columns: 1, elements: [200, -10, 0]), bias: [0, 0, 0])
      ], activation: .tanh)
    let data = try TabularDataSet<Float>(
      features: Matrix(rows: 1, columns: 1, elements: [1]), labels: [0], classCount: 3)
    let batch = try PerExampleGradients(of: model, target: .margin).batch(of: data)
    #expect(try model.labelProbabilities(of: data) == [1])
    // The others' softmax is (e^−10, 1)/(1 + e^−10).
    let bias = Array(batch.blocks[1][row: 0])
    #expect(bias[0] == 1 && abs(bias[1] + 4.539787e-5) < 1e-10 && abs(bias[2] + 0.9999546) < 1e-6)
  }
}
