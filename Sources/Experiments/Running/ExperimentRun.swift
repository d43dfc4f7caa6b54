public import Foundation
public import Influence
internal import LinearAlgebra
internal import OrderedCollections
internal import Reporting
public import TensorFiles

/// Runs an experiment into a folder, cell by cell, and reports on it.
public struct ExperimentRun: Sendable {
  /// What came out.
  public struct Outcome: Sendable {
    /// Tables, pictures, sentences, checks.
    public let report: ExperimentReport
    /// The number of cells that were computed now.
    public let computed: Int
    /// The number of cells that were there already.
    public let kept: Int
    /// Seconds that this took, all told.
    public let seconds: Double

    /// What must hold, and does not.
    public var failures: [ExperimentReport.Check] { report.checks.filter { !$0.holds } }
  }

  /// What is run.
  public let file: ExperimentFile
  /// Where its results go.
  public let folder: URL
  private let experiment: any Experiment
  private let cells: [ExperimentCell]

  /// Opens the data, and checks everything that can be checked before any work.
  ///
  /// - Parameters:
  ///   - file: What to run.
  ///   - folder: Where its results go: nothing, an empty folder, or an earlier run to go on with.
  /// - Throws: ``ExperimentError``, or an error from reading data.
  public init(_ file: ExperimentFile, in folder: URL) throws {
    self.file = file
    self.folder = folder
    experiment = try file.experiment.init(file.settings)
    cells = experiment.cells(seeds: file.seeds)
    precondition(Set(cells.map(\.name)).count == cells.count, "two cells of one name")
  }

  /// The number of cells.
  public var cellCount: Int { cells.count }

  /// Computes what is not there yet, and writes the report.
  ///
  /// Each cell is kept as soon as it is computed: a run that is killed goes on with the same folder and
  /// `resumes`. More seeds may be asked for then; all other settings must be the same.
  ///
  /// - Parameters:
  ///   - resumes: Whether an earlier run in the folder is gone on with.
  ///   - versions: What computes the results, for the record.
  ///   - progress: Called with the cell's name and the share of all cells that is done.
  /// - Throws: ``ExperimentError``, an error from reading or writing, or one that the experiment finds.
  public func run(
    resumes: Bool = false, versions: OrderedJSON = .null, progress: ProgressHandler? = nil
  ) throws -> Outcome {
    let clock = ContinuousClock()
    let start = clock.now
    let place = try ExperimentFolder(folder, key: key, resumes: resumes)
    guard let lock = try FolderLock(holding: folder) else {
      throw ExperimentError.locked(folder.relativePath)
    }
    var results: OrderedDictionary<String, CellResult> = [:]
    var computed = 0
    for (index, cell) in cells.enumerated() {
      if let kept = try place.result(of: cell.name) {
        results[cell.name] = kept
        continue
      }
      let count = Double(cells.count)
      progress?(cell.name, Double(index) / count)
      let context = CellContext { stage, share in
        progress?("\(cell.name): \(stage)", (Double(index) + min(1, max(0, share))) / count)
      }
      let result = try cell.compute(context)
      try place.keep(result, of: cell.name)
      results[cell.name] = result
      computed += 1
    }
    progress?("report", 1)
    let all = ExperimentResults(seeds: file.seeds, cells: results, isQuick: file.isQuick)
    let report = try experiment.report(all)
    let outcome = Outcome(
      report: report, computed: computed, kept: cells.count - computed,
      seconds: (clock.now - start) / .seconds(1))
    try write(outcome, all, versions, to: place)
    // Held until here, also where something is thrown.
    _ = consume lock
    return outcome
  }

  /// What decides the results of cells; seeds are in their names.
  private var key: OrderedJSON {
    [
      "format": "influencekit-experiment",
      "version": 1,
      "experiment": .string(file.experiment.kind),
      "settings": file.settings.json,
      "inputs": .object(experiment.inputs.mapValues { .string($0) }),
    ]
  }

  private func write(
    _ outcome: Outcome, _ results: ExperimentResults, _ versions: OrderedJSON,
    to place: ExperimentFolder
  ) throws {
    let report = outcome.report
    for table in report.tables {
      try place.write(table.table.csv(), to: "tables/\(table.name).csv")
    }
    for picture in report.pictures {
      try place.write(picture.svg, to: "pictures/\(picture.name).svg")
    }
    let json: OrderedJSON = [
      "format": "influencekit-experiment-results",
      "version": 1,
      "experiment": .string(file.experiment.kind),
      "title": .string(file.title),
      "quick": .boolean(file.isQuick),
      // Strings: a JSON number cannot hold every 64-bit seed.
      "seeds": .array(file.seeds.map { .string(String($0)) }),
      "settings": file.settings.json,
      "inputs": .object(experiment.inputs.mapValues { .string($0) }),
      "checks": .array(
        report.checks.map {
          ["claim": .string($0.claim), "holds": .boolean($0.holds), "detail": .string($0.detail)]
        }),
      "findings": .array(report.findings.map { .string($0) }),
      "warnings": .array(report.warnings.map { .string($0) }),
      "cells": .object(results.cells.mapValues(\.values)),
    ]
    try place.write(try json.serialized(.indented) + "\n", to: "results.json")
    let costs: OrderedJSON = [
      "format": "influencekit-experiment-costs",
      "version": 1,
      "seconds": .number(outcome.seconds),
      "cells_computed": .integer(outcome.computed),
      "cells_kept": .integer(outcome.kept),
      "versions": versions,
      "cells": .object(results.cells.mapValues(\.costs)),
    ]
    try place.write(try costs.serialized(.indented) + "\n", to: "costs.json")
    try place.write(ExperimentSummary(file, outcome).markdown(), to: "summary.md")
  }
}
