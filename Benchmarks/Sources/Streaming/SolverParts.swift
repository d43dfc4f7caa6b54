import Foundation
import InfluenceKit

extension Bench {
  /// Exact against DataInf, on the shape of the largest GLUE run, for all queries and their mean.
  mutating func glue() throws {
    let train = try store("glue", "train")
    let query = try store("glue", "query")
    _ = try PageCache.read(train)
    for aggregate in ["none", "mean"] {
      var seconds: [String: Double] = [:]
      for method in ["datainf", "exact"] {
        var row = ResultRow(part: "glue", what: "\(method), aggregate \(aggregate)", cache: "warm")
        row.runs = try command(
          scoring(train, query, method) + ["--aggregate", aggregate, "--no-certificate"],
          output: work.appending(path: "glue-\(method)-\(aggregate).npy"), times: repeats)
        row.storeBytes = try PageCache.gradientBytes(of: train)
        row.ofMemory = Double(row.storeBytes ?? 0) / row.seconds / memoryRate
        row.staysInBound = row.peakAnonymousBytes <= boundBytes + 256_000_000
        seconds[method] = row.seconds
        if let dataInf = seconds["datainf"], method == "exact" {
          row.figures["exact / datainf"] = row.seconds / dataInf
          row.passes = row.seconds <= 5 * dataInf
        }
        add(row)
      }
    }
  }

  /// Passes to 10⁻³: all queries in one block, with and without DataInf, and each query alone.
  ///
  /// Block conjugate gradients of one query are plain conjugate gradients, so the same command on one row
  /// gives both. Passes of the slowest query are what plain conjugate gradients would read, if all queries
  /// shared each pass.
  mutating func conjugateGradients(singles: Int) throws {
    let train = try store("cg", "train")
    let query = try store("cg", "query")
    _ = try PageCache.read(train)
    let alone = try singleQueries(of: query, count: singles)
    for preconditioner in ["none", "datainf"] {
      let method = "pcg:tolerance=1e-3,preconditioner=\(preconditioner)"
      let block = try solve(train, [query], method)
      let single = try solve(train, alone, method)
      for (what, solved) in [("block", block), ("\(alone.count) queries alone", single)] {
        var row = ResultRow(
          part: "cg", what: "pcg, preconditioner \(preconditioner), \(what)", cache: "warm",
          runs: solved.runs)
        row.figures["most passes of a block"] = Double(solved.passes.max() ?? 0)
        row.figures["fewest passes of a block"] = Double(solved.passes.min() ?? 0)
        row.figures["worst residual"] = solved.worst
        row.passes = solved.worst <= 1e-3
        row.staysInBound = row.peakAnonymousBytes <= boundBytes + 256_000_000
        if what == "block" {
          row.figures["passes alone / passes"] =
            Double(single.passes.max() ?? 0) / Double(max(1, solved.passes.max() ?? 0))
        }
        add(row)
      }
    }
  }

  /// Solves for each store of queries, and reads passes and last residuals from the record.
  private func solve(
    _ train: URL, _ queries: [URL], _ method: String
  ) throws -> (runs: [ChildRun], passes: [Int], worst: Double) {
    var runs: [ChildRun] = []
    var passes: [Int] = []
    var worst = 0.0
    for query in queries {
      let output = work.appending(path: "cg.npy")
      runs += try command(scoring(train, query, method) + ["--no-certificate"], output: output)
      let record = try OrderedJSON(contentsOf: Self.record(of: output))
      let blocks = record["convergence"]?.array ?? []
      guard !blocks.isEmpty else {
        throw BenchmarkError.missing(
          path: Self.record(of: output).path, remedy: "it has no convergence")
      }
      for block in blocks {
        passes.append(block["passes"]?.integer ?? 0)
        // A residual that is not finite is null in the record.
        worst = max(worst, block["worst_relative_residual"]?.array?.last?.number ?? .infinity)
      }
    }
    return (runs, passes, worst)
  }

  /// The first queries, each as a store of one row.
  private func singleQueries(of query: URL, count: Int) throws -> [URL] {
    let store = try GradientStore(opening: query)
    return try (0..<min(count, store.count)).map { row in
      let single = work.appending(path: "query-\(row)")
      try? FileManager.default.removeItem(at: single)
      let writer = try GradientStoreWriter(creating: single, layout: store.layout)
      try writer.append(
        store.layout.blocks.indices.map {
          Matrix(try store.rows(row..<row + 1, of: $0, as: Float.self))
        })
      try writer.finish()
      return single
    }
  }
}
