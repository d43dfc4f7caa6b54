import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence score --per-block")
struct PerBlockTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  private func score(_ method: String, _ output: String, _ options: [String] = []) -> [String] {
    [
      "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method", method,
      "--output", output,
    ] + options
  }

  /// Sums over the last axis, the blocks.
  private func sums(_ name: String, shape: [Int]) throws -> [Double] {
    let file = try NumpyFile(opening: place.file(name))
    #expect(file.shape == shape)
    let count = try #require(shape.last)
    let values = try file.matrix(as: Double.self).elements
    return stride(from: 0, to: values.count, by: count).map {
      values[$0..<$0 + count].reduce(0, +)
    }
  }

  private let rounding = Bound.relative(4 * Double(Float.ulpOfOne))

  @Test(
    "Queries × examples × blocks, which sum to the scores",
    arguments: ["hessian-free", "datainf", "exact", "cosine", "relatif-l"],
    [[], ["--aggregate", "mean"], ["--convention", "influence"], ["--memory", "4kB"]])
  func sums(method: String, options: [String]) throws {
    // Batches of queries: nothing fits in 4 kB, so that they go one by one.
    if options.contains("--memory"), ["exact", "relatif-l"].contains(method) { return }
    try place.succeed(score(method, "whole.npy", options.contains("4kB") ? [] : options))
    let outcome = try place.succeed(score(method, "parts.npy", ["--per-block"] + options))
    let rows = options.contains("mean") ? 1 : 3
    #expect(outcome.output.contains("\(rows) × 12 × 2 shares of blocks in scores by \(method)"))
    let whole = try place.matrix("whole.npy")
    expectClose(try sums("parts.npy", shape: [rows, 12, 2]), whole.elements, bound: rounding)
    let record = try place.json("parts.npy.json")
    #expect(record["format"]?.string == "influencekit-block-scores")
    #expect(record["axes"]?.strings == ["query", "training example", "block"])
    #expect(record["shape"]?.integers == [rows, 12, 2])
    #expect(record["block_names"]?.strings == ["a", "b"])
  }

  @Test("From a kept fit, and by layer")
  func others() throws {
    try place.succeed([
      "fit", "--train", "train.safetensors", "--method", "exact", "--output", "fit",
    ])
    try place.succeed(score("exact", "a.npy", ["--per-block"]))
    try place.succeed([
      "score", "--fit", "fit", "--query", "query.safetensors", "--method", "exact", "--per-block",
      "--output", "b.npy",
    ])
    expectClose(try place.matrix("b.npy"), try place.matrix("a.npy"), bound: .relative(1e-6))
    try place.succeed(score("exact", "c.npy", ["--per-block", "--blocks", "all"]))
    #expect(try NumpyFile(opening: place.file("c.npy")).shape == [3, 12, 1])
  }

  @Test("Self-influence: examples × blocks", arguments: ["datainf", "cosine", "exact"])
  func own(method: String) throws {
    let words = ["self", "--train", "train.safetensors", "--method", method, "--output"]
    try place.succeed(words + ["whole.npy"])
    let output = try place.succeed(words + ["parts.npy", "--per-block"]).output
    #expect(output.contains("12 × 2 shares of blocks in values by \(method)"))
    expectClose(
      try sums("parts.npy", shape: [12, 2]), try place.matrix("whole.npy").elements,
      bound: rounding)
    let record = try place.json("parts.npy.json")
    #expect(record["format"]?.string == "influencekit-block-self-influence")
    #expect(record["block_names"]?.strings == ["a", "b"])
  }

  @Test(
    "What it does not go with",
    arguments: [
      ("--top 3 --output o.csv", "--top"),
      ("--damping-sweep 0.1:1:3 --output o.csv", "--damping-sweep"),
    ])
  func refused(options: String, piece: String) throws {
    let words = Array(score("exact", "x").dropLast(2))
    let outcome = try place.run(
      words + ["--per-block"] + options.split(separator: " ").map(String.init))
    #expect(outcome.status == 64)
    #expect(try #require(outcome.onlyError).contains(piece), "\(outcome)")
  }

  @Test("It is of one store", arguments: ["score", "self"])
  func ensembles(command: String) throws {
    let outcome = try place.run([
      command, "--checkpoint", "folder", "--method", "exact", "--output", "o.npy", "--per-block",
    ])
    #expect(outcome.status == 64)
    #expect(try #require(outcome.onlyError).contains("one store"), "\(outcome)")
  }
}
