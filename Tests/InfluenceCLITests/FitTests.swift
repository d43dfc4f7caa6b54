import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence fit")
struct FitCommandTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  private func fit(_ options: [String] = []) -> [String] {
    ["fit", "--train", fixture.train, "--method", "exact,cg:steps=5,tolerance=0.1"]
      + ["--output", "kept"] + options
  }

  private func score(_ method: String, _ options: [String] = []) -> [String] {
    ["score", "--fit", "kept", "--query", fixture.query, "--method", method] + options
  }

  @Test("Scores, their top and self-influence come from a fit as they come without")
  func same() throws {
    try place.succeed(fit(["--damping", "0.3", "--precision", "double"]))
    let options = ["--damping", "0.3", "--precision", "double"]
    try place.succeed(score("exact", ["--output", "kept.npy"]))
    try place.succeed(fixture.score("exact", to: "fresh.npy") + options)
    #expect(try place.bytes("kept.npy") == place.bytes("fresh.npy"))
    let (kept, fresh) = (try place.json("kept.npy.json"), try place.json("fresh.npy.json"))
    for key in ["damping", "precision", "method", "blocks", "certificate"] {
      #expect(kept[key] != nil && kept[key] == fresh[key], "\(key)")
    }
    #expect(kept["fit"]?.string == "kept")

    try place.succeed(score("exact", ["--top", "4", "--output", "kept-top.csv"]))
    try place.succeed(fixture.score("exact", to: "fresh-top.csv") + options + ["--top", "4"])
    #expect(try place.bytes("kept-top.csv") == place.bytes("fresh-top.csv"))

    try place.succeed(["self", "--fit", "kept", "--method", "exact", "--output", "k.npy"])
    try place.succeed(
      ["self", "--train", fixture.train, "--method", "exact", "--output", "f.npy"] + options)
    #expect(try place.bytes("k.npy") == place.bytes("f.npy"))
  }

  @Test("It says what is kept, and again that nothing is left to do")
  func report() throws {
    let first = try place.succeed(fit()).output
    #expect(first.contains("exact: score side, n = 40") && first.contains("kernel-factor"))
    #expect(try place.succeed(fit()).output.contains("an earlier run kept 5"))
    let json = try place.succeed(fit(["--json"])).json()
    #expect(json["resumed_blocks"]?.integer == 5)
    #expect(json["manifest"]?["complete"]?.boolean == true)
    #expect(try place.succeed(fit(["--quiet"])).output.isEmpty)
    #expect(try place.succeed(["verify", "kept"]).output.hasPrefix("kept: sound, a fit of"))
  }

  @Test("Options and methods that are not the fit's are refused, and named")
  func refusals() throws {
    try place.succeed(fit(["--no-certificate"]))
    let refused: [([String], String)] = [
      (score("exact", ["--output", "o.npy", "--damping", "0.2"]), "--damping 0.1"),
      (score("exact", ["--output", "o.npy", "--precision", "double"]), "--precision single"),
      (score("exact", ["--output", "o.npy", "--side", "query"]), "--side automatic"),
      (score("exact", ["--output", "o.npy", "--certificate"]), "--no-certificate"),
      (score("cg", ["--output", "o.npy"]), "cg:steps=5,tolerance=0.1"),
      (score("exact", ["--damping-sweep", "0.1:1:3"]), "--damping-sweep"),
    ]
    for (arguments, words) in refused {
      let outcome = try place.run(arguments)
      #expect(outcome.status == 64, "\(arguments): \(outcome)")
      #expect(outcome.onlyError?.contains(words) == true, "\(outcome)")
    }
    #expect(try place.names() == ["kept"])
    // What the fit has, and what it lacks, is no contradiction unless it is asked for.
    try place.succeed(score("exact", ["--output", "o.npy", "--damping", "0.1"]))
    #expect(try place.json("o.npy.json")["certificate"] == .null)
    let other = try place.run(fit(["--damping", "0.2", "--no-certificate"]))
    #expect(other.status == 73)
    #expect(other.onlyError?.contains("damping is 0.1") == true)
    try place.makeFolder("full")
    try place.write("mine", to: "full/notes")
    let full = try place.run(fit().map { $0 == "kept" ? "full" : $0 })
    #expect(full.status == 73, "\(full)")
  }

  @Test("A store that moved is found with --train; one that changed is refused")
  func stores() throws {
    try SmallFiles.write(in: place)
    let options = ["--method", "exact", "--query", "query.safetensors", "--output", "o.npy"]
    try place.succeed([
      "fit", "--train", "train.safetensors", "--method", "exact", "--output", "kept",
    ])
    try FileManager.default.moveItem(
      at: place.file("train.safetensors"), to: place.file("moved.safetensors"))
    let gone = try place.run(["score", "--fit", "kept"] + options)
    #expect(gone.status == 66)
    #expect(gone.onlyError?.contains("--train") == true)
    try place.succeed(["score", "--fit", "kept", "--train", "moved.safetensors"] + options)
    try place.writeTensors(
      SmallFiles.tensors { first, _ in first[5] += 1 }, to: "train.safetensors")
    let changed = try place.run(["score", "--fit", "kept"] + options)
    #expect(changed.status == 65)
    #expect(changed.onlyError?.contains("checksum") == true)
  }

  @Test("A damaged file is named by verify, a shortened one by score too")
  func damage() throws {
    try place.succeed(fit())
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: place.file("kept").path)
        .sorted().first { $0.contains("factor") })
    var bytes = try place.bytes("kept/\(name)")
    bytes[bytes.count - 3] ^= 4
    try bytes.write(to: place.file("kept/\(name)"))
    let flipped = try place.run(["verify", "kept"])
    #expect(flipped.status == 65)
    #expect(flipped.onlyError?.contains("\(name) is damaged") == true)
    #expect(try place.run(["verify", "kept", "--json"]).json()["sound"]?.boolean == false)
    try bytes.dropLast(8).write(to: place.file("kept/\(name)"))
    let cut = try place.run(score("exact", ["--output", "o.npy"]))
    #expect(cut.status == 65)
    #expect(cut.onlyError?.contains(name) == true)
    #expect(try place.run(["verify", "kept"]).onlyError?.contains("another size") == true)
  }
}
