import Data
import Gradients
import Influence
import LinearAlgebra
import Models
import TensorFiles
import TestSupport
import Testing

import Evaluation

/// A number whose mean is learnt.
private struct Number: ContentHashable, Hashable {
  let value: Double

  func update(_ hash: inout ContentHash) { hash.update([value]) }
}

/// Numbers and queries that depend on the seed.
private struct Numbers: ExampleSource {
  func parts(seed: UInt64) throws -> ExampleParts<[Number]> {
    var generator = SeededGenerator(seed: seed)
    func draw(_ count: Int) -> [Number] {
      (0..<count).map { _ in Number(value: generator.normal()) }
    }
    return ExampleParts(training: draw(8), validation: draw(3))
  }
}

/// μ at the minimum of the mean of ½(x − μ)².
private struct MeanModel: DifferentiableModel {
  var mean = 0.0

  var layout: BlockLayout { BlockLayout([("mean", [1])]) }
  var penalty: Double { 0 }
  var dependsOnSeed: Bool { false }
  var recipe: OrderedJSON { ["model": "mean"] }

  func trained(
    on examples: [Number], weights: [Double]?, seed: UInt64, progress: ((Double) -> Void)?
  ) throws -> MeanModel {
    let weights = weights ?? examples.map { _ in 1 }
    let sum = zip(examples, weights).reduce(0) { $0 + $1.0.value * $1.1 }
    progress?(1)
    return MeanModel(mean: sum / weights.reduce(0, +))
  }

  func losses(of examples: [Number]) throws -> [Double] {
    examples.map { ($0.value - mean) * ($0.value - mean) / 2 }
  }

  func forEachGradientBatch(
    of examples: [Number], target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Double>], _ losses: [Double]) throws -> Void
  ) throws {
    // Batches of at most three, as models that need memory have them.
    for first in stride(from: 0, to: examples.count, by: min(3, batchSize)) {
      let rows = first..<min(first + min(3, batchSize), examples.count)
      let values = examples[rows].map { mean - $0.value }
      try body(
        rows, [Matrix(rows: rows.count, columns: 1, elements: values)],
        losses(of: Array(examples[rows])))
    }
  }

  func kroneckerFactors(
    over examples: [Number], labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] { [] }

  func hessian(over examples: [Number]) throws -> Matrix<Double> { .identity(1) }
  func gaussNewton(over examples: [Number]) throws -> Matrix<Double> { .identity(1) }
}

@Suite("Tasks: a source of examples and a model")
struct TrainingTaskTests {
  private let task = TrainingTask(Numbers(), MeanModel())

  @Test("A task of one's own is trained, differentiated and trained again on rows")
  func ownTask() throws {
    let trained = try task.trained(seed: 3)
    let values = trained.parts.training.map(\.value)
    let mean = values.reduce(0, +) / 8
    #expect(abs(trained.model.mean - mean) < 1e-14 && trained.seed == 3)
    #expect(trained.parts.test == trained.parts.validation)
    #expect(try task.trained(seed: 3).parts.training == trained.parts.training)
    #expect(try task.trained(seed: 4).parts.training != trained.parts.training)

    let gradients = try trained.gradients(for: ["exact-hessian"], as: Double.self)
    let rows = try gradients.training.rows(0..<8, of: 0, as: Double.self)
    #expect((0..<8).allSatisfy { abs(rows[$0, 0] - (mean - values[$0])) < 1e-14 })
    // The Hessian is 1: scores are products of gradients, and foretell what leaving one out does.
    let curvature = try Curvature(
      fitting: [EstimatorCatalog.estimator("exact-hessian")], on: gradients.training,
      options: CurvatureOptions(damping: .absolute(0), certifies: false, precision: .double))
    let scores = try curvature.scores(of: gradients.queries)[0].values
    let retraining = try trained.retraining()
    #expect(retraining.count == 8 && retraining.queryCount == 3 && !retraining.dependsOnSeed)
    for row in 0..<8 {
      let others = RandomSubsets.complement(of: [row], in: 8)
      let outcome = try retraining.outcome(of: TrainingRun(rows: others, seed: 9))
      let without = MeanModel(mean: others.reduce(0) { $0 + values[$1] } / 7)
      let expected = try without.losses(of: trained.parts.validation)
      expectClose(outcome.losses, expected, bound: .absolute(1e-14))
      #expect(outcome.margins.isEmpty && outcome.predictions.isEmpty)
      for query in 0..<3 {
        let query = (place: query, value: trained.parts.validation[query].value)
        #expect(
          abs(scores[query.place, row] - (mean - query.value) * (mean - values[row])) < 1e-13)
      }
    }
    let choices = [[0, 1], [2, 3, 4]]
    let truth = try SubsetTruth(of: choices, by: retraining, seeds: [1, 2])
    #expect(truth.bySeed.count == 1)
    for (column, rows) in choices.enumerated() {
      let losses = try MeanModel().trained(on: rows.map { trained.parts.training[$0] })
        .losses(of: trained.parts.validation)
      #expect((0..<3).allSatisfy { truth.values[$0, column] == -losses[$0] })
    }
  }

  @Test("What has no classes has neither accuracy nor margins")
  func noClasses() throws {
    let trained = try task.trained(seed: 0)
    #expect(throws: EvaluationError.noClasses) { try trained.answers(to: trained.parts.test) }
    #expect(throws: EvaluationError.noClasses) { try trained.accuracies(after: [[0]], seeds: [1]) }
    #expect(throws: EvaluationError.noClasses) {
      try SubsetTruth(of: [[0], [1]], by: trained.retraining(), measure: .margin)
    }
  }

  @Test("Outcomes without classes are kept, by the examples' content")
  func kept() throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let cache = try TruthCache(folder: folder.url)
    let run = TrainingRun(rows: [0, 2, 5])
    let first = try task.trained(seed: 0).retraining()
    let results = try first.results(of: [run], cache: cache)
    let again = try task.trained(seed: 0).retraining().results(of: [run], cache: cache)
    #expect(again.reused == 1 && again.outcomes == results.outcomes && again.notes.isEmpty)
    let other = try task.trained(seed: 1).retraining()
    #expect(try other.results(of: [run], cache: cache).computed == 1)
  }

  @Test("A perceptron's task: stages, and accuracies after training on rows")
  func perceptron() throws {
    var plan = PerceptronPlan()
    (plan.hiddenSizes, plan.rank, plan.baseEpochs) = ([8], 2, 2)
    plan.training = TrainingSettings(epochs: 3, learningRate: 5e-3)
    var examples = MislabelledExamples<Double>()
    (examples.baseCount, examples.trainingCount, examples.queryCount) = (200, 120, 60)
    let task = TrainingTask(examples, plan)
    let trained = try task.trained(seed: 2)
    let parts = trained.parts
    let direct = try plan.trained(on: parts, seed: 2)
    #expect(direct.network == trained.model.network)
    #expect(try trained.answers(to: parts.test).accuracy == direct.network.accuracy(on: parts.test))
    // All rows and the same seed lead to the same network, from the same base.
    let half = Array(0..<60)
    let found = try trained.accuracies(after: [Array(0..<120), half], seeds: [2, 5])
    let expected = try [parts.training, parts.training.selecting(half)].map { data in
      let both = try [2, 5].map { seed in
        try trained.model.trained(on: data, seed: seed).network.accuracy(on: parts.test)
      }
      return (both[0] + both[1]) / 2
    }
    #expect(found == expected)
    #expect(
      try trained.accuracies(after: [Array(0..<120)], seeds: [2])
        == [direct.network.accuracy(on: parts.test)])
    // Other labels, the same training.
    var changed = parts
    changed.training = try parts.training.relabelled(try #require(parts.trueLabels))
    let clean = try task.trained(on: changed, seed: 2)
    #expect(clean.model.network != trained.model.network)
    #expect(clean.parts.training.labels == parts.trueLabels)
  }
}
