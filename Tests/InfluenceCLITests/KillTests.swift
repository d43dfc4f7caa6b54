import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Commands that are killed", .serialized)
struct KillTests {
  let place: Workplace

  /// Rows of two blocks as a store with ids and losses.
  init() throws {
    place = try Workplace(inMemory: ())
    try place.writeExamples(rows: 3000, to: "train")
  }

  private static let storeFiles = [
    "manifest.json", "info.json", "gradients.bin", "squared_norms.bin", "examples.jsonl",
  ]

  /// Whether a store that is written in a folder is complete; if not, no reader takes it for whole.
  private static func storeIsComplete(_ folder: URL) throws -> Bool {
    let url = folder.appending(path: "store")
    guard let manifest = try StoreManifest(ofStoreAt: url), manifest.isComplete else {
      #expect(throws: (any Error).self) { try GradientStore(opening: url) }
      return false
    }
    let store = try GradientStore(opening: url)
    #expect(try store.verification().allSatisfy(\.isSound))
    return true
  }

  @Test("influence import goes on, 50 times")
  func imports() throws {
    try KillTrial(
      ["import", "../train", "store", "--chunk", "64KiB"],
      results: Self.storeFiles.map { "store/\($0)" }, isDone: Self.storeIsComplete
    ).run(in: place, kills: 50, seed: 1)
  }

  @Test("influence import --factored goes on", arguments: ["float16", "int8"])
  func factors(type: String) throws {
    let scales = type == "int8" ? ["scales.bin"] : []
    try place.writeExamples(rows: 600, matrixRows: 8, to: "matrices")
    try KillTrial(
      [
        "import", "../matrices", "store", "--factored", "1", "--dtype", type, "--chunk", "64KiB",
        "-q",
      ],
      results: (Self.storeFiles + scales).map { "store/\($0)" }, isDone: Self.storeIsComplete
    ).run(in: place, kills: 8, seed: 6)
  }

  @Test("influence merge goes on")
  func merges() throws {
    try place.succeed(["split", "train", "parts", "--shards", "2", "-q"])
    try KillTrial(
      ["merge", "store", "../parts/shard-0000", "../parts/shard-0001", "--chunk", "64KiB"],
      results: Self.storeFiles.map { "store/\($0)" }, isDone: Self.storeIsComplete
    ).run(in: place, kills: 12, seed: 2)
  }

  @Test("influence split goes on, and its directory appears whole")
  func splits() throws {
    let shards = (0..<4).map { "shards/shard-000\($0)" }
    try KillTrial(
      ["split", "../train", "shards", "--shards", "4", "--chunk", "64KiB"],
      results: shards.flatMap { shard in Self.storeFiles.map { "\(shard)/\($0)" } },
      isDone: { folder in
        let url = folder.appending(path: "shards")
        guard FileManager.default.fileExists(atPath: url.path) else { return false }
        let store = try GradientStore(opening: url)
        #expect(store.count == 3000 && store.manifests.count == 4)
        return true
      }
    ).run(in: place, kills: 12, seed: 3)
  }

  @Test("influence fit goes on with the blocks that it lacks, 50 times")
  func fits() throws {
    let files = (0..<2).flatMap { block in
      ["kernel", "kernel-factor", "kernel-single"].map { "fit/block-000\(block).\($0).npy" }
    }
    try place.writeExamples(rows: 300, to: "small")
    try KillTrial(
      [
        "fit", "--train", "../small", "--method", "exact,datainf", "--side", "score", "--output",
        "fit",
      ],
      results: files,
      isDone: { folder in
        let url = folder.appending(path: "fit")
        guard let manifest = try? FitManifest(ofFitAt: url), manifest.isComplete else {
          return false
        }
        let damages = try FitManifest.verification(ofFitAt: url).damages
        #expect(damages.isEmpty)
        return true
      }
    ).run(in: place, kills: 50, seed: 5)
  }

  @Test("influence index goes on, 12 times")
  func indexes() throws {
    try KillTrial(
      ["index", "../train", "--method", "exact", "--type", "int8", "--output", "store"],
      results: (Self.storeFiles + ["scales.bin"]).map { "store/\($0)" },
      isDone: { folder in
        guard try Self.storeIsComplete(folder) else { return false }
        let index = try ScoreIndex(opening: folder.appending(path: "store"))
        #expect(index.about.rowCount == 3000)
        return true
      }
    ).run(in: place, kills: 12, seed: 6)
  }

  @Test("influence score leaves the old scores or the new ones, 50 times")
  func scores() throws {
    let earlier = place.file("earlier")
    try place.makeFolder("earlier")
    try place.writeExamples(rows: 300, to: "query")
    let command = ["score", "--train", "../train", "--query", "../query", "--output", "s.npy"]
    let old = try Program.run(command + ["--method", "hessian-free"], in: earlier)
    try #require(old.status == 0, "\(old)")
    let oldScores = try Data(contentsOf: earlier.appending(path: "s.npy"))
    try KillTrial(
      command + ["--method", "datainf"], results: ["s.npy"],
      prepare: { folder in
        for name in ["s.npy", "s.npy.json"] {
          try FileManager.default.copyItem(
            at: earlier.appending(path: name), to: folder.appending(path: name))
        }
      },
      isDone: { folder in
        let scores = try Data(contentsOf: folder.appending(path: "s.npy"))
        let isOld = scores == oldScores
        _ = try NumpyFile(opening: folder.appending(path: "s.npy"))
        let record = folder.appending(path: "s.npy.json")
        // For a moment there is none, but never one of other scores.
        guard FileManager.default.fileExists(atPath: record.path) else { return false }
        let method = try OrderedJSON(contentsOf: record)["method"]?.string
        #expect(method == (isOld ? "hessian-free" : "datainf"))
        return !isOld
      }
    ).run(in: place, kills: 50, seed: 4)
  }
}

extension Workplace {
  /// Writes seeded gradients as a store with ids and losses.
  func writeExamples(
    rows: Int, columns: Int = 300, matrixRows: Int? = nil, to name: String
  ) throws {
    let first = columns / 3
    let width = columns - first
    let layout = BlockLayout([
      (name: "a", shape: [first]),
      (name: "b", shape: matrixRows.map { [$0, width / $0] } ?? [width]),
    ])
    let writer = try GradientStoreWriter(creating: file(name), layout: layout)
    try writer.append(
      [
        SmallFiles.random(rows: rows, columns: first, seed: 1),
        SmallFiles.random(rows: rows, columns: columns - first, seed: 2),
      ], ids: (0..<rows).map { "example \($0)" }, losses: (0..<rows).map { Double($0) / 8 })
    try writer.finish()
  }
}
