import Data
import Experiments
import Foundation
import LinearAlgebra
import Models
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Outlying gradients in experiments")
struct OutlierGradientsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let small = """
    experiment: outlier-gradients
    seeds: 2
    trims: [0.2, 0.1]
    random-draws: 2
    keep-scores: true
    forest: {trees: 20, sample: 64}
    data: {training: 120, validation: 30, test: 80}
    model: {hidden: [8], epochs: 20, learning-rate: 1e-2}
    """

  private func run(_ name: String, overrides: [String] = []) throws -> TinyRun {
    try TinyRun(
      Self.small, in: directory.url.appending(path: name), overrides: overrides, isQuick: true)
  }

  static let names = [
    "isolation-forest, all-layers", "l1, all-layers", "l2, all-layers",
    "isolation-forest, last-layer", "l1, last-layer", "l2, last-layer", "self-influence: exact",
    "self-influence: datainf", "harm: exact", "harm: datainf", "training loss",
  ]

  @Test(
    "What is reported of each ranking is that of its scores and of training without its highest")
  func measures() throws {
    let results = try run("run").results
    let parts = try Digits.dataSet(of: Double.self).split(counts: [120, 30, 80], seed: 1)
    for noise in ["uniform", "next-class"] {
      let cell = try #require(results["cells"]?["seed-1/\(noise)"])
      let wrong = Set(cell.numbers(at: "wrong_rows").map { Int($0) })
      #expect(wrong.count == 24)
      var labels = try parts[0].flippingLabels(fraction: 0.2, seed: 1).noisy.labels
      if noise == "next-class" {
        labels = parts[0].labels.indices.map {
          (parts[0].labels[$0] + (wrong.contains($0) ? 1 : 0)) % 10
        }
      }
      let training = try parts[0].relabelled(labels)
      func accuracy(_ kept: [Int]) throws -> Double {
        var model = try MultilayerPerceptron<Double>(sizes: [64, 8, 10], seed: 1)
        try model.train(
          on: training.selecting(kept),
          settings: TrainingSettings(
            epochs: 20, batchSize: 32, learningRate: 1e-2, weightDecay: 0.01, seed: 3))
        return try model.accuracy(on: parts[2])
      }
      #expect(cell.number(at: "all") == (try accuracy(Array(0..<120))))
      #expect(
        cell.number(at: "right_labels")
          == (try accuracy((0..<120).filter { !wrong.contains($0) })))
      #expect(cell["rankings"]?.object.map { Set($0.keys) } == Set(Self.names + ["random"]))
      for name in Self.names {
        let ranking = try #require(cell["rankings"]?[name])
        let scores = ranking.numbers(at: "scores")
        try #require(scores.count == 120)
        let area = try #require(ranking.number(at: "auc"))
        #expect(abs(area - Naive.areaUnderROC(scores, positives: wrong)) < 1e-12, "\(name)")
        let first = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
        for (place, count) in [12, 24].enumerated() {
          let found = Double(first.prefix(count).count { wrong.contains($0) }) / 24
          #expect(ranking.numbers(at: "recalls")[place] == found, "\(name)")
        }
        if name.hasPrefix("l2") {
          #expect(
            ranking.numbers(at: "accuracies")[1] == (try accuracy(first.dropFirst(24).sorted())))
        }
      }
    }
  }

  @Test("The norm of the last layer's gradient is that of error times features")
  func lastLayer() throws {
    let cell = try run("run").results["cells"]?["seed-0/uniform"]
    let parts = try Digits.dataSet(of: Double.self).split(counts: [120, 30, 80], seed: 0)
    let training = try parts[0].flippingLabels(fraction: 0.2, seed: 0).noisy
    var model = try MultilayerPerceptron<Double>(sizes: [64, 8, 10], seed: 0)
    try model.train(
      on: training,
      settings: TrainingSettings(
        epochs: 20, batchSize: 32, learningRate: 1e-2, weightDecay: 0.01, seed: 1))
    let features = model.penultimateFeatures(of: training.features.view)
    let logits = model.logits(of: training.features.view)
    let scores = cell?.numbers(at: "rankings", "l2, last-layer", "scores") ?? []
    try #require(scores.count == 120)
    for row in 0..<120 {
      let powers = logits[row: row].map { exp($0) }
      let sum = powers.reduce(0, +)
      let error = powers.enumerated().map {
        $1 / sum - ($0 == training.labels[row] ? 1 : 0)
      }
      let size = error.reduce(0) { $0 + $1 * $1 }
      let length = features[row: row].reduce(1) { $0 + $1 * $1 }
      // Gradients are stored in single precision.
      #expect(abs(scores[row] - (size * length).squareRoot()) < 1e-5 * max(1, scores[row]))
    }
  }

  @Test("Tables and pictures; one region alone")
  func tables() throws {
    let first = try run("first")
    let (outcome, whole) = (first.outcome, first.results)
    #expect(outcome.report.tables.map(\.name) == ["rankings", "models", "seconds"])
    #expect(outcome.report.tables[0].content.rows.count == 2 * 12)
    #expect(outcome.report.pictures.map(\.name) == ["auc", "trims"])
    let one = try run(
      "one", overrides: ["regions=[last-layer]", "noise=[uniform]", "self-methods=[datainf]"])
    #expect(one.outcome.report.tables[0].content.rows.count == 3 + 2 + 1 + 1)
    // Gradients of the last layer alone are those of its blocks, but for rounding: two pairs of examples may swap.
    for name in ["isolation-forest, last-layer", "l1, last-layer"] {
      let areas = try [one.results, whole].map { results in
        try #require(results["cells"]?["seed-0/uniform"]?.number(at: "rankings", name, "auc"))
      }
      #expect(abs(areas[0] - areas[1]) < 0.01, "\(name)")
    }
  }

  @Test("A convolutional network takes the perceptron's place where there are filters")
  func filters() throws {
    let overrides = [
      "model.filters=[3, 4]", "noise=[uniform]", "self-methods=[datainf]", "seeds=1", "trims=[0.2]",
    ]
    let cell = try run("filters", overrides: overrides).results["cells"]?["seed-0/uniform"]
    let parts = try Digits.dataSet(of: Double.self).split(counts: [120, 30, 80], seed: 0)
    let training = try parts[0].flippingLabels(fraction: 0.2, seed: 0).noisy
    let network = try ConvolutionalNetwork<Double>(
      image: ImageShape(channels: 1, height: 8, width: 8), filters: [3, 4], classes: 10, seed: 0)
    let model = try TrainedConvolutionalNetwork(
      network, settings: TrainingSettings(epochs: 20, batchSize: 32, learningRate: 1e-2)
    ).trained(on: training, seed: 0)
    #expect(cell?.number(at: "all") == (try model.answers(to: parts[2])?.accuracy))
    let losses = try model.losses(of: training)
    #expect(cell?.numbers(at: "rankings", "training loss", "scores") == losses)
  }

  @Test("Half moons have as many wrong labels as asked for, and no pixels")
  func moons() throws {
    let overrides = [
      "data.set=moons", "data.pool=400", "noise=[uniform]", "self-methods=[datainf]", "seeds=1",
      "data.flip=0.1", "model.epochs=30",
    ]
    let cell = try run("moons", overrides: overrides).results["cells"]?["seed-0/uniform"]
    #expect(cell?.numbers(at: "wrong_rows").count == 12)
    #expect(try #require(cell?.number(at: "right_labels")) > 0.75)
    try expectRefusal(
      Self.small, overrides: overrides + ["model.filters=[2]"], saying: "model.filters",
      "no pixels")
    try expectRefusal(
      Self.small, overrides: ["model.filters=[2, 2, 2, 2]"], saying: "model.filters", "squares")
  }

  @Test(
    "Settings that do not go together are refused by place",
    arguments: [
      ("data.flip=0", "data.flip", "0 of 120"), ("trims=[0.1, 0.1]", "trims", "given twice"),
      ("self-methods=[trak]", "self-methods", "trak needs more"),
      ("noise=[none]", "noise", "uniform"), ("data.set=mnist", "data.folder", "is missing"),
    ])
  func wrongSettings(override: String, key: String, part: String) throws {
    try expectRefusal(Self.small, overrides: [override], saying: key, part)
    try expectRefusal(
      Self.small, overrides: ["regions=[last-layer]", "self-methods=[exact-ggn]"],
      saying: "add all-layers to regions")
  }

  @Test(
    "People's wrong labels take the place of made ones",
    .enabled(if: SharedData.has("data/cifar10"), SharedData.absent))
  func people() throws {
    let folder = try #require(SharedData.url("data")).path
    let people = try run(
      "people",
      overrides: [
        "data.folder=\(folder)", "data.set=cifar10n", "data.flip=0", "data.pool=200",
        "data.filters=4", "regions=[last-layer]", "seeds=1",
      ])
    #expect(people.results["cells"]?.object.map { Array($0.keys) } == ["seed-0/people"])
    #expect(people.outcome.report.tables[0].content.rows.count == 3 + 4 + 1 + 1)
  }
}
