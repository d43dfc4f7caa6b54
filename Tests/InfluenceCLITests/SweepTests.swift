import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence score --damping-sweep")
struct SweepTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  private func sweep(_ method: String = "exact", _ more: String...) -> [String] {
    ["score", "--train", fixture.train, "--query", fixture.query, "--method", method]
      + ["--damping-sweep", "1e-3:1:7"] + more
  }

  @Test("The table marks the default and the recommendation, and nothing is written")
  func text() throws {
    let outcome = try place.succeed(sweep())
    for piece in ["share", "Spearman", "eff. dim.", "default", "recommended: "] {
      #expect(outcome.output.contains(piece), "\(outcome)")
    }
    #expect(outcome.output.contains("stability, not truth"))
    #expect(try place.names() == [])
    let quiet = try place.succeed(sweep("exact", "--quiet"))
    #expect(quiet.output.hasPrefix("  share"))
    #expect(!quiet.output.contains("recommended: "))
  }

  @Test("CSV and record", arguments: ["exact", "datainf"])
  func files(method: String) throws {
    try place.succeed(sweep(method, "--output", "sweep.csv"))
    #expect(try place.names() == ["sweep.csv", "sweep.csv.json"])
    let lines = String(decoding: try place.bytes("sweep.csv"), as: UTF8.self)
      .components(separatedBy: "\r\n")
    #expect(lines.count == 9)
    #expect(lines[0].hasPrefix("share,Spearman,top 10,neighbours"))
    #expect(lines[5].hasPrefix("0.1,1.0,1.0,"))
    #expect(lines[5].contains("default"))
    let record = try place.json("sweep.csv.json")
    #expect(record["format"]?.string == "influencekit-damping-sweep")
    #expect(record["method"]?.string == method)
    #expect(record["grid"]?.string == "0.001:1.0:7")
    #expect(record["points"]?.array?.count == 7)
    #expect(record["queries"]?.integer == Fixture.queryCount)
    // A sweep may be replaced by another.
    try place.succeed(sweep(method, "--output", "sweep.csv"))
  }

  @Test("The subcommand and the option of score write the same bytes")
  func alias() throws {
    let options = ["--train", fixture.train, "--query", fixture.query, "--method", "datainf"]
    let first = try place.succeed(
      ["score"] + options + ["--damping-sweep", "1e-3:1:5", "--quiet", "--output", "a.csv"])
    let second = try place.succeed(
      ["sweep"] + options + ["--grid", "1e-3:1:5", "--quiet", "--output", "b.csv"])
    #expect(first.output == second.output)
    #expect(try place.bytes("a.csv") == place.bytes("b.csv"))
    let records = try (place.json("a.csv.json"), place.json("b.csv.json"))
    for key in ["format", "grid", "default", "points", "recommendation", "reason", "partition"] {
      #expect(records.0[key] != nil && records.0[key] == records.1[key])
    }
  }

  @Test("JSON is the record, with the numbers of the library")
  func json() throws {
    let outcome = try place.succeed(sweep("exact", "--json", "--output", "sweep.csv"))
    let found = try outcome.json()
    let expected = try DampingSweep(
      of: ExactFisher(), over: DampingGrid(parsing: "1e-3:1:7"),
      on: GradientStore(opening: URL(filePath: fixture.train)),
      queries: GradientStore(opening: URL(filePath: fixture.query)))
    let stability = try DampingStability(of: expected)
    for (index, point) in expected.points.enumerated() {
      let json = try #require(found["points"]?[index])
      #expect(json["damping"]?.string == point.damping.description)
      // Factorizations may use any number of threads: the last digits may differ.
      expectClose(
        json["effective_dimension"]?.number ?? 0, point.effectiveDimension, bound: .relative(1e-9))
      expectClose(
        json["worst_condition_number"]?.number ?? 0, point.worstCondition, bound: .relative(1e-9))
    }
    #expect(found["reason"]?.string == stability.reason)
    #expect(
      found["recommendation"]?["damping"]?.string?.isEmpty
        == (stability.recommendation == nil ? nil : false))
    #expect(try place.json("sweep.csv.json")["reason"] == found["reason"])
  }

  @Test("The mean query is one row")
  func mean() throws {
    let record = try place.succeed(sweep("exact", "--json", "--aggregate", "mean")).json()
    #expect(record["queries"]?.integer == 1)
    #expect(record["aggregate"]?.string == "mean")
  }

  @Test("A default off the grid, or of the other kind, has a row of its own")
  func offGrid() throws {
    let outcome = try place.succeed(sweep("exact", "--damping", "absolute:1e-3"))
    #expect(outcome.output.contains("absolute:0.00100"))
    #expect(outcome.output.contains("default, off the grid"))
  }
}
