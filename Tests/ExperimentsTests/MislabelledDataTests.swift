import Experiments
import Foundation
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Mislabelled data")
struct MislabelledDataTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let small = """
    experiment: mislabelled-data
    seeds: 2
    methods: [hessian-free, cosine, datainf, exact, ekfac]
    curves: [datainf, cosine, arnoldi]
    random-draws: 3
    data: {training: 120, validation: 30, test: 60}
    model: {hidden: [8], epochs: 30, learning-rate: 1e-2}
    """

  private func run(
    _ text: String, _ name: String, overrides: [String] = []
  ) throws -> TinyRun {
    try TinyRun(
      text, in: directory.url.appending(path: name), overrides: overrides, isQuick: true)
  }

  @Test("What is reported of each ranking is that of its scores")
  func measures() throws {
    let run = try run(Self.small, "run", overrides: ["keep-scores=true"])
    let (outcome, results) = (run.outcome, run.results)
    #expect(outcome.failures.isEmpty, "\(outcome.failures)")
    let cell = try #require(results["cells"]?["seed-1"])
    let wrong = Set(cell.numbers(at: "wrong_rows").map { Int($0) })
    #expect(wrong.count == 24)
    for (source, name) in [
      ("harm", "hessian-free"), ("harm", "cosine"), ("harm", "ekfac"), ("self", "exact"),
      ("baselines", "training loss"),
    ] {
      let ranking = try #require(cell[source]?[name])
      let scores = ranking.numbers(at: "scores")
      try #require(scores.count == 120)
      let area = try #require(ranking.number(at: "auc"))
      #expect(abs(area - Naive.areaUnderROC(scores, positives: wrong)) < 1e-12, "\(source) \(name)")
      let first = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
      for (key, count) in [("recall_10", 12), ("recall_20", 24)] {
        let found = Double(first.prefix(count).count { wrong.contains($0) }) / 24
        #expect(ranking.number(at: key) == found, "\(source) \(name) \(key)")
      }
      let curve = ranking.numbers(at: "curve")
      #expect(curve.count == 51 && curve.first == 0 && curve.last == 1)
      #expect(zip(curve, curve.dropFirst()).allSatisfy { $0 <= $1 })
      #expect(curve[10] == ranking.number(at: "recall_20"))
    }
    #expect(cell["baselines"]?["random"]?["scores"] == nil)
  }

  @Test("Tables have a row for each ranking; cosine's self-influence ranks nothing")
  func tables() throws {
    let all = try run(Self.small, "run")
    let (outcome, results) = (all.outcome, all.results)
    let table = try #require(outcome.report.tables.first { $0.name == "detection" }).content
    #expect(table.rows.count == 5 + 5 + 2)
    for row in table.rows {
      guard case .number(let area) = row[2] else {
        Issue.record("no AUC in \(row)")
        continue
      }
      #expect((0...1).contains(area))
    }
    for seed in ["seed-0", "seed-1"] {
      let own = try #require(results["cells"]?[seed]?["self"]?["cosine"])
      #expect(own["constant"]?.boolean == true)
      #expect(own.number(at: "auc") == 0.5)
      #expect(results["cells"]?[seed]?["self"]?["exact"]?["constant"]?.boolean == false)
    }
    #expect(outcome.report.findings.contains { $0.contains("`cosine` is the same for every") })
    #expect(outcome.report.pictures.map(\.name) == ["auc", "curves", "self-curves"])
    let some = try run(Self.small, "some", overrides: ["self-methods=[ekfac, datainf]"]).outcome
    #expect(some.report.tables.first?.content.rows.count == 5 + 2 + 2)
    #expect(some.report.tables.last?.content.rows.first?.last == .missing)
    let without = try run(Self.small, "without", overrides: ["self=false"]).outcome.report
    #expect(without.tables.first?.content.rows.count == 5 + 2)
    #expect(without.pictures.map(\.name) == ["auc", "curves"])
  }

  @Test("Adapters and the last layers can be asked for")
  func models() throws {
    let columns = { (results: OrderedJSON) in results["cells"]?["seed-0"]?.number(at: "columns") }
    // 64 · 8 + 8 + 8 · 10 + 10 weights.
    #expect(try columns(run(Self.small, "all").results) == 610)
    let head = try run(Self.small, "head", overrides: ["model.gradient-layers=1"])
    #expect(columns(head.results) == 90)
    // Rank 2 on 64 → 8, and the head: 2 · (64 + 8) + 90.
    let adapters = try run(
      Self.small, "adapters",
      overrides: ["model.rank=2", "data.base=100", "methods=[hessian-free, exact]"])
    #expect(columns(adapters.results) == 234)
  }

  @Test(
    "Settings that do not go together are refused by place",
    arguments: [
      ("data.flip=0", "data.flip", "0 of 120"), ("data.flip=1", "data.flip", "120 of 120"),
      ("methods=[trak]", "methods", "trak needs more"),
      ("self-methods=[cg]", "self-methods", "cg is not among methods"),
      ("methods=[\"relatif-l:base=logra\"]", "methods", "needs more"),
      ("model.rank=2", "model.rank", "data.base"),
      ("data.training=5000", "data.training", "ask for fewer"),
      ("data.set=mnist", "data.folder", "is missing"),
    ])
  func wrongSettings(override: String, key: String, part: String) throws {
    try expectRefusal(Self.small, overrides: [override], saying: key, part)
    try expectRefusal(
      Self.small, overrides: ["methods=[exact-ggn]", "model.gradient-layers=1"],
      saying: "an override: model.gradient-layers: exact-ggn needs")
  }

  @Test(
    "Wrong labels of people are found in CIFAR-10N, made ones in MNIST",
    .enabled(if: SharedData.has("data/cifar10") && SharedData.has("data/mnist"), SharedData.absent))
  func files() throws {
    let folder = try #require(SharedData.url("data")).path
    let settings = [
      "data.folder=\(folder)", "data.training=200", "data.pool=300", "data.validation=50",
      "data.test=50", "seeds=1", "methods=[hessian-free, exact]",
    ]
    let people = try run(
      Self.small, "people",
      overrides: settings + ["data.set=cifar10n", "data.flip=0", "data.filters=4"])
    let worse = try #require(people.results["cells"]?["seed-0"]?.number(at: "wrong_labels"))
    // About 40 % of the worst labels are wrong: 200 draws are within 5 deviations of 0.035.
    #expect(abs(worse / 200 - 0.4) < 0.18)
    let fewer = try run(
      Self.small, "aggregate",
      overrides: settings + [
        "data.set=cifar10n", "data.flip=0", "data.features=raw-pooled", "data.pooling=8",
        "data.annotation=aggre",
      ])
    let aggregate = try #require(fewer.results["cells"]?["seed-0"]?.number(at: "wrong_labels"))
    #expect(aggregate < worse)
    let made = try run(
      Self.small, "made", overrides: settings + ["data.set=mnist", "data.pooling=4"])
    #expect(made.results["cells"]?["seed-0"]?.number(at: "wrong_labels") == 40)
    try expectRefusal(
      Self.small, overrides: ["data.folder=\(folder)", "data.set=cifar10n", "data.pool=300"],
      saying: "wrong labels of its own")
  }
}
