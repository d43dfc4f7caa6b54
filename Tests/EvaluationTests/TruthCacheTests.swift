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
    retraining = try Retraining(of: Self.recipe(), on: data, queries: queries)
    runs = try RandomSubsets.subsets(6, of: 24, seed: 1).flatMap { rows in
      [TrainingRun(rows: rows, seed: 0), TrainingRun(rows: rows, seed: 1)]
    }
  }

  private static func recipe(_ rate: Double = 0.02) -> TrainingRecipe {
    .perceptron(
      hiddenSizes: [4], activation: .tanh,
      settings: TrainingSettings(epochs: 2, batchSize: 8, learningRate: rate))
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
    try expectNew(try Retraining(of: Self.recipe(0.03), on: data, queries: queries), run)
    let relabelled = try data.relabelled(data.labels.map { 1 - $0 })
    try expectNew(try Retraining(of: Self.recipe(), on: relabelled, queries: queries), run)
    let fewer = queries.selecting([0, 1])
    try expectNew(try Retraining(of: Self.recipe(), on: data, queries: fewer), run)
    for scale in TrainingRecipe.LossScale.allCases {
      let recipe = TrainingRecipe.logistic(NewtonSettings(regularization: 0.1), scale: scale)
      let convex = try Retraining(of: recipe, on: data, queries: queries)
      try expectNew(convex, run)
      // A seed changes nothing there, and asks for nothing new.
      var seeded = run
      seeded.seed = 9
      #expect(try convex.results(of: [seeded], cache: cache).reused == 1)
    }
    for seed: UInt64 in [1, 2] {
      let recipe = TrainingRecipe.adapters(
        base: try MultilayerPerceptron(sizes: [3, 4, 2], seed: seed), rank: 1, alpha: 1,
        settings: TrainingSettings(epochs: 1))
      try expectNew(try Retraining(of: recipe, on: data, queries: queries), run)
    }
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
