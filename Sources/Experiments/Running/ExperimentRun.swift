package import Foundation
package import InfluenceKit
internal import OrderedCollections
internal import Reporting

/// Runs an experiment into a folder, cell by cell, and reports on it.
package struct ExperimentRun: Sendable {
  package struct Outcome: Sendable {
    package let report: ExperimentReport
    package let computed: Int
    package let kept: Int
    /// Seconds that this took, all told.
    package let seconds: Double

    /// What must hold, and does not.
    package var failures: [ExperimentReport.Check] { report.checks.filter { !$0.holds } }
  }

  package let file: ExperimentFile
  package let folder: URL
  private let experiment: any Experiment

  /// Opens the data, and checks everything that can be checked before any work.
  ///
  /// - Parameters:
  ///   - file: What to run.
  ///   - folder: Where its results go: nothing, an empty folder, or an earlier run to go on with.
  /// - Throws: ``ExperimentError``, or an error from reading data.
  package init(_ file: ExperimentFile, in folder: URL) throws {
    self.file = file
    self.folder = folder
    experiment = try file.experiment.init(file.settings)
  }

  /// The names of all cells, seed by seed; each is kept as `cells/NAME.json`.
  package var cellNames: [String] { cellNames(of: experiment) }

  private func cellNames<Kind: Experiment>(of experiment: Kind) -> [String] {
    let points = experiment.points
    return file.seeds.flatMap { seed in points.map { experiment.cellName(seed: seed, $0) } }
  }

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
  package func run(
    resumes: Bool = false, versions: OrderedJSON = .null, progress: ProgressHandler? = nil
  ) throws -> Outcome {
    try run(experiment, resumes, versions, progress)
  }

  private func run<Kind: Experiment>(
    _ experiment: Kind, _ resumes: Bool, _ versions: OrderedJSON, _ progress: ProgressHandler?
  ) throws -> Outcome {
    let clock = ContinuousClock()
    let start = clock.now
    let place = try ExperimentFolder(folder, key: key, resumes: resumes)
    guard let lock = try FolderLock(holding: folder) else {
      throw ExperimentError.locked(folder.relativePath)
    }
    let points = experiment.points
    let names = cellNames(of: experiment)
    precondition(Set(names).count == names.count, "two cells of one name")
    var cells: OrderedDictionary<ExperimentResults<Kind>.Cell, CellResult<Kind>> = [:]
    var computed = 0
    for (index, name) in names.enumerated() {
      let cell = ExperimentResults<Kind>.Cell(
        seed: file.seeds[index / points.count], point: points[index % points.count])
      if let kept = try place.result(of: name, for: experiment) {
        cells[cell] = kept
        continue
      }
      let count = Double(names.count)
      progress?(name, Double(index) / count)
      let context = CellContext { stage, share in
        progress?("\(name): \(stage)", (Double(index) + min(1, max(0, share))) / count)
      }
      let result = try experiment.compute(seed: cell.seed, at: cell.point, context)
      try place.keep(result, of: name)
      cells[cell] = result
      computed += 1
    }
    progress?("report", 1)
    let report = try experiment.report(
      ExperimentResults(seeds: file.seeds, isQuick: file.isQuick, cells: cells))
    let outcome = Outcome(
      report: report, computed: computed, kept: cells.count - computed,
      seconds: (clock.now - start) / .seconds(1))
    try write(
      outcome, OrderedDictionary(uniqueKeysWithValues: zip(names, cells.values)), versions,
      to: place)
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

  private func write<Kind: Experiment>(
    _ outcome: Outcome, _ cells: OrderedDictionary<String, CellResult<Kind>>,
    _ versions: OrderedJSON, to place: ExperimentFolder
  ) throws {
    let report = outcome.report
    let encoder = OrderedJSONEncoder()
    for table in report.tables {
      try place.write(table.content.csv(), to: "tables/\(table.name).csv")
    }
    for picture in report.pictures {
      try place.write(picture.content, to: "pictures/\(picture.name).svg")
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
      "cells": .object(try cells.mapValues { try encoder.encode($0.values) }),
    ]
    try place.write(try json.sealed().serialized(.indented) + "\n", to: "results.json")
    try place.write(
      ExperimentSummary(file, report, cellCount: cells.count).markdown(), to: "summary.md")
    let names =
      report.tables.map { "tables/\($0.name).csv" }
      + report.pictures.map { "pictures/\($0.name).svg" } + ["results.json", "summary.md"]
    let costs: OrderedJSON = [
      "format": "influencekit-experiment-costs",
      "version": 1,
      "seconds": .number(outcome.seconds),
      "cells_computed": .integer(outcome.computed),
      "cells_kept": .integer(outcome.kept),
      "versions": versions,
      "cells": .object(try cells.mapValues { try encoder.encode($0.costs) }),
      "files": try FileChecksums(of: names, in: place.url).json,
    ]
    try place.write(try costs.sealed().serialized(.indented) + "\n", to: "costs.json")
  }
}
