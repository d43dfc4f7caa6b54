import Experiments
import Foundation
import Synchronization
import TensorFiles
import TestSupport
import Testing

@Suite("Runs of experiments")
struct ExperimentRunTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(
    _ name: String, seeds: Int, _ more: String = ""
  ) throws -> ExperimentFile {
    try ExperimentFile(
      text: "experiment: counting\nmust: 1\nname: \(name)\nseeds: \(seeds)\n\(more)",
      path: "e.yaml", among: [CountingExperiment.self])
  }

  private func computed(_ name: String) -> Int {
    CountingExperiment.state.withLock { $0[name]?.computed ?? 0 }
  }

  private func stop(_ name: String, after limit: Int) {
    CountingExperiment.state.withLock { $0[name] = ($0[name]?.computed ?? 0, limit) }
  }

  @Test("A run that stopped goes on, computes only the rest, and leaves the same bytes")
  func resumption() throws {
    let whole = directory.url.appending(path: "whole")
    _ = try ExperimentRun(file("resumed", seeds: 6), in: whole).run()
    let folder = directory.url.appending(path: "broken")
    stop("resumed", after: 6 + 4)
    let run = try ExperimentRun(file("resumed", seeds: 6), in: folder)
    #expect(throws: CountingExperiment.Stopped.self) { try run.run() }
    #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "results.json").path))
    stop("resumed", after: .max)
    let outcome = try run.run(resumes: true)
    #expect(outcome.kept == 4 && outcome.computed == 2)
    #expect(computed("resumed") == 12)
    for name in ["results.json", "tables/sums.csv", "pictures/sums.svg", "summary.md"] {
      #expect(
        try Data(contentsOf: folder.appending(path: name))
          == Data(contentsOf: whole.appending(path: name)), "\(name)")
    }
  }

  @Test("More seeds may be asked for, and nothing is computed twice")
  func moreSeeds() throws {
    let folder = directory.url.appending(path: "run")
    _ = try ExperimentRun(file("grown", seeds: 2), in: folder).run()
    let outcome = try ExperimentRun(file("grown", seeds: 5), in: folder).run(resumes: true)
    #expect(outcome.kept == 2 && outcome.computed == 3)
    #expect(computed("grown") == 5)
  }

  @Test("An earlier run is not written over, and not mixed with another")
  func earlierRuns() throws {
    let folder = directory.url.appending(path: "run")
    let run = try ExperimentRun(file("earlier", seeds: 2), in: folder)
    _ = try run.run()
    #expect(throws: ExperimentError.folderInUse(folder.relativePath)) { try run.run() }
    let other = try ExperimentRun(file("earlier", seeds: 2, "step: 3"), in: folder)
    #expect(throws: ExperimentError.otherRun(folder.relativePath, differing: ["step"])) {
      try other.run(resumes: true)
    }
    let strange = directory.url.appending(path: "strange")
    try FileManager.default.createDirectory(at: strange, withIntermediateDirectories: true)
    try Data("x".utf8).write(to: strange.appending(path: "letter.txt"))
    let third = try ExperimentRun(file("earlier", seeds: 2), in: strange)
    #expect(throws: ExperimentError.notARun(strange.relativePath)) { try third.run() }
  }

  @Test("A damaged cell is named, and not believed", arguments: ["", "{", "{\"cell\": \"other\"}"])
  func damage(text: String) throws {
    let folder = directory.url.appending(path: "run")
    let run = try ExperimentRun(file("damaged", seeds: 2), in: folder)
    _ = try run.run()
    let cell = folder.appending(path: "cells/seed-1/sum.json")
    try Data(text.utf8).write(to: cell)
    #expect {
      try run.run(resumes: true)
    } throws: { error in
      "\(error)".contains("cells/seed-1/sum.json") && "\(error)".contains("delete the file")
    }
    try FileManager.default.removeItem(at: cell)
    #expect(try run.run(resumes: true).computed == 1)
  }

  @Test("A cell that was edited after it was computed is not believed")
  func edited() throws {
    let folder = directory.url.appending(path: "run")
    let run = try ExperimentRun(file("edited", seeds: 2), in: folder)
    _ = try run.run()
    let cell = folder.appending(path: "cells/seed-1/sum.json")
    let text = try String(contentsOf: cell, encoding: .utf8)
    let changed = text.replacing(/"sum": (\d+)/) { "\"sum\": \($0.1)1" }
    try #require(changed != text)
    try Data(changed.utf8).write(to: cell)
    #expect(
      throws: ExperimentError.damaged(
        cell.relativePath, reason: "it was changed after it was computed")
    ) { try run.run(resumes: true) }
    try Data(text.utf8).write(to: cell)
    #expect(try run.run(resumes: true).kept == 2)
  }

  @Test(
    "A cell that is not what its experiment computes is named by file and field",
    arguments: [
      ("{\"sum\": 1}", "{\"seconds\": 1}", nil),
      ("{\"sum\": 1.5}", "null", "values.sum: expected an integer, found a number"),
      ("{\"sum\": \"1\"}", "null", "values.sum: expected an integer, found a string"),
      ("{}", "null", "the field values.sum is missing"),
      ("[]", "null", "values: expected an object, found an array"),
      ("{\"sum\": 1}", "{}", "the field costs.seconds is missing"),
    ])
  func damagedFields(values: String, costs: String, reason: String?) throws {
    let folder = directory.url.appending(path: "run")
    let run = try ExperimentRun(file("fields", seeds: 2), in: folder)
    _ = try run.run()
    let cell = folder.appending(path: "cells/seed-1/sum.json")
    try Data("{\"cell\": \"seed-1/sum\", \"values\": \(values), \"costs\": \(costs)}".utf8)
      .write(to: cell)
    #expect(
      throws: ExperimentError.damaged(cell.relativePath, reason: "it holds no checksum")
    ) { try run.run(resumes: true) }
    try Data(OrderedJSON(contentsOf: cell).sealed().serialized(.indented).utf8).write(to: cell)
    guard let reason else {
      #expect(try run.run(resumes: true).kept == 2)
      return
    }
    #expect(throws: ExperimentError.damaged(cell.relativePath, reason: reason)) {
      try run.run(resumes: true)
    }
  }

  @Test("What must hold and does not is reported, with all results written")
  func failingChecks() throws {
    let folder = directory.url.appending(path: "run")
    let outcome = try ExperimentRun(file("failing", seeds: 102), in: folder).run()
    #expect(outcome.failures.map(\.claim) == ["sums are small"])
    let results = try OrderedJSON(contentsOf: folder.appending(path: "results.json"))
    #expect(results["checks"]?.array?.first?["holds"]?.boolean == false)
    let summary = try String(contentsOf: folder.appending(path: "summary.md"), encoding: .utf8)
    #expect(summary.contains("**does not hold**: sums are small"))
  }
}
