import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("--blocks")
struct BlocksTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  private func names() throws -> [String] {
    try GradientStore(opening: URL(filePath: fixture.train)).layout.blocks.map(\.name)
  }

  @Test("score, self and compare take grouped blocks, and record them")
  func recorded() throws {
    try place.succeed(fixture.score("exact", to: "all.npy") + ["--blocks", "all"])
    try place.succeed(fixture.score("exact", to: "tensor.npy") + ["--blocks", "tensor"])
    try place.succeed(fixture.score("exact", to: "plain.npy"))
    #expect(try place.bytes("tensor.npy") == place.bytes("plain.npy"))
    #expect(try place.bytes("all.npy") != place.bytes("plain.npy"))
    let record = try place.json("all.npy.json")
    #expect(record["partition"]?.string == "all")
    let block = try #require(record["blocks"]?.array?.first)
    #expect(block["name"]?.string == "all")
    #expect(block["members"]?.array?.compactMap(\.string) == (try names()))

    try place.succeed([
      "self", "--train", fixture.train, "--method", "exact", "--output", "self.npy", "--blocks",
      "layer",
    ])
    #expect(try place.json("self.npy.json")["partition"]?.string == "layer")
    try place.succeed([
      "compare", "--train", fixture.train, "--query", fixture.query, "--methods", "datainf",
      "--blocks", "all", "--output", "run",
    ])
    #expect(try place.json("run/run.json")["settings"]?["partition"]?.string == "all")
    try place.succeed(["compare", "--repeat", "run"])
    let plan = try place.succeed([
      "plan", "--train", fixture.train, "--query", fixture.query, "--method", "exact", "--no-time",
      "--blocks", "all", "--json",
    ])
    #expect(plan.status == 0)
  }

  /// Without interaction between blocks, how they are grouped changes the damping only.
  @Test("Hessian-free scores do not depend on the grouping")
  func hessianFree() throws {
    for grouping in ["tensor", "layer", "all"] {
      try place.succeed(
        fixture.score("hessian-free", to: "\(grouping).npy") + ["--blocks", grouping])
    }
    func scores(_ name: String) throws -> [Double] {
      try NumpyFile(opening: place.file(name)).matrix(as: Double.self).elements
    }
    let plain = try scores("tensor.npy")
    let bound = Bound.absolute(
      1000 * Double(Float.ulpOfOne) * (plain.map(abs).max() ?? 0))
    expectClose(try scores("layer.npy"), plain, bound: bound)
    expectClose(try scores("all.npy"), plain, bound: bound)
  }

  @Test("A kept fit knows its blocks, and refuses others")
  func kept() throws {
    let names = try names()
    let half = names.count / 2
    let groups: OrderedJSON = [
      "first": .array(names[..<half].map { .string($0) }),
      "second": .array(names[half...].reversed().map { .string($0) }),
    ]
    try AtomicFile.write(groups.serialized(), to: place.file("groups.json"))
    let grouping = ["--blocks", "groups.json"]
    try place.succeed(
      ["fit", "--train", fixture.train, "--method", "exact", "--output", "kept"] + grouping)
    let score = ["score", "--fit", "kept", "--query", fixture.query, "--method", "exact"]
    try place.succeed(score + ["--output", "kept.npy"])
    try place.succeed(score + ["--output", "again.npy"] + grouping)
    try place.succeed(fixture.score("exact", to: "fresh.npy") + grouping)
    #expect(try place.bytes("kept.npy") == place.bytes("fresh.npy"))
    #expect(try place.bytes("again.npy") == place.bytes("fresh.npy"))
    #expect(try place.json("kept.npy.json")["partition"] == groups)
    let refused = try place.run(score + ["--output", "no.npy", "--blocks", "all"])
    #expect(refused.status == 65 && refused.errors.contains("block 0 was first"))
  }

  @Test("What is no grouping is refused")
  func refusals() throws {
    let missing = try place.run(fixture.score("exact") + ["--blocks", "layers"])
    #expect(missing.status == 66)
    try AtomicFile.write("{\"a\": [\"nothing\"]}", to: place.file("bad.json"))
    let unknown = try place.run(fixture.score("exact") + ["--blocks", "bad.json"])
    #expect(unknown.status == 65 && unknown.errors.contains("nothing"))
    let count = try place.run([
      "plan", "--rows", "10", "--columns", "10", "--queries", "1", "--method", "exact", "--blocks",
      "all",
    ])
    #expect(count.status == 64 && count.errors.contains("number of equal blocks"))
  }
}
