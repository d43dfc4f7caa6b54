import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence split and merge")
struct SplitTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  @Test("Split and merged again, every byte is the source's")
  func roundTrip() throws {
    try place.writeExamples(rows: 12, columns: 9, to: "store")
    let split = try place.succeed(["split", "store", "shards", "--shards", "5"])
    #expect(split.output == "shards: 5 shards, 12 rows in float32\n")
    let merge = try place.succeed(["merge", "merged", "shards"])
    #expect(merge.output == "merged: 12 rows in float32, from 1 store\n")
    let parts = try FileManager.default.contentsOfDirectory(atPath: place.file("shards").path)
    try place.succeed(["merge", "again", "-q"] + parts.sorted().map { "shards/\($0)" })
    for copy in ["merged", "again"] {
      for file in ["info.json", "gradients.bin", "squared_norms.bin", "examples.jsonl"] {
        #expect(try place.bytes("\(copy)/\(file)") == place.bytes("store/\(file)"), "\(file)")
      }
    }
  }

  @Test("--json, --rows, --dtype and --quiet")
  func options() throws {
    let json = try place.succeed([
      "split", "train.safetensors", "shards", "--rows", "5", "--dtype", "float16", "--json",
    ]).json()
    #expect(json["format"]?.string == "influencekit-split")
    #expect(json["shards"]?.array?.compactMap { $0["rows"]?.integer } == [5, 5, 2])
    #expect(json["dtype"]?.string == "float16")
    let store = try GradientStore(opening: place.file("shards"))
    #expect(store.commonElementType == .float16 && store.count == 12)
    let quiet = try place.succeed(["split", "train.safetensors", "q", "--shards", "1", "-q"])
    #expect(quiet.output.isEmpty && quiet.errors.isEmpty)
  }

  @Test("Every command works on a directory of shards, with the same results")
  func everything() throws {
    try place.succeed(["split", "train.safetensors", "shards", "--shards", "3"])
    for (command, name) in [
      (["score", "--query", "query.safetensors", "--method", "exact"], "score"),
      (["self", "--method", "datainf"], "self"),
    ] {
      try place.succeed(command + ["--train", "shards", "--output", "\(name)-shards.npy"])
      try place.succeed(command + ["--train", "train.safetensors", "--output", "\(name).npy"])
      // Chunks end at shards, so that sums over 17 columns and 12 rows may be rounded in another order.
      let found = try place.matrix("\(name)-shards.npy")
      let expected = try place.matrix("\(name).npy")
      expectClose(found, expected, bound: .relative(12 * 17 * Double(Float.ulpOfOne)))
    }
    let inspected = try place.succeed(["inspect", "shards"])
    #expect(inspected.output.contains("12 rows"))
    #expect(try place.succeed(["verify", "shards"]).output.split(separator: "\n").count == 3)
    try place.succeed([
      "compare", "--train", "shards", "--query", "query.safetensors", "--output", "run",
    ])
    try place.succeed(["top", "score-shards.npy", "--query", "0"])
    try place.succeed([
      "plan", "--train", "shards", "--query", "query.safetensors", "--method", "exact", "--no-time",
    ])
  }

  @Test("A second run on the same destination is refused while the first is at work")
  func twoWriters() throws {
    try place.writeExamples(rows: 4000, to: "big")
    let first = try RunningProgram(["import", "big", "store", "--chunk", "64KiB"], in: place.url)
    try first.wait { place.has("store/manifest.json") }
    first.send(SIGSTOP)
    for words in [["import", "big", "store"], ["merge", "store", "big"]] {
      let second = try place.run(words)
      #expect(second.status == 75, "\(second)")
      let message = try #require(second.onlyError)
      #expect(message.contains("store") && message.contains("another writer"), "\(message)")
    }
    first.send(SIGCONT)
    #expect(try first.outcome().status == 0)
    #expect(try place.bytes("store/gradients.bin") == place.bytes("big/gradients.bin"))
  }

  @Test(
    "Wrong invocations leave nothing behind",
    arguments: [
      BadInvocation("split train.safetensors o", 64, "--shards", "--rows"),
      .init("split train.safetensors o --shards 2 --rows 2", 64, "--shards", "--rows"),
      .init("split train.safetensors o --shards 0", 64, "--shards 0"),
      .init("split train.safetensors o --rows -1", 64, "--rows -1"),
      .init("split train.safetensors o --shards 13", 64, "--shards 13", "12 rows"),
      .init("split train.safetensors train.safetensors --shards 2", 64, "source"),
      .init("split missing o --shards 2", 66, "missing"),
      .init("split unfinished o --shards 2", 65, "unfinished"),
      .init("split empty.safetensors o --shards 2", 65, "no rows"),
      .init("split nan.safetensors o --shards 2", 65, "nan.safetensors", "row 4", "\"a\""),
      .init("split train.safetensors absent/o --shards 2", 73, "absent"),
      .init("split train.safetensors full --shards 2", 73, "full", "not empty"),
      .init("split train.safetensors unfinished --shards 2", 73, "unfinished"),
      .init("merge o", 64, "sources"),
      .init("merge o train.safetensors missing", 66, "missing"),
      .init("merge o train.safetensors other.safetensors", 65, "same blocks"),
      .init("merge o nan.safetensors", 65, "nan.safetensors", "row 4"),
      .init("merge train.safetensors train.safetensors", 64, "source"),
      .init("merge full train.safetensors", 73, "full", "not empty"),
    ])
  func wrong(_ invocation: BadInvocation) throws {
    try place.write("notes", to: "full/notes.txt")
    func contents() throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: place.url.path).sorted()
    }
    let before = try contents()
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let message = try #require(outcome.onlyError)
    for piece in invocation.pieces { #expect(message.contains(piece), "\(message)") }
    #expect(try contents() == before)
  }
}
