import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence inspect")
struct InspectTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  /// Zero in row 3 as a whole and in row 5 of one block, NaN in row 8, and a dead block.
  private func writeUnhealthy() throws {
    var tensors = SmallFiles.tensors { first, second in
      for column in 0..<12 {
        first[3 * 12 + column] = 0
        first[5 * 12 + column] = 0
      }
      for column in 0..<5 { second[3 * 5 + column] = 0 }
      first[8 * 12 + 2] = .nan
    }
    tensors.append(
      .init(
        name: "model.layers.11.a.very.long.name.of.a.block.attention.value.lora_B.weight",
        shape: [2, 2], rows: .zeros(SmallFiles.examples, 4)))
    try place.writeTensors(tensors, to: "unhealthy.safetensors")
  }

  @Test("JSON of a healthy store, with its spectrum")
  func spectrum() throws {
    let fixture = try Fixture()
    let json = try place.succeed(["inspect", fixture.train, "--spectrum", "--json"]).json()
    #expect(json["rows"]?.integer == Fixture.exampleCount)
    #expect(json["columns"]?.integer == 303)
    #expect(json["dtype"]?.string == "float32")
    #expect(json["kind"]?.string == "safetensors")
    #expect(json["complete"]?.boolean == true)
    #expect(json["damping"]?.string == "0.1")
    let quantiles = try #require(json["row_norm_quantiles"]?.array)
    let norms = quantiles.compactMap { $0[1]?.number }
    #expect(quantiles.compactMap { $0[0]?.number } == [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    #expect(norms.count == 7 && norms == norms.sorted())
    let facts = try fixture.facts()
    let blocks = try #require(json["blocks"]?.array)
    #expect(blocks.count == 5)
    for block in blocks {
      let name = try #require(block["name"]?.string)
      let expected = facts["spectrum"]?[name]
      #expect(block["dead"]?.boolean == (expected == nil))
      guard let expected else {
        for key in ["lambda", "condition_number", "stable_rank", "effective_dimension"] {
          #expect(block[key] == .null)
        }
        continue
      }
      let width = try #require(block["shape"]?.integers).reduce(1, *)
      expectClose(
        try #require(block["lambda"]?.number), try #require(facts["lambda"]?[name]?.number),
        bound: .backward(order: 40 + width))
      // Eigenvalues of a matrix of order 40 or less, of products of float32 rows in float32.
      let bound = Bound.backward(order: width, condition: 1, in: Float.self)
      for key in ["condition_number", "stable_rank", "effective_dimension"] {
        expectClose(
          try #require(block[key]?.number), try #require(expected[key]?.number), bound: bound,
          "\(name) \(key)")
      }
    }
  }

  @Test("Zero and non-finite rows, and dead blocks, by index")
  func unhealthy() throws {
    try writeUnhealthy()
    let json = try place.succeed(["inspect", "unhealthy.safetensors", "--json"]).json()
    #expect(json["zero_rows"]?.integers == [3])
    #expect(json["non_finite_rows"]?.integers == [8])
    let blocks = try #require(json["blocks"]?.array)
    #expect(blocks.map { $0["dead"]?.boolean } == [false, false, true])
    #expect(blocks.map { $0["zero_rows"]?.integer } == [2, 1, 12])
    #expect(blocks.map { $0["non_finite_rows"]?.integers } == [[8], [], []])
    #expect(blocks[0]["lambda"] == .null)
    #expect(blocks[1]["columns"]?.integers == [12, 17])
    #expect(blocks[0]["shape"]?.integers == [3, 4])
  }

  @Test("Text for people")
  func text() throws {
    try writeUnhealthy()
    let outcome = try place.succeed(["inspect", "unhealthy.safetensors"])
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[0].hasSuffix(
        "12 rows × 21 columns in 3 blocks, float32, 1.0 kB, 84 bytes a row (safetensors)"))
    #expect(lines[1].hasPrefix("row norms: min 0, 5 % "))
    #expect(lines.contains("zero rows: 1 of 12 (3)"))
    #expect(lines.contains("non-finite rows: 1 of 12 (8)"))
    #expect(lines.contains("non-finite rows in block a: 1 of 12 (8)"))
    let dead = try #require(lines.firstIndex { $0.hasPrefix("dead blocks") })
    #expect(lines[dead + 1].hasPrefix("  model.layers.11."))
    // The first line holds the path, however long it is.
    #expect(lines.dropFirst().allSatisfy { $0.count <= 120 && $0.last != " " })
    // A rule as wide as the table stands under its head.
    let head = try #require(lines.firstIndex { $0.hasPrefix("Block ") })
    #expect(lines[head + 1].allSatisfy { "- ".contains($0) })
    #expect(lines[head...(head + 4)].dropFirst().allSatisfy { $0.count == lines[head].count })
    #expect(outcome.errors.isEmpty)
  }

  @Test("A table with spectra stays within 132 columns of real block names")
  func width() throws {
    let outcome = try place.succeed(["inspect", try Fixture().train, "--spectrum"])
    let lines = outcome.output.split(separator: "\n").filter { !$0.hasPrefix("/") }
    #expect(lines.allSatisfy { $0.count <= 132 })
    #expect(outcome.output.contains("Stable rank"))
  }

  @Test("λ follows --damping")
  func damping() throws {
    let json = try place.succeed([
      "inspect", try Fixture().train, "--damping", "absolute:2.5", "--json",
    ]).json()
    let lambdas = try #require(json["blocks"]?.array).compactMap { $0["lambda"]?.number }
    #expect(lambdas == [2.5, 2.5, 2.5, 2.5])
  }

  @Test("A store whose writer did not finish opens only when asked to")
  func unfinished() throws {
    try SmallFiles.write(in: place)
    let refused = try place.run(["inspect", "unfinished"])
    #expect(refused.status == 65)
    #expect(refused.onlyError != nil)
    let outcome = try place.succeed(["inspect", "unfinished", "--incomplete"])
    #expect(outcome.output.contains("incomplete: the writer stopped after 3 rows"))
    let json = try place.succeed(["inspect", "unfinished", "--incomplete", "--json"]).json()
    #expect(json["complete"]?.boolean == false)
    #expect(json["rows"]?.integer == 3)
  }

  @Test("Every form of a store")
  func forms() throws {
    try place.writeArray(SmallFiles.first, to: "single.npy")
    try place.makeFolder("arrays")
    try place.writeArray(SmallFiles.first, to: "arrays/a.npy")
    try place.writeArray(SmallFiles.second, to: "arrays/b.npy")
    for (path, columns, blocks) in [("single.npy", 12, 1), ("arrays", 17, 2)] {
      let json = try place.succeed(["inspect", path, "--json"]).json()
      #expect(json["rows"]?.integer == 12)
      #expect(json["columns"]?.integer == columns)
      #expect(json["blocks"]?.array?.count == blocks)
    }
    #expect(try place.succeed(["inspect", "single.npy"]).output.contains("in 1 block,"))
  }
}
