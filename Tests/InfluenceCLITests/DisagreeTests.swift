import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence disagree")
struct DisagreeTests {
  let place: Workplace
  static let pool = SmallFiles.random(rows: 40, columns: 3, seed: 21)
  static let weights = SmallFiles.random(rows: 4, columns: 3, seed: 22)

  init() throws {
    place = try Workplace()
    try place.writeArray(Self.pool, to: "pool.npy")
    try place.writeArray(Self.weights, to: "w.npy")
    try place.writeTensors(
      [
        .init(name: "head.weight", shape: [3], rows: Self.weights),
        .init(name: "head.bias", shape: [1], rows: SmallFiles.random(rows: 4, columns: 1, seed: 3)),
      ], to: "head.safetensors")
    try place.writeArray(SmallFiles.random(rows: 30, columns: 3, seed: 23), to: "r.npy")
  }

  private let line = [
    "disagree", "--features", "pool.npy", "--weights", "w.npy", "--output", "l.npy",
  ]

  @Test("The library's values and picks")
  func values() throws {
    let outcome = try place.succeed(line + ["--select", "5", "--seed", "4"])
    let pool = Matrix<Double>(converting: Self.pool)
    let metric = try LeastDisagreeMetric(
      head: try LinearHead(weights: Matrix<Double>(converting: Self.weights)), pool: pool,
      settings: .init(seed: 4))
    #expect(try place.matrix("l.npy").elements == metric.values.map { Double(Float($0)) })
    let picked = try LeastDisagreeSelection.rows(
      5, values: metric.values, features: pool, seed: 4)
    let record = try place.json("l.npy.json")
    #expect(record["picked"]?.array?.compactMap { $0["row"]?.integer } == picked)
    #expect(record["draws"]?.integer == metric.draws)
    #expect(record["format"]?.string == "influencekit-least-disagree")
    #expect(outcome.output.contains("rank row"))
    #expect(outcome.output.contains("L of 40 rows"))
    let first = try place.bytes("l.npy")
    let quiet = try place.succeed(
      line + ["--select", "5", "--seed", "4", "--quiet", "--threads", "1"])
    #expect(try place.bytes("l.npy") == first)
    #expect(!quiet.output.contains("L of"))
  }

  @Test("Tensors of a file by name, a bias, another reference, a rule of one row")
  func files() throws {
    let json = try place.succeed([
      "disagree", "--features", "pool.npy", "--weights", "head.safetensors:head.weight", "--bias",
      "head.safetensors:head.bias", "--reference", "r.npy", "--output", "l.npy", "--json",
    ]).json()
    #expect(json["reference_rows"]?.integer == 30)
    #expect(json["classes"]?.integer == 4)
    #expect(json["picked"]?.array?.isEmpty == true)
    try NumpyFile.write([Float(1), -0.5, 2], to: place.file("rule.npy"))
    let rule = try place.succeed([
      "disagree", "--features", "pool.npy", "--weights", "rule.npy", "--output", "l.npy", "--json",
    ]).json()
    #expect(rule["classes"]?.integer == 2)
  }

  @Test("Bad command lines and files", arguments: Self.bad)
  func refused(invocation: BadInvocation) throws {
    try SmallFiles.write(in: place)
    var bad = Self.pool.elements
    bad[7] = .nan
    try place.writeArray(Matrix(rows: 40, columns: 3, elements: bad), to: "nanpool.npy")
    bad[7] = 1
    for column in 0..<3 { bad[6 + column] = 0 }
    try place.writeArray(Matrix(rows: 40, columns: 3, elements: bad), to: "zeropool.npy")
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let error = try #require(outcome.onlyError, "\(outcome)")
    for piece in invocation.pieces { #expect(error.contains(piece)) }
    #expect(!place.has("l.npy"))
  }

  private static let weighted = "disagree --weights w.npy --output l.npy"
  private static let full = "\(weighted) --features pool.npy"

  static let bad: [BadInvocation] = [
    .init(weighted, 64, "--features"),
    .init("disagree --features pool.npy --output l.npy", 64, "--weights"),
    .init("disagree --features pool.npy --weights w.npy", 64, "--output"),
    .init("\(full) --select -1", 64, "--select -1"),
    .init("\(full) --select 41", 64, "--select 41", "40"),
    .init("\(full) --patience 0", 64, "--patience 0"),
    .init("\(full) --threads 0", 64, "--threads 0"),
    .init("\(weighted) --features missing.npy", 66, "missing.npy"),
    .init("\(weighted) --features nanpool.npy", 65, "nanpool.npy", "row 2", "column 1"),
    .init("\(weighted) --features zeropool.npy --select 3", 65, "row 2"),
    .init("\(weighted) --features scores.npy", 65, "w.npy", "12"),
    .init("\(full) --reference scores.npy", 65, "scores.npy", "12"),
    .init("\(full) --bias vector.npy", 65, "vector.npy", "12", "4"),
    .init(
      "disagree --features pool.npy --weights head.safetensors --output l.npy", 64, "head.weight",
      "head.bias"),
    .init(
      "disagree --features pool.npy --weights head.safetensors:none --output l.npy", 65, "none"),
    .init("\(full) --bias head.safetensors:head.weight", 65, "4 × 3", "list"),
    .init("disagree --features pool.npy --weights w.npy --output w.npy", 64, "w.npy", "input"),
  ]
}
