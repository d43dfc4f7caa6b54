internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// The folder of a run: what was asked for, what is computed, what it says.
///
///     run.json           experiment, settings, inputs: what decides the results
///     cells/NAME.json    the result of one cell, written when it is computed
///     scores/NAME/*.npy  scores of training examples, where the experiment keeps them
///     results.json       all results and checks; the same bytes whenever they are computed
///     costs.json         times and memory, and the checksums of results.json, tables, pictures and summary
///     tables/*.csv, pictures/*.svg, summary.md
///
/// Each JSON file holds its own checksum, and one that was changed is an error.
struct ExperimentFolder {
  static let recordName = "run.json"
  let url: URL

  /// What decides the results, beside the name of a cell.
  let key: OrderedJSON

  /// Makes the folder, or opens that of an earlier run of the same settings.
  init(_ url: URL, key: OrderedJSON, resumes: Bool) throws {
    self.url = url
    self.key = key
    let files = FileManager.default
    let record = url.appending(path: Self.recordName)
    if files.fileExists(atPath: record.path) {
      let earlier = try SealedJSON(contentsOf: record).content
      guard resumes else { throw ExperimentError.folderInUse(url.relativePath) }
      let differing = Self.differences(earlier, key)
      guard differing.isEmpty else {
        throw ExperimentError.otherRun(url.relativePath, differing: differing)
      }
    } else {
      if files.fileExists(atPath: url.path) {
        // What a run left that was killed before it was on record is no reason to refuse.
        let contents = try? files.contentsOfDirectory(atPath: url.path)
        guard let contents, contents.allSatisfy({ $0.hasPrefix(".unfinished-") }) else {
          throw ExperimentError.notARun(url.relativePath)
        }
      }
      try files.createDirectory(at: url, withIntermediateDirectories: true)
      try AtomicFile.write(try key.sealed().serialized(.indented) + "\n", to: record)
    }
  }

  /// The names of what differs between two keys, settings one by one.
  private static func differences(_ first: OrderedJSON, _ second: OrderedJSON) -> [String] {
    var names: [String] = []
    let keys = OrderedSet(
      (first.object?.keys.elements ?? []) + (second.object?.keys.elements ?? []))
    for key in keys where first[key] != second[key] {
      if let one = first[key], let other = second[key], one.object != nil, other.object != nil {
        names += differences(one, other)
      } else {
        names.append(key)
      }
    }
    return names
  }

  private func file(of cell: String) -> URL { url.appending(path: "cells/\(cell).json") }

  /// The kept result of a cell; nil where it must be computed.
  ///
  /// - Throws: ``ExperimentError/damaged(_:reason:)`` with the file, and the field where one is not as it must be.
  func result<Kind: Experiment>(of cell: String, for kind: Kind) throws -> CellResult<Kind>? {
    let file = file(of: cell)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let sealed: SealedJSON
    do {
      sealed = try SealedJSON(contentsOf: file)
    } catch TensorFileError.wrongChecksum {
      throw ExperimentError.damaged(
        file.relativePath, reason: "it was changed after it was computed")
    } catch {
      throw ExperimentError.damaged(file.relativePath, reason: "it is not the result of a cell")
    }
    // A report trusts what cells hold, such as lists of one length: only what was computed here is believed.
    let json = sealed.content
    guard sealed.isSealed || json["cell"] == nil else {
      throw ExperimentError.damaged(file.relativePath, reason: "it holds no checksum")
    }
    guard json["cell"]?.string == cell, let values = json["values"], let costs = json["costs"]
    else {
      throw ExperimentError.damaged(file.relativePath, reason: "it is not the result of \(cell)")
    }
    let decoder = OrderedJSONDecoder()
    do {
      let result = CellResult<Kind>(
        try decoder.decode(Kind.Result.self, from: values, field: "values"),
        costs: try decoder.decode(Kind.Costs?.self, from: costs, field: "costs"))
      if let problem = ResultList.problem(of: kind.lists(of: result.values)) {
        throw ExperimentError.damaged(file.relativePath, reason: problem)
      }
      return result
    } catch TensorFileError.missingField(_, let field) {
      throw ExperimentError.damaged(file.relativePath, reason: "the field \(field) is missing")
    } catch TensorFileError.invalidField(_, let field, let expected, let found) {
      throw ExperimentError.damaged(
        file.relativePath, reason: "\(field): expected \(expected), found \(found)")
    }
  }

  /// Keeps the result of a cell; whole, or not at all.
  func keep<Kind: Experiment>(_ result: CellResult<Kind>, of cell: String) throws {
    // Before the result: a cell that is kept has its scores.
    for scores in result.scores { try write(scores, of: cell) }
    let file = file(of: cell)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = OrderedJSONEncoder()
    let json: OrderedJSON = [
      "cell": .string(cell), "values": try encoder.encode(result.values),
      "costs": try encoder.encode(result.costs),
    ]
    try AtomicFile.write(try json.sealed().serialized(.indented) + "\n", to: file)
  }

  private func write(_ scores: CellScores, of cell: String) throws {
    let columns = scores.rows.values.first?.count ?? 0
    let record: OrderedJSON = [
      "format": "influencekit-experiment-scores",
      "about": .string(scores.about),
      "rows": .array(scores.rows.keys.map { .string($0) }),
      "columns": .string(scores.columns),
    ]
    let file = url.appending(path: "scores/\(cell)/\(scores.name).npy")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    var writer = try NumpyWriter(
      at: file, rows: scores.rows.count, columns: columns, elementType: .float64)
    try writer.append(
      Matrix(
        rows: scores.rows.count, columns: columns, elements: scores.rows.values.flatMap { $0 }))
    try RecordedFile(at: file).commit(writer.finish(), record: record)
  }

  func write(_ text: String, to path: String) throws {
    let file = url.appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try AtomicFile.write(text, to: file)
  }
}
