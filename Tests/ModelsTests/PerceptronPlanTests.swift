import Data
import LinearAlgebra
import Models
import Testing

@Suite("A perceptron of mislabelled digits")
struct PerceptronPlanTests {
  @Test("fine-tuning on flipped labels learns the digits, in seconds")
  func run() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let plan = PerceptronPlan()
    let parts = try MislabelledExamples<Float>().parts(seed: 0)
    var stages: [String] = []
    let model = try plan.trained(on: parts, seed: 0) { stage, _ in stages.append(stage) }.network
    let accuracy = try model.accuracy(on: parts.test)
    print("digits: \(clock.now - start), accuracy \(accuracy)")
    #expect(accuracy > 0.85)
    #expect(parts.training.count == 1000 && parts.test.count == 200)
    #expect(parts.wrongRows.count == 200 && parts.base?.count == 597)
    let trueLabels = try #require(parts.trueLabels)
    let changed = trueLabels.indices.filter { trueLabels[$0] != parts.training.labels[$0] }
    #expect(Set(changed) == parts.wrongRows)
    #expect(Set(parts.training.ids).isDisjoint(with: parts.test.ids))
    #expect(parts.validation == parts.test)
    #expect(stages.count { $0 == "base model" } == plan.baseEpochs)
    #expect(stages.count { $0 == "training" } == plan.training.epochs)

    // Alive: B has left zero, so A has gradients.
    let batch = try PerExampleGradients(of: model).batch(of: parts.training)
    for block in batch.blocks {
      #expect(block.view.squaredRowNorms().allSatisfy { $0 > 0 })
    }
    // The flipped are fitted worse: what makes them findable at all.
    func meanLoss(_ rows: [Int]) -> Double {
      rows.map { batch.losses[$0] }.reduce(0, +) / Double(rows.count)
    }
    #expect(
      meanLoss(changed) > 2 * meanLoss((0..<1000).filter { !parts.wrongRows.contains($0) }))
    let again = try MislabelledExamples<Float>().parts(seed: 0)
    #expect(try plan.trained(on: again, seed: 0).network == model)
  }
}
