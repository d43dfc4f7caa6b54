import Data
import Foundation
import LinearAlgebra
import Models
import Synchronization
import TestSupport
import Testing

import Evaluation

@Suite("Truth that is kept")
struct TruthCacheTests {
  private struct Killed: Error {}

  private let folder: TemporaryDirectory
  private let retraining: Retraining
  private let runs: [TrainingRun]
  private let data: TabularDataSet<Double>
  private let queries: TabularDataSet<Double>

  init() throws {
    folder = try TemporaryDirectory(inMemory: ())
    (data, queries) = try clouds(24, queries: 5)
    retraining = try Retraining(of: Self.network(), on: data, queries: queries)
    runs = try RandomSubsets.subsets(6, of: 24, seed: 1).flatMap { rows in
      [TrainingRun(rows: rows, seed: 0), TrainingRun(rows: rows, seed: 1)]
    }
  }

  private static func network(_ rate: Double = 0.02) throws -> TrainedPerceptron<Double> {
    try TrainedPerceptron(
      sizes: [3, 4, 2], settings: TrainingSettings(epochs: 2, batchSize: 8, learningRate: rate))
  }

  private func files() throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder.url, includingPropertiesForKeys: nil)
      .sorted { $0.path < $1.path }
  }

  @Test("A run that was killed goes on: the same numbers, and only the rest is trained")
  func resume() throws {
    let expected = try retraining.results(of: runs)
    #expect(expected.computed == 12 && expected.reused == 0)
    let cache = try TruthCache(folder: folder.url)
    #expect(throws: Killed.self) {
      try retraining.results(of: runs, cache: cache) { done, _ in if done >= 4 { throw Killed() } }
    }
    // Those that were under way on other threads were kept as well.
    let kept = try files().count
    #expect(kept >= 4 && kept < 12)
    let largest = Mutex(0)
    let resumed = try retraining.results(of: runs, cache: cache) { done, total in
      #expect(total == 12)
      largest.withLock { $0 = max($0, done) }
    }
    #expect(largest.withLock { $0 } == 12)
    #expect(resumed.outcomes == expected.outcomes)
    #expect(resumed.reused == kept && resumed.computed == 12 - kept && resumed.notes.isEmpty)
    let again = try retraining.results(of: runs, cache: try TruthCache(folder: folder.url))
    #expect(again.outcomes == expected.outcomes && again.computed == 0 && again.reused == 12)
    #expect(try files().count == 12)
  }

  @Test("Damaged, truncated and misplaced files are trained again, and named")
  func damage() throws {
    let cache = try TruthCache(folder: folder.url)
    let expected = try retraining.results(of: runs, cache: cache)
    let files = try files()
    var bytes = try Data(contentsOf: files[0])
    // A digit inside the losses, so that the text stays JSON.
    let losses = try #require(bytes.range(of: Data("\"losses\":[".utf8)))
    let digit = try #require(bytes[losses.upperBound...].firstIndex { $0 >= 49 && $0 <= 56 })
    bytes[digit] += 1
    try bytes.write(to: files[0])
    try Data(try Data(contentsOf: files[1]).dropLast(7)).write(to: files[1])
    try FileManager.default.removeItem(at: files[2])
    try FileManager.default.copyItem(at: files[3], to: files[2])
    try Data().write(to: files[4])
    let repaired = try retraining.results(of: runs, cache: cache)
    #expect(repaired.outcomes == expected.outcomes)
    #expect(repaired.computed == 4 && repaired.reused == 8 && repaired.notes.count == 4)
    for place in [0, 1, 2, 4] {
      let name = files[place].lastPathComponent
      #expect(repaired.notes.contains { $0.contains(name) && $0.hasSuffix("trained again") })
    }
    #expect(try retraining.results(of: runs, cache: cache).computed == 0)
  }

  @Test("Whatever the outcome depends on asks for a file of its own")
  func keys() throws {
    let cache = try TruthCache(folder: folder.url)
    let run = TrainingRun(rows: [0, 1, 2, 3, 4, 5])
    _ = try retraining.outcome(of: run, cache: cache)
    var count = 1
    func expectNew(
      _ retraining: Retraining, _ run: TrainingRun, location: SourceLocation = #_sourceLocation
    ) throws {
      _ = try retraining.outcome(of: run, cache: cache)
      count += 1
      #expect(try files().count == count, sourceLocation: location)
    }
    try expectNew(retraining, TrainingRun(rows: [0, 1, 2, 3, 4]))
    try expectNew(retraining, TrainingRun(rows: run.rows, seed: 1))
    try expectNew(retraining, TrainingRun(rows: run.rows, weights: run.rows.map { _ in 0.5 }))
    try expectNew(try Retraining(of: Self.network(0.03), on: data, queries: queries), run)
    let relabelled = try data.relabelled(data.labels.map { 1 - $0 })
    try expectNew(try Retraining(of: Self.network(), on: relabelled, queries: queries), run)
    let fewer = queries.selecting([0, 1])
    try expectNew(try Retraining(of: Self.network(), on: data, queries: fewer), run)
    for scale in LossScale.allCases {
      var model = try LogisticRegression(
        trainedOn: data, settings: NewtonSettings(regularization: 0.1))
      model.lossScale = scale
      let convex = try Retraining(of: model, on: data, queries: queries)
      try expectNew(convex, run)
      // A seed changes nothing there, and asks for nothing new.
      var seeded = run
      seeded.seed = 9
      #expect(try convex.results(of: [seeded], cache: cache).reused == 1)
    }
    for seed: UInt64 in [1, 2] {
      let model = try TrainedPerceptron(
        adapting: MultilayerPerceptron<Double>(sizes: [3, 4, 2], seed: seed), rank: 1, alpha: 1,
        settings: TrainingSettings(epochs: 1))
      try expectNew(try Retraining(of: model, on: data, queries: queries), run)
    }
    // Another order of examples: another stage of trainings with one seed.
    var staged = try Self.network()
    staged.stage = 1
    try expectNew(try Retraining(of: staged, on: data, queries: queries), run)
    // What decides gradients alone asks for nothing new.
    var other = try Self.network()
    other.lastLayers = 1
    let known = try Retraining(of: other, on: data, queries: queries)
    #expect(try known.results(of: [run], cache: cache).reused == 1)
  }

  /// What folders that are kept already name their files.
  @Test("Names of files stay what they were")
  func names() throws {
    let data = try TabularDataSet<Double>(
      features: Matrix(rows: 4, columns: 2, elements: [0.5, 1, -1, 0.25, 2, -0.5, -0.75, -2]),
      labels: [0, 1, 1, 0], classCount: 2)
    let settings = TrainingSettings(
      epochs: 2, batchSize: 2, learningRate: 0.02, weightDecay: 0.125)
    let base = try MultilayerPerceptron<Double>(
      layers: [
        LinearLayer(
          weight: Matrix(rows: 2, columns: 2, elements: [1, -0.5, 0.25, 2]), bias: [0, 1]),
        LinearLayer(
          weight: Matrix(rows: 2, columns: 2, elements: [0.5, 1, -1, 3]), bias: [0.125, 0]),
      ], activation: .relu)
    let newton = NewtonSettings(regularization: 0.5)
    let logistic = try LogisticRegression(trainedOn: data, settings: newton)
    var softmax = try SoftmaxRegression(trainedOn: data, settings: newton)
    softmax.lossScale = .all
    let models: [any Classifier<Double>] = [
      logistic, softmax,
      try TrainedPerceptron(sizes: [2, 3, 2], activation: .relu, settings: settings),
      try TrainedPerceptron(adapting: base, rank: 1, alpha: 2, settings: settings),
    ]
    let cache = try TruthCache(folder: folder.url)
    for model in models {
      let retraining = try Retraining(of: model, on: data, queries: data.selecting([1, 3]))
      _ = try retraining.results(
        of: [
          TrainingRun(rows: [0, 1, 3], seed: 7), TrainingRun(rows: [2, 1], weights: [1, 0.5]),
        ],
        cache: cache)
    }
    #expect(
      try Set(files().map { $0.deletingPathExtension().lastPathComponent }) == [
        "734c606c2f0c75957cb3058fac4a36ec",
        "c4feda1f6eccaff85ac34e300e29c806",
        "4938175aac81cacbd6e1a81b09c13829",
        "682e7cea6edda4719eda4f809fbd8c8d",
        "135e14eb3e674935650a14ddebca5208",
        "64ae2a9751f1b0ff3a0dba31643ce48d",
        "030149e4a5413b67a16284538399ad9b",
        "f6270e28405fa765c208a7d750121e56",
      ])
  }

  @Test("Equal runs are trained once")
  func duplicates() throws {
    let results = try retraining.results(of: runs + runs.reversed())
    #expect(results.computed == 12)
    #expect(Array(results.outcomes.suffix(12)) == results.outcomes.prefix(12).reversed())
  }

  @Test("A folder that cannot be made is an error, and so is an error of training")
  func failures() throws {
    let file = try folder.write("no folder", to: "file")
    #expect(throws: (any Error).self) { try TruthCache(folder: file.appendingPathComponent("in")) }
    let cache = try TruthCache(folder: folder.file("cache"))
    #expect(throws: ModelError.self) {
      try retraining.outcome(of: TrainingRun(rows: [0], weights: [-1]), cache: cache)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.folder.path).isEmpty)
  }

  /// The first three are those of the algorithm's authors' test suite.
  @Test("FNV-1a of 128 bits")
  func hash() {
    #expect(ContentHash().description == "6c62272e07bb014262b821756295c58d")
    #expect(ContentHash(of: "a").description == "d228cb696f1a8caf78912b704e4a8964")
    #expect(ContentHash(of: "foobar").description == "343e1662793c64bf6f0d3597ba446f18")
    var words = ContentHash()
    words.update([0x0072_6162_6f6f_66])
    var bytes = ContentHash()
    for byte in Array("foobar".utf8) + [0, 0] { bytes.update(byte) }
    #expect(words == bytes)
    #expect(ContentHash(of: data) != ContentHash(of: queries))
  }
}
