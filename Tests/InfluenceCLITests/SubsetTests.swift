import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence subset")
struct SubsetTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
    // A mean of 2 and 4, a line, and a row far out.
    try place.write(
      "x,y\n0,1\n1,2.5\n2,2\n3,4.5\n4,4\n5,6.5\n6,20\n7,7\n", to: "line.csv")
    try place.write(
      "x,z,y\n0,1,0\n1,0,0\n2,1,1\n3,1,0\n4,0,1\n5,0,1\n6,1,1\n7,0,1\n", to: "classes.csv")
  }

  private var store: [String] {
    ["subset", "--train", fixture.train, "--query", fixture.query, "--query-row", "3"]
  }

  @Test("Adaptive's rows and effect are those of `influence group`")
  func group() throws {
    let json = try place.succeed(store + ["--size", "4", "--json", "--precision", "double"]).json()
    let search = try #require(json["search"])
    let rows = try #require(search["rows"]?.integers)
    #expect(Set(rows).count == 4)
    #expect(search["direction"]?.string == "raise")
    let group = try place.succeed(
      ["group", "--train", fixture.train, "--query", fixture.query, "--json", "--precision"]
        + ["double", "--rows"] + rows.map(String.init)
    ).json()
    let expected = try #require(group["second_order"]?[3]?.number)
    let effect = try #require(search["effect"]?.number)
    #expect(abs(effect - expected) < 1e-9 * expected)
    let predicted = try #require(search["predicted"]?.number)
    #expect(abs(predicted - expected) < 1e-8 * expected)
    #expect(expected > 0)
    let harmful = try place.succeed(
      store + ["--size", "4", "--json", "--direction", "harmful"]
    ).json()
    #expect(try #require(harmful["search"]?["effect"]?.number) < 0)
    #expect(harmful["search"]?["direction"]?.string == "lower")
  }

  @Test("Greedy's first row is the most helpful of `influence score`")
  func greedy() throws {
    try place.succeed(fixture.score("exact"))
    let top = try place.succeed(["top", "scores.npy", "--query", "3", "--json", "--count", "5"])
      .json()
    let rows = (0..<5).map { top["helpful"]?[$0]?["example"]?.integer }
    let json = try place.succeed(
      store + ["--size", "5", "--algorithm", "greedy", "--json"]
    ).json()
    #expect(json["search"]?["rows"]?.integers == rows.compactMap { $0 })
  }

  @Test("The table says what it is about")
  func text() throws {
    let outcome = try place.succeed(store + ["--size", "3", "--step", "2"])
    #expect(outcome.output.contains("rank row"))
    #expect(outcome.output.contains("removing the 3 of 40 training rows"))
    #expect(outcome.output.contains("query 3"))
    let quiet = try place.succeed(store + ["--size", "3", "--quiet"])
    #expect(!quiet.output.contains("removing"))
    #expect(quiet.output.split(separator: "\n").count == 5)
    let mean = try place.succeed(Array(store.dropLast(2)) + ["--size", "3"])
    #expect(mean.output.contains("the mean query"))
  }

  private func line(_ arguments: String...) throws -> OrderedJSON {
    try place.succeed(
      ["subset", "--data", "line.csv", "--label", "y", "--model", "least-squares", "--json"]
        + arguments
    ).json()
  }

  @Test("Least squares: exhaustive is no worse, rows are the table's, the point is left out")
  func leastSquares() throws {
    let best = try line(
      "--point", "7", "--size", "2", "--algorithm", "exhaustive", "--direction", "lower")
    let adaptive = try line("--point", "7", "--size", "2", "--direction", "lower")
    #expect(best["training_rows"]?.integer == 7)
    #expect(best["search"]?["rows"]?.integers?.contains(6) == true)
    #expect(adaptive["search"]?["rows"]?.integers?.first == 6)
    let (one, other) = (
      try #require(best["search"]?["effect"]?.number),
      try #require(adaptive["search"]?["effect"]?.number)
    )
    #expect(one <= other && other < 0)
    let before = try #require(best["before"]?.number)
    let after = try #require(best["after"]?.number)
    #expect(abs(after - before - one) < 1e-12)
    // A row in the middle is left out too: the rows after it keep their numbers.
    let middle = try line("--point", "2", "--size", "1", "--direction", "lower")
    #expect(middle["search"]?["rows"]?.integers == [6])
    // From another table, nothing is left out.
    try place.write("x,y\n10,0\n", to: "points.csv")
    let elsewhere = try line(
      "--point", "0", "--points", "points.csv", "--size", "1", "--direction", "lower")
    #expect(elsewhere["training_rows"]?.integer == 8)
  }

  @Test("Standard features leave an unpenalised fit as it is")
  func standardized() throws {
    let plain = try line("--point", "7", "--size", "2")
    let standard = try line("--point", "7", "--size", "2", "--standardize")
    #expect(plain["search"]?["rows"]?.integers == standard["search"]?["rows"]?.integers)
    let (one, other) = (
      try #require(plain["after"]?.number), try #require(standard["after"]?.number)
    )
    #expect(abs(one - other) < 1e-10)
  }

  @Test("Logistic: probability and margin move the same way")
  func logistic() throws {
    func run(_ measure: String) throws -> OrderedJSON {
      try place.succeed([
        "subset", "--data", "classes.csv", "--label", "y", "--model", "logistic", "--point", "3",
        "--size", "2", "--measure", measure, "--json",
      ]).json()
    }
    let (margin, probability) = (try run("margin"), try run("probability"))
    #expect(
      margin["search"]?["rows"]?.integers == probability["search"]?["rows"]?.integers)
    let before = try #require(margin["before"]?.number)
    let chance = try #require(probability["before"]?.number)
    #expect(abs(chance - 1 / (1 + exp(-before))) < 1e-9)
    let after = try #require(margin["after"]?.number)
    #expect(abs((try #require(probability["after"]?.number)) - 1 / (1 + exp(-after))) < 1e-9)
  }

  @Test("Bad command lines and tables", arguments: Self.bad)
  func refused(invocation: BadInvocation) throws {
    try SmallFiles.write(in: place)
    try place.write("x,y\n0,1\n1,two\n", to: "words.csv")
    try place.write("x,c,y\n0,3,0\n1,3,1\n2,3,1\n3,3,0\n", to: "constant.csv")
    try place.write("q,y\n0,1\n", to: "different.csv")
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let error = try #require(outcome.onlyError, "\(outcome)")
    for piece in invocation.pieces { #expect(error.contains(piece)) }
  }

  private static let gradients = "subset --train train.safetensors --query query.safetensors"
  private static let table = "subset --data line.csv --label y --model least-squares"

  static let bad: [BadInvocation] = [
    .init("subset", 64, "--size"),
    .init("subset --size 2", 64, "--train", "--data"),
    .init("\(gradients) --size 0", 64, "--size 0", "from 1"),
    .init("\(gradients) --size 12", 64, "--size 12", "at most 11"),
    .init("\(gradients) --size 2 --query-row 3", 64, "--query-row 3", "0 to 2"),
    .init("\(gradients) --size 2 --query-row -1", 64, "--query-row -1"),
    .init("\(gradients) --size 2 --step 0", 64, "--step 0"),
    .init("\(gradients) --size 2 --step 2 --algorithm greedy", 64, "--step", "adaptive"),
    .init("\(gradients) --size 2 --algorithm best", 64, "best", "adaptive"),
    .init("\(gradients) --size 2 --algorithm exhaustive", 64, "exhaustive", "adaptive"),
    .init("\(gradients) --size 2 --direction up", 64, "up", "harmful"),
    .init("\(gradients) --size 2 --method nonsense", 64, "nonsense", "datainf"),
    .init("\(gradients) --size 2 --method cosine", 65, "cosine"),
    .init("\(gradients) --size 2 --method block-normalized", 65, "block-normalized", "leverage"),
    .init("\(gradients) --size 2 --point 1", 64, "--point", "--data"),
    .init("subset --train missing --query query.safetensors --size 2", 66, "missing"),
    .init("subset --train nan.safetensors --query query.safetensors --size 2", 65, "4, 7"),
    .init("\(table) --size 2", 64, "--point"),
    .init("\(table) --size 2 --point 8", 64, "--point 8", "0 to 7"),
    .init("\(table) --size 2 --point 1 --train train.safetensors", 64, "--train", "--data"),
    .init("\(table) --size 2 --point 1 --direction helpful", 64, "helpful", "raise"),
    .init("\(table) --size 2 --point 1 --measure margin", 64, "--measure", "logistic"),
    .init("\(table) --size 2 --point 1 --damping 1", 64, "--damping"),
    .init("\(table) --size 2 --point 1 --penalty -1", 64, "--penalty"),
    .init("\(table) --size 7 --point 1", 64, "--size 7", "at most 6"),
    .init("\(table) --size 6 --point 1", 65, "leverage"),
    .init("\(table) --size 2 --point 0 --points different.csv", 65, "different.csv", "columns"),
    .init("subset --data missing.csv --label y --model logistic --size 1 --point 0", 66, "missing"),
    .init(
      "subset --data words.csv --label y --model least-squares --size 1 --point 0", 65,
      "words.csv", "line 3", "two"),
    .init(
      "subset --data line.csv --label q --model least-squares --size 1 --point 0", 65, "line.csv",
      "\"q\""),
    .init(
      "subset --data line.csv --label y --model logistic --size 1 --point 0", 65, "line.csv",
      "8 classes", "2.5"),
    .init(
      "subset --data constant.csv --label y --model least-squares --size 1 --point 0", 65,
      "constant.csv", "--penalty"),
    .init(
      "subset --data constant.csv --label y --model logistic --penalty 0 --size 1 --point 0", 64,
      "--penalty"),
  ]
}
