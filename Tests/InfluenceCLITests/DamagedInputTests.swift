import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Inputs whose bytes have changed")
struct DamagedInputTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try place.writeExamples(rows: 40, to: "small")
    try place.writeExamples(rows: 5, to: "query")
  }

  private func flip(_ name: String, byte: Int) throws {
    var bytes = Array(try place.bytes(name))
    bytes[byte] ^= 0x20
    try place.write(bytes, to: name)
  }

  private func score(_ train: [String], _ more: [String] = []) throws -> Program.Outcome {
    try place.run(
      ["score"] + train
        + ["--query", "query", "--method", "exact", "--output", "s.npy", "-q"] + more)
  }

  @Test(
    "A small store is compared whenever it is opened",
    arguments: ["gradients.bin", "squared_norms.bin", "examples.jsonl", "manifest.json"])
  func small(file: String) throws {
    try #require(try score(["--train", "small"]).status == 0)
    let record = try place.json("s.npy.json")
    #expect(record["train"]?["crc32c"]?.string?.count == 8)
    #expect(record["train"]?["crc32c_as_recorded"] == nil)
    try flip("small/\(file)", byte: 200)
    let outcome = try score(["--train", "small"])
    #expect(outcome.status == 65)
    #expect(outcome.onlyError?.contains("small/\(file)") == true, "\(outcome)")
  }

  @Test("Gradients of a large store are compared where that is asked for, and when they are copied")
  func large() throws {
    try place.writeExamples(rows: 5000, to: "large")
    let self_ = ["self", "--train", "large", "--method", "hessian-free", "--output", "o.npy", "-q"]
    try place.succeed(self_)
    var record = try place.json("o.npy.json")
    #expect(record["train"]?["crc32c"] == nil)
    let recorded = record["train"]?["crc32c_as_recorded"]?.string
    try place.succeed(self_ + ["--verify"])
    record = try place.json("o.npy.json")
    #expect(record["train"]?["crc32c"]?.string == recorded && recorded?.count == 8)

    try flip("large/gradients.bin", byte: 3_000_001)
    #expect(try place.run(self_).status == 0)
    for command in [
      self_ + ["--verify"], ["import", "large", "copy"], ["merge", "copy", "large", "small"],
      ["split", "large", "copy", "--shards", "2"], ["inspect", "large", "--verify"],
      ["project", "large", "copy", "--kind", "sjlt", "--dimension", "8"],
      ["outliers", "--train", "large", "--measure", "l2", "--verify", "--output", "o.npy"],
    ] {
      let outcome = try place.run(command)
      #expect(outcome.status == 65, "\(command): \(outcome)")
      #expect(outcome.onlyError?.contains("large/gradients.bin") == true, "\(outcome)")
      #expect(!place.has("copy"))
    }
    try place.succeed(["import", "large", "copy", "--no-verify", "-q"])
    try flip("large/squared_norms.bin", byte: 801)
    let norms = try place.run(self_)
    #expect(norms.status == 65)
    #expect(norms.onlyError?.contains("large/squared_norms.bin") == true, "\(norms)")
  }

  @Test(
    "A damaged fit gives no scores",
    arguments: [
      "fit.json", "squared_norms.npy", "block-0000.kernel.npy", "block-0001.kernel-factor.npy",
    ])
  func fits(file: String) throws {
    try place.succeed([
      "fit", "--train", "small", "--method", "exact", "--side", "score", "--output", "fit", "-q",
    ])
    try #require(try score(["--fit", "fit"]).status == 0)
    for byte in [150, 301, 700] {
      let bytes = Array(try place.bytes("fit/\(file)"))
      try flip("fit/\(file)", byte: min(byte, bytes.count - 1))
      let outcome = try score(["--fit", "fit"])
      #expect(outcome.status == 65, "\(outcome)")
      #expect(outcome.onlyError?.contains("fit/\(file)") == true, "\(outcome)")
      try place.write(bytes, to: "fit/\(file)")
    }
  }

  @Test("A comparison is repeated on the same bytes alone, and its record is compared too")
  func comparison() throws {
    try place.succeed([
      "compare", "--train", "small", "--query", "query", "--methods", "exact", "--output", "run",
      "-q",
    ])
    try place.succeed(["compare", "--repeat", "run", "-q"])
    let run = try place.bytes("run/run.json")
    let text = String(decoding: run, as: UTF8.self)
    try place.write(text.replacing("\"seed\": \"0\"", with: "\"seed\": \"1\""), to: "run/run.json")
    #expect(
      try place.run(["compare", "--repeat", "run", "-q"]).onlyError?.contains("run.json") == true)
    try place.write(Array(run), to: "run/run.json")
    // Other gradients, sound in themselves.
    try FileManager.default.removeItem(at: place.file("query"))
    try place.writeExamples(rows: 5, columns: 600, to: "query")
    #expect(try place.run(["compare", "--repeat", "run", "-q"]).status == 65)
  }
}
