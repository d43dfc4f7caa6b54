import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Rows that mean nothing, and predictions past what can happen, are said by every command.
@Suite("Rows that mean nothing")
struct MeaninglessRowsTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTensors(SmallFiles.tensors(), to: "train.safetensors")
    try place.writeTensors(
      SmallFiles.tensors(rows: 3) { first, second in
        for column in 0..<12 { first[12 + column] = 0 }
        for column in 0..<5 { second[5 + column] = 0 }
      }, to: "zero.safetensors")
  }

  @Test("compare leaves out queries without an order, and says so")
  func compare() throws {
    let outcome = try place.succeed([
      "compare", "--train", "train.safetensors", "--query", "zero.safetensors", "--methods",
      "datainf", "--output", "run", "-q",
    ])
    #expect(outcome.errors.contains("datainf: the scores of 1 query have no order"))
    #expect(outcome.errors.contains("(rows 1)"))
    let warnings = try #require(try place.json("run/run.json")["warnings"]?.array)
    #expect(warnings.contains { $0.string?.contains("left out of the means") == true })
  }

  @Test("top says that a table's constant scores mean nothing")
  func top() throws {
    try place.succeed([
      "score", "--train", "train.safetensors", "--query", "zero.safetensors", "--method", "exact",
      "--top", "2", "--output", "top.csv", "-q",
    ])
    #expect(try place.succeed(["top", "top.csv", "--query", "1"]).errors.contains("means nothing"))
    #expect(try place.succeed(["top", "top.csv", "--query", "0"]).errors.isEmpty)
  }

  @Test("outliers names rows without a gradient", arguments: ["l1", "l2", "isolation-forest"])
  func outliers(measure: String) throws {
    let command = ["outliers", "--output", "o.npy", "-q", "--measure", measure, "--train"]
    let zero = try place.succeed(command + ["zero.safetensors"])
    #expect(zero.errors.contains("1 row has a zero gradient") && zero.errors.contains("(rows 1)"))
    #expect(try place.json("o.npy.json")["warnings"]?.array?.count == 1)
    #expect(try place.succeed(command + ["train.safetensors"]).errors.isEmpty)
  }

  @Test("subset says which rows have no effect")
  func subset() throws {
    func run(_ row: String) throws -> String {
      try place.succeed([
        "subset", "--train", "train.safetensors", "--query", "zero.safetensors", "--query-row", row,
        "--size", "3",
      ]).errors
    }
    #expect(try run("1").contains("no training row has an effect on query 1"))
    #expect(try !run("0").contains("has an effect"))
    // Two rows in a block of their own, and a query that knows nothing of it.
    let gradients = Matrix<Float>(
      rows: 4, columns: 2, elements: [1, 0, 2, 0, 0, 1, 0, 2])
    let train = Workplace.Tensor(name: "a", shape: [2], rows: gradients)
    let query = Workplace.Tensor(
      name: "a", shape: [2], rows: Matrix(rows: 1, columns: 2, elements: [1, 0]))
    try place.writeTensors([train], to: "t.safetensors")
    try place.writeTensors([query], to: "q.safetensors")
    let outcome = try place.succeed([
      "subset", "--train", "t.safetensors", "--query", "q.safetensors", "--size", "3",
    ])
    #expect(outcome.errors.contains("1 rows of the set have no effect on the mean query"))
  }

  /// Training rows, and queries that are some of them, negated, with losses.
  private func writeLosses(_ losses: [Double]) throws {
    try? FileManager.default.removeItem(at: place.file("queries"))
    let writer = try GradientStoreWriter(
      creating: place.file("queries"), layout: BlockLayout([("a", [3, 4]), ("b", [5])]))
    let tensors = SmallFiles.tensors(rows: losses.count) { first, second in
      for index in first.indices { first[index] *= -1 }
      for index in second.indices { second[index] *= -1 }
    }
    try writer.append(tensors.map(\.rows), losses: losses)
    try writer.finish()
  }

  @Test("An effect beyond the loss, or beyond first order, is a warning with its reason")
  func extrapolation() throws {
    let command = [
      "subset", "--train", "train.safetensors", "--query", "queries", "--query-row", "0",
    ]
    let lower = ["--size", "1", "--direction", "harmful"]
    try writeLosses([0.544, 1, 2])
    let beyond = try place.succeed(command + lower + ["--damping", "1e-3"])
    #expect(beyond.errors.contains("a loss of 0.544 cannot fall by"))
    #expect(
      beyond.output.contains("to first order, by") && beyond.output.contains("to second order"))
    // A large damping changes the loss by little.
    let near = try place.succeed(command + lower + ["--damping", "1e4"])
    #expect(!near.errors.contains("extrapolated"))
    // Losses below zero have no bound; leverage near 1 speaks for itself.
    try writeLosses([-0.5, 1, 2])
    let grown = try place.succeed(command + lower + ["--damping", "1e-3"])
    #expect(grown.errors.contains("second order is") && grown.errors.contains("first order is"))
    let json = try place.succeed(command + lower + ["--damping", "1e-3", "--json"]).json()
    let first = try #require(json["search"]?["first_order"]?.number)
    let second = try #require(json["search"]?["effect"]?.number)
    #expect(second < 2 * first && first < 0)
    #expect(json["warnings"]?.array?.isEmpty == false)
  }

  @Test("group says the same of its queries")
  func group() throws {
    try writeLosses([0.01, 0.01, 0.01])
    let command = [
      "group", "--train", "train.safetensors", "--query", "queries", "--rows", "0",
    ]
    let outcome = try place.succeed(command + ["--damping", "1e-3"])
    #expect(outcome.errors.contains("of 3 queries is extrapolated"))
    #expect(outcome.errors.contains("a loss of 0.01 cannot fall by"))
    let mean = try place.succeed(command + ["--damping", "1e-3", "--aggregate", "mean"])
    #expect(mean.errors.contains("of the mean"))
    #expect(try place.succeed(command + ["--damping", "1e5"]).errors.isEmpty)
  }
}
