import Experiments
import Foundation
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Data selection")
struct SelectedDataTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let small = """
    experiment: data-selection
    seeds: 2
    methods: [hessian-free, ekfac]
    self-methods: [hessian-free]
    shares: [0.5, 1, 0.8]
    random-draws: 2
    data: {training: 120, validation: 30, test: 80}
    model: {hidden: [8], epochs: 20, learning-rate: 1e-2}
    """

  private func run(_ name: String, overrides: [String] = []) throws -> TinyRun {
    try TinyRun(
      Self.small, in: directory.url.appending(path: name), overrides: overrides, isQuick: true)
  }

  @Test("Every choice has an accuracy for each share, and the table a row")
  func shape() throws {
    let run = try run("run")
    let (outcome, results) = (run.outcome, run.results)
    let choices = try #require(results["cells"]?["seed-0"]?["choices"])
    let expected = [
      "all": 1, "hessian-free": 2, "ekfac": 2, "self-influence: hessian-free": 2,
      "training loss": 2, "random": 2, "right labels alone": 1,
    ]
    #expect(choices.object.map { Set($0.keys) } == Set(expected.keys))
    for (name, count) in expected {
      for key in ["accuracies", "wrong_shares", "least_class_shares"] {
        let values = choices.numbers(at: name, key)
        #expect(values.count == count, "\(name) \(key)")
        #expect(values.allSatisfy { (0...1).contains($0) }, "\(name) \(key) \(values)")
      }
    }
    // 24 of 120 labels are wrong, and none of those that are right.
    #expect(choices.numbers(at: "all", "wrong_shares") == [0.2])
    #expect(choices.numbers(at: "all", "least_class_shares") == [1])
    #expect(choices.numbers(at: "right labels alone", "wrong_shares") == [0])
    // 80 % and 50 % of five rankings each, all, and right labels alone.
    let table = try #require(outcome.report.tables.first).content
    #expect(table.rows.count == 2 * 5 + 2)
    #expect(table.rows[1].first == .text("80 %"))
  }

  @Test("Training on all examples anew gives the model that was scored")
  func sameModel() throws {
    let chosen = try run("run").results["cells"]?["seed-1"]?["choices"]
    let detection = try ExperimentFile(
      text: """
        experiment: mislabelled-data
        seeds: [1]
        methods: [hessian-free]
        data: {training: 120, validation: 30, test: 80}
        model: {hidden: [8], epochs: 20, learning-rate: 1e-2}
        """, path: "e.yaml", isQuick: true)
    let folder = directory.url.appending(path: "detection")
    _ = try ExperimentRun(detection, in: folder).run()
    let model = try OrderedJSON(contentsOf: folder.appending(path: "results.json"))
    #expect(
      chosen?.numbers(at: "all", "accuracies").first
        == model["cells"]?["seed-1"]?.number(at: "test_accuracy"))
  }

  @Test("More trainings are averaged")
  func retrainings() throws {
    let twice = try run("twice", overrides: ["retrainings=2", "seeds=1"]).results
    let all = twice["cells"]?["seed-0"]?["choices"]?.numbers(at: "all", "accuracies") ?? []
    // The mean of two shares of 80 test examples.
    #expect(all.count == 1 && all.allSatisfy { ($0 * 160).rounded() / 160 == $0 })
  }

  @Test(
    "Settings that do not go together are refused by place",
    arguments: [
      ("shares=[1]", "shares", "nothing would be left out"),
      ("shares=[0.5, 0.5]", "shares", "twice"),
      ("self-methods=[logra]", "self-methods", "needs more"),
      ("data.flip=0", "data.flip", "0 of 120"),
    ])
  func wrongSettings(override: String, key: String, part: String) throws {
    try expectRefusal(Self.small, overrides: [override], saying: "an override: \(key)", part)
  }
}
