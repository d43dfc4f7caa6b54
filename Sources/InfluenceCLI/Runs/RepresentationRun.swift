import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// Scores by a method on representations: `score` and `self` with rps or knn-shapley.
struct RepresentationRun {
  let method: any RepresentationMethod
  let fit: FitOptions

  /// - Parameters:
  ///   - specification: The method, with settings.
  ///   - fit: Options, of which those of gradients have no meaning here.
  ///   - others: Further options that have none, and whether they were given.
  /// - Returns: nil for methods on gradients.
  init?(_ specification: String, fit: FitOptions, refusing others: [(String, Bool)]) throws {
    guard let method = try RepresentationCatalog.method(specification) else { return nil }
    let given = others.filter(\.1).map(\.0) + fit.namesOfChanged.filter { $0 != "--threads" }
    guard given.isEmpty else {
      throw ValidationError(
        "method \(method.name) reads representations, not gradients: leave out \(given.joined(separator: ", "))"
      )
    }
    if let threads = fit.threads { Parallelism.threads = threads }
    self.method = method
    self.fit = fit
  }

  /// What is read for one side: representations, and the ids of a store that they lie beside.
  private struct Source {
    let examples: Representations
    let ids: [String?]?
    let record: OrderedJSON

    init(_ path: String) throws {
      let url = URL(filePath: path)
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw Failure.noInput("\(path): no such file or folder")
      }
      examples = try Representations(opening: url)
      let isStore = FileManager.default.fileExists(atPath: url.appending(path: "info.json").path)
      let store = isStore ? try GradientStore(opening: url) : nil
      if let store, store.count != examples.count {
        throw Failure.data(
          "\(examples.source): \(examples.count) rows beside \(store.count) of gradients; write both from the same examples"
        )
      }
      ids = try store?.exampleIDs()
      let map = try MemoryMap(opening: URL(filePath: examples.source))
      record = [
        "path": .string(examples.source),
        "rows": .integer(examples.count),
        "columns": .integer(examples.features.columns),
        "regularization": examples.head.map { .number($0.regularization) } ?? .null,
        "crc32c": .string("\(try Checksum(of: map))"),
      ]
    }
  }

  /// Writes the scores, as many queries at a time as memory allows.
  func score(
    train: String, query: String, output: String, aggregate: Aggregation,
    convention: ScoreConvention, top: Int?
  ) throws {
    let destination = try OutputPath(
      output, inputs: [train, query], ending: top == nil ? "npy" : "csv")
    let training = try Source(train)
    let queries = try Source(query)
    let (m, n) = (queries.examples.count, training.examples.count)
    guard m > 0 else { throw InfluenceError.empty(source: queries.examples.source) }
    let budget =
      fit.memory?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
    // Products, values, their rows and as they are narrowed.
    let atATime = max(1, min(m, budget / max(1, 32 * n)))
    let bar = ProgressBar(quiet: fit.quiet)
    defer { bar.finish() }
    var seconds = 0.0
    func forEachBatch(_ write: (Matrix<Float>, _ first: Int) throws -> Void) throws {
      var mean = Matrix<Double>.zeros(1, n)
      for first in stride(from: 0, to: m, by: atATime) {
        let rows = first..<min(m, first + atATime)
        let scores = try method.scores(
          of: queries.examples[rows: rows], on: training.examples, aggregation: aggregate)
        seconds += scores.seconds
        if aggregate == .mean {
          mean.add(scores.values, scale: Double(rows.count) / Double(m))
        } else {
          try write(try destination.single(scores.values(in: convention)), first)
        }
        bar.handler?("scoring", Double(rows.upperBound) / Double(m))
      }
      guard aggregate == .mean else { return }
      mean.scale(by: convention.sign)
      try write(try destination.single(mean), 0)
    }
    let rowCount = aggregate == .mean ? 1 : m
    func record() -> OrderedJSON {
      [
        "format": .string(top == nil ? "influencekit-scores" : "influencekit-top-scores"),
        "version": 1,
        "method": .string(method.name),
        "settings": RunRecord.settings(method.settings),
        "convention": .string(convention.rawValue),
        "aggregate": .string(aggregate.rawValue),
        "rows": .integer(rowCount),
        "columns": .integer(n),
        "axes": ["query", "training example"],
        "top": top.map { .integer($0) } ?? .null,
        "train": training.record,
        "query": queries.record,
        "seconds": .number(seconds),
        "versions": RunRecord.versions,
        "command": RunRecord.commandLine,
      ]
    }
    if let top {
      var writer = try TopTableWriter(
        at: destination.array, count: top, convention: convention,
        queryIDs: aggregate == .mean ? nil : queries.ids, exampleIDs: training.ids)
      try forEachBatch { try writer.append($0, firstQuery: $1) }
      try destination.commit(writer, record: record())
    } else {
      var writer = try destination.writer(rows: rowCount, columns: n)
      try forEachBatch { scores, _ in try writer.append(scores) }
      try destination.commit(writer, record: record())
    }
    bar.finish()
    guard !fit.quiet else { return }
    let kept = top.map { "the top and bottom \(min($0, n)) of each query in " } ?? ""
    print(
      "\(output): \(kept)\(rowCount) × \(n) scores by \(method.name), positive is \(convention == .helpful ? "helpful" : "harmful"), in \(NumberFormat.seconds(seconds))"
    )
  }

  /// Writes the scores of training examples on themselves.
  func selfInfluence(train: String, output: String) throws {
    let destination = try OutputPath(output, inputs: [train])
    let training = try Source(train)
    let values = try method.selfInfluence(on: training.examples)
    try destination.write(
      vector: values,
      record: [
        "format": "influencekit-self-influence",
        "version": 1,
        "method": .string(method.name),
        "settings": RunRecord.settings(method.settings),
        "rows": .integer(values.count),
        "train": training.record,
        "versions": RunRecord.versions,
        "command": RunRecord.commandLine,
      ])
    guard !fit.quiet else { return }
    let largest = try Ranking.topIndices(min(5, values.count), of: values)
    print("\(output): \(values.count) values by \(method.name)")
    print(
      "largest: "
        + largest.map { "\($0) (\(NumberFormat.significant(values[$0])))" }.joined(separator: ", "))
  }
}
