import Experiments
import Foundation
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Cost against size")
struct CostTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ more: String = "", columns: String = "[16, 32, 64]") throws
    -> ExperimentFile
  {
    try ExperimentFile(
      text: """
        experiment: cost
        seeds: 1
        \(more.hasPrefix("methods") ? "" : "methods: [hessian-free]")
        examples: [20, 40]
        columns: \(columns)
        blocks: [1, 2]
        ranks: [1, 2]
        rank-width: 8
        fixed: {examples: 30, columns: 16, blocks: 2}
        queries: 5
        repeats: 2
        \(more)
        """, path: "e.yaml", isQuick: false)
  }

  @Test("Every axis, size and method has its operations and its times, apart from each other")
  func run() throws {
    let folder = directory.url.appending(path: "run")
    let outcome = try ExperimentRun(file(), in: folder).run()
    #expect(outcome.computed == 2 + 3 + 2 + 2)
    let tables = outcome.report.tables
    #expect(tables.map(\.name) == ["exponents", "memory", "operations", "times"])
    // Hessian-free, and DataInf and exact on two sides.
    #expect(tables[0].content.rows.count == 5)
    #expect(tables[3].content.rows.count == 9 * 5)
    let json = try OrderedJSON(contentsOf: folder.appending(path: "results.json"))
    let cell = try #require(json["cells"]?["seed-0/columns-64"])
    #expect(cell.number(at: "d") == 64 && cell.number(at: "n") == 30)
    #expect(cell.number(at: "L") == 2 && cell.number(at: "m") == 5)
    #expect(cell["seconds"] == nil)
    // Hessian-free takes 2mnd a block, and no method less.
    let least = try #require(cell.number(at: "operations", "hessian-free"))
    #expect(least >= 2 * 5 * 30 * 64 * 2)
    for method in ["datainf, query side", "exact, score side", "exact, query side"] {
      #expect(try #require(cell.number(at: "operations", method)) > least)
    }
    let costs = try OrderedJSON(contentsOf: folder.appending(path: "costs.json"))
    let seconds = costs["cells"]?["seed-0/columns-64"]?.numbers(
      at: "exact, query side", "seconds")
    #expect(seconds?.count == 2 && seconds?.allSatisfy { $0 > 0 } == true)
  }

  @Test("Counted operations grow with the powers of the formulas")
  func exponents() throws {
    let outcome = try ExperimentRun(
      file(columns: "[512, 1024]"), in: directory.url.appending(path: "wide")
    ).run()
    let rows = outcome.report.tables[2].content.rows
    func exponent(_ method: String, _ column: Int) throws -> Double {
      let row = try #require(rows.first { $0[0] == .text(method) })
      guard case .number(let value) = row[column] else { return .nan }
      return value
    }
    #expect(abs(try exponent("hessian-free", 2) - 1) < 0.05)
    #expect(abs(try exponent("datainf, query side", 2) - 1) < 0.05)
    // d³/3 and n·d²: between 2 and 3, near 3 for few examples.
    let exact = try exponent("exact, query side", 2)
    #expect(exact > 2.5 && exact < 3.1)
    // Blocks are each the same work.
    #expect(abs(try exponent("exact, query side", 3) - 1) < 0.05)
  }

  @Test("Values are the same bytes whenever they are computed, as times are not among them")
  func repeatable() throws {
    let folders = ["a", "b"].map { directory.url.appending(path: $0) }
    for folder in folders { _ = try ExperimentRun(file(), in: folder).run() }
    for name in ["tables/operations.csv"] {
      #expect(
        try Data(contentsOf: folders[0].appending(path: name))
          == Data(contentsOf: folders[1].appending(path: name)), "\(name)")
    }
    let cells = try folders.map {
      try OrderedJSON(contentsOf: $0.appending(path: "results.json"))["cells"]
    }
    #expect(cells[0] == cells[1])
  }

  @Test(
    "Settings that make no sense are refused, with their place",
    arguments: [("two-sided: [kfac]", "two-sided")])
  func refusals(text: String, key: String) throws {
    try expectRefusal(file(text), of: key)
  }
}
