import Data
import LinearAlgebra
import Models
import Testing

@Suite("The digits task")
struct DigitsTaskTests {
  @Test("fine-tuning on flipped labels learns the digits, in seconds")
  func run() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let task = DigitsTask()
    let outcome = try task.run(in: Float.self)
    print(
      "digits task: \(clock.now - start), base \(outcome.baseAccuracy), fine-tuned \(outcome.accuracy), losses \(outcome.losses.first ?? .nan) to \(outcome.losses.last ?? .nan)"
    )
    #expect(outcome.accuracy > 0.85)
    #expect(outcome.training.count == 1000 && outcome.queries.count == 200)
    #expect(outcome.flippedRows.count == 200)
    let changed = outcome.trueLabels.indices.filter {
      outcome.trueLabels[$0] != outcome.training.labels[$0]
    }
    #expect(changed == outcome.flippedRows)
    #expect(Set(outcome.training.ids).isDisjoint(with: outcome.queries.ids))
    #expect(outcome.losses.count == task.fineTuning.epochs)

    // Alive: B has left zero, so A has gradients.
    let batch = try PerExampleGradients(of: outcome.model).batch(of: outcome.training)
    for block in batch.blocks {
      #expect(block.view.squaredRowNorms().allSatisfy { $0 > 0 })
    }
    // The flipped are fitted worse: what makes them findable at all.
    let flipped = Set(outcome.flippedRows)
    func meanLoss(_ rows: [Int]) -> Double {
      rows.map { batch.losses[$0] }.reduce(0, +) / Double(rows.count)
    }
    #expect(
      meanLoss(outcome.flippedRows) > 2 * meanLoss((0..<1000).filter { !flipped.contains($0) }))
    #expect(try task.run(in: Float.self).model == outcome.model)
  }
}
