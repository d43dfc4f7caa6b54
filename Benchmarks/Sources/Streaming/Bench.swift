import Foundation
import InfluenceKit

/// What all parts need: the command, its bound, the rates of this machine, and the results so far.
struct Bench {
  let stores: URL
  let influence: String
  let memory: String
  let boundBytes: Int
  let repeats: Int
  /// Where scores and logs go: beside the stores, on the same disk.
  let work: URL
  var memoryRate = Double.nan
  var results = Results()

  init(stores: URL, influence: String, memory: String, boundBytes: Int, repeats: Int) throws {
    guard FileManager.default.isExecutableFile(atPath: influence) else {
      throw BenchmarkError.missing(
        path: influence, remedy: "swift build -c release --product influence")
    }
    self.stores = stores
    self.influence = influence
    self.memory = memory
    self.boundBytes = boundBytes
    self.repeats = repeats
    work = stores.appending(path: "results")
    try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
  }

  /// A store, or the remedy.
  func store(_ kind: String, _ side: String) throws -> URL {
    let url = stores.appending(path: kind).appending(path: side)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw BenchmarkError.missing(path: url.path, remedy: "Streaming make \(kind)")
    }
    return url
  }

  /// Runs the command some times; files of earlier runs are removed.
  func command(_ arguments: [String], output: URL? = nil, times: Int = 1) throws -> [ChildRun] {
    try (0..<times).map { _ in
      if let output {
        try? FileManager.default.removeItem(at: output)
        try? FileManager.default.removeItem(at: Self.record(of: output))
      }
      return try ChildRun(
        influence, arguments + (output.map { ["--output", $0.path] } ?? []) + ["--quiet"],
        log: work.appending(path: "log.txt"))
    }
  }

  /// The options of `score` on one kind of store.
  func scoring(_ train: URL, _ query: URL, _ method: String, bounded: Bool = true) -> [String] {
    ["score", "--train", train.path, "--query", query.path, "--method", method]
      + (bounded ? ["--memory", memory] : [])
  }

  /// Reads a store cold and warm, and remembers the rates.
  mutating func fileRates(_ store: URL, name: String) throws -> Double {
    let method = try PageCache.drop(store)
    let cold = try PageCache.read(store)
    let warm = try PageCache.read(store)
    results.machine["disk GB/s, cold, \(name)"] = cold / 1e9
    results.machine["read() GB/s, second time, \(name)"] = warm / 1e9
    let note = "cold: \(method.rawValue)"
    if !results.notes.contains(note) { results.notes.append(note) }
    return cold
  }

  /// One command cold, and then warm.
  ///
  /// - Parameter readsGradients: Whether a rate means anything; norms come from the store's own record.
  mutating func coldAndWarm(
    part: String, what: String, train: URL, diskRate: Double, arguments: [String], output: URL,
    readsGradients: Bool = true
  ) throws {
    let bytes = try PageCache.gradientBytes(of: train)
    for isCold in [true, false] {
      if isCold { _ = try PageCache.drop(train) } else { _ = try PageCache.read(train) }
      var row = ResultRow(part: part, what: what, cache: isCold ? "cold" : "warm")
      row.runs = try command(arguments, output: output, times: isCold ? 1 : repeats)
      row.storeBytes = readsGradients ? bytes : nil
      let rate = Double(bytes) / row.seconds
      row.ofDisk = isCold && readsGradients ? rate / diskRate : nil
      row.ofMemory = isCold || !readsGradients ? nil : rate / memoryRate
      row.staysInBound = row.peakAnonymousBytes <= boundBytes + 256_000_000
      add(row)
    }
  }

  /// Adds a line, and says so: a full run takes long.
  mutating func add(_ row: ResultRow) {
    results.rows.append(row)
    FileHandle.standardError.write(
      Data((row.cells.filter { !$0.isEmpty }.joined(separator: "  ") + "\n").utf8))
  }

  /// The JSON that the command writes beside scores.
  static func record(of output: URL) -> URL {
    output.deletingPathExtension().appendingPathExtension("json")
  }

  /// Values of a `.npy` file.
  func values(_ file: URL, rows: Range<Int>? = nil) throws -> Matrix<Double> {
    try NumpyFile(opening: file).matrix(as: Double.self, rows: rows)
  }
}
