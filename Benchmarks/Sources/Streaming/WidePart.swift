import Foundation
import InfluenceKit

/// The tolerance of scores against the definition, relative to the largest.
private let tolerance = 1e-5
/// Queries and training rows that are scored by the definition, too.
private let checkedRows = 4

extension Bench {
  /// Time, memory and correctness of the methods that pass over a store.
  mutating func wide(slice: Int) throws {
    let train = try store("wide", "train")
    let query = try store("wide", "query")
    let diskRate = try fileRates(train, name: "wide")
    for method in ["hessian-free", "datainf"] {
      try coldAndWarm(
        part: "wide", what: "score \(method)", train: train, diskRate: diskRate,
        arguments: scoring(train, query, method), output: output("score", method))
      try coldAndWarm(
        part: "wide", what: "self \(method)", train: train, diskRate: diskRate,
        arguments: ["self", "--train", train.path, "--method", method, "--memory", memory],
        output: output("self", method), readsGradients: method != "hessian-free")
    }
    try check(train, query, slice: slice)
  }

  /// Compares what was written with the definition, on a slice.
  private mutating func check(_ train: URL, _ query: URL, slice: Int) throws {
    let training = try GradientStore(opening: train)
    let queries = try GradientStore(opening: query)
    let scores = Reference(
      store: training, queries: try Reference.rows(checkedRows, of: queries), slice: slice)
    let own = Reference(
      store: training, queries: try Reference.rows(checkedRows, of: training), slice: checkedRows)
    for (method, expected, expectedSelf) in [
      ("hessian-free", try scores.hessianFree(), try own.hessianFree().diagonal),
      ("datainf", try scores.dataInf(), try own.dataInf().diagonal),
    ] {
      let found = try values(output("score", method), rows: 0..<expected.rows)
      try compare(
        "score \(method), \(expected.rows) × \(expected.columns) by the definition",
        Matrix(found.view[columns: 0..<expected.columns]).elements, expected.elements)
      let foundSelf = try values(output("self", method)).elements.prefix(expectedSelf.count)
      try compare(
        "self \(method), \(expectedSelf.count) rows by the definition", Array(foundSelf),
        expectedSelf)
    }
  }

  private mutating func compare(_ what: String, _ found: [Double], _ expected: [Double]) throws {
    var row = ResultRow(part: "wide", what: what)
    let error = relativeError(found, against: expected)
    row.figures["max abs error / max abs S"] = error
    row.passes = error <= tolerance
    add(row)
  }

  private func output(_ command: String, _ method: String) -> URL {
    work.appending(path: "\(command)-\(method).npy")
  }

  /// Narrower copies of the wide store: bytes, times and errors against float32.
  mutating func twins() throws {
    let train = try store("wide", "train")
    let query = try store("wide", "query")
    let bytes = try PageCache.gradientBytes(of: train)
    for type in ["float16", "int8"] {
      if type == "int8", try !importKnows(type) {
        results.notes.append("int8: this command does not write it")
        continue
      }
      let twin = stores.appending(path: "wide").appending(path: "train-\(type)")
      // Goes on with a copy that was interrupted; a finished one is left as it is.
      if (try? GradientStore(opening: twin)) == nil {
        _ = try command(["import", train.path, twin.path, "--dtype", type])
      }
      let twinBytes = try PageCache.gradientBytes(of: twin)
      let diskRate = try fileRates(twin, name: type)
      for method in ["hessian-free", "datainf"] {
        let wideOutput = work.appending(path: "twin-float32-\(method).npy")
        let twinOutput = work.appending(path: "twin-\(type)-\(method).npy")
        _ = try PageCache.read(train)
        let wideRuns = try command(
          scoring(train, query, method), output: wideOutput, times: repeats)
        let firstRow = results.rows.count
        try coldAndWarm(
          part: "twins", what: "score \(method), \(type)", train: twin, diskRate: diskRate,
          arguments: scoring(twin, query, method), output: twinOutput)
        let float32 = ResultRow(part: "", what: "", runs: wideRuns).seconds
        var row = results.rows.removeLast()
        row.figures = [
          "bytes / float32": Double(twinBytes) / Double(bytes),
          "time / float32": row.seconds / float32,
          "max abs ΔS / max abs S": relativeError(
            try values(twinOutput).elements, against: try values(wideOutput).elements),
        ]
        precondition(results.rows.count == firstRow + 1, "a cold line and a warm one")
        add(row)
      }
    }
  }

  private func importKnows(_ type: String) throws -> Bool {
    let log = work.appending(path: "help.txt")
    _ = try ChildRun(influence, ["import", "--help"], log: log)
    return try String(contentsOf: log, encoding: .utf8).contains(type)
  }
}
