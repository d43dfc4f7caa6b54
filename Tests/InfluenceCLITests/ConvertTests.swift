import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence convert")
struct ConvertTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  @Test("There and back by the command, gradients and examples are the source's to the byte")
  func roundTrip() throws {
    try place.writeExamples(rows: 12, columns: 9, to: "store")
    for (layout, name) in [
      ("safetensors", "a.safetensors"), ("npy", "arrays"), ("bergson", "index"),
    ] {
      let outcome = try place.succeed(["convert", "store", "--to", layout, "--output", name])
      #expect(outcome.output.hasPrefix("\(name): 12 rows in float32\nnothing is lost"))
      try place.succeed(["convert", name, "--to", "influence", "--output", "back-\(layout)", "-q"])
      for file in ["info.json", "gradients.bin", "squared_norms.bin", "examples.jsonl"] {
        #expect(
          try place.bytes("back-\(layout)/\(file)") == place.bytes("store/\(file)"), "\(file)")
      }
      #expect(try place.succeed(["verify", "back-\(layout)"]).output.contains("sound, 12 rows"))
    }
    let scores = try ["store", "a.safetensors", "arrays", "index"].map { name in
      try place.succeed([
        "score", "--train", name, "--query", name, "--method", "datainf", "--output", "s.npy", "-q",
      ])
      return try place.matrix("s.npy")
    }
    #expect(scores.dropFirst().allSatisfy { $0 == scores[0] })
  }

  @Test("--json says layout, type and what is held elsewhere; a narrower type says what it loses")
  func report() throws {
    let json = try place.succeed([
      "convert", "train.safetensors", "--to", "bergson", "--output", "index", "--dtype", "float16",
      "--json",
    ]).json()
    #expect(json["layout"]?.string == "bergson" && json["dtype"]?.string == "float16")
    #expect(json["rows"]?.integer == 12 && json["remarks"]?.array?.count == 1)
    #expect(json["loss"]?["blocks"]?.array?.count == 2)
    let text = try place.succeed([
      "convert", "train.safetensors", "--to", "npy", "--output", "b.npy", "--select-blocks", "b",
    ])
    #expect(text.output.contains("no place for the name of the block, \"b\""))
  }

  @Test(
    "Wrong inputs leave nothing behind",
    arguments: [
      BadInvocation("convert train.safetensors --to npy", 64, "--output"),
      .init("convert train.safetensors --output o", 64, "--to"),
      .init("convert train.safetensors --to parquet --output o", 64, "parquet", "safetensors"),
      .init("convert train.safetensors --to safetensors --output o", 64, "o", ".safetensors"),
      .init("convert train.safetensors --to npy --output o.npy", 64, "2 blocks", "folder"),
      .init("convert train.safetensors --to npy --output o --dtype int8", 64, "int8", "float32"),
      .init("convert missing --to npy --output o", 66, "missing"),
      .init("convert unfinished --to npy --output o", 65, "unfinished"),
      .init("convert empty.safetensors --to npy --output o", 65, "no rows"),
      .init("convert nan.safetensors --to npy --output o", 65, "nan.safetensors", "row 4", "\"a\""),
      .init(
        "convert nan.safetensors --to safetensors --output o.safetensors", 65, "row 4", "\"a\""),
      .init("convert train.safetensors --to npy --output absent/o", 73, "absent"),
      .init("convert train.safetensors --to bergson --output full", 73, "full", "not empty"),
      .init("convert train.safetensors --to safetensors --output train.safetensors", 64, "source"),
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
