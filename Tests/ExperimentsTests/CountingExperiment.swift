import Experiments
import Foundation
import OrderedCollections
import Reporting
import Synchronization
import TensorFiles

/// An experiment that adds, and can be made to fail in the middle.
struct CountingExperiment: Experiment {
  static let kind = "counting"
  static let summary = "What do numbers add up to"
  static let source = "Arithmetic."
  static let settings: [Setting] = [
    Setting("step", .integer(1...10), standard: 1, help: "what is added"),
    Setting("scale", .number(.positive), standard: 1.0, help: "what it is multiplied by"),
    Setting("name", .text, standard: "x", help: "a word"),
    Setting("mode", .choice(["up", "down"]), standard: "up", help: "the direction"),
    Setting("loud", .flag, standard: false, help: "whether to shout"),
    Setting("list.sizes", .integers(0...5, mayBeEmpty: true), standard: [1, 2], help: "sizes"),
    Setting("list.shares", .numbers(.share), standard: [0.5], help: "shares"),
    Setting("list.words", .choices(["a", "b", "c"]), standard: ["a"], help: "words"),
    Setting("methods", .methods, standard: ["exact"], help: "methods"),
    Setting("file", .path, help: "a file"),
    Setting("must", .integer(0...9), isRequired: true, help: "a digit"),
  ]

  /// How many cells have been computed, and after how many it fails, for each name.
  static let state = Mutex<[String: (computed: Int, limit: Int)]>([:])

  private let values: Settings

  init(_ settings: Settings) throws {
    values = settings
    if settings.text("mode") == "down", settings.integer("step") > 5 {
      throw settings.invalid("step", "too steep a way down; give at most 5")
    }
  }

  var inputs: OrderedDictionary<String, String> { ["numbers": "123"] }

  struct Stopped: Error {}

  struct Result: Codable {
    let sum: Int
  }

  struct Costs: Codable {
    let seconds: Double
  }

  var points: [Int] { [values.integer("step")] }
  func name(of step: Int) -> String? { "sum" }

  func compute(
    seed: UInt64, at step: Int, _ context: CellContext
  ) throws -> CellResult<Self> {
    context.progress("adding", 0.5)
    try Self.state.withLock { state in
      let name = values.text("name")
      let now = state[name] ?? (0, .max)
      guard now.computed < now.limit else { throw Stopped() }
      state[name] = (now.computed + 1, now.limit)
    }
    return CellResult(Result(sum: Int(seed) * step), costs: Costs(seconds: 0.25))
  }

  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport {
    var table = Table(columns: [.init("seed"), .init("sum", .significant(digits: 3))])
    let sums = results.values(at: values.integer("step")).map { Double($0.sum) }
    for (seed, sum) in zip(results.seeds, sums) {
      table.append([.text("\(seed)"), .number(sum)])
    }
    var report = ExperimentReport()
    report.add("sums", "Sums", table)
    try report.add(
      "sums",
      "Sums", Chart("Sums", x: .init("seed"), y: .init("sum"), series: []))
    report.findings = ["The last sum is \(sums.last ?? 0)."]
    report.check(
      "sums are small", sums.allSatisfy { $0 < 100 }, detail: "largest \(sums.max() ?? 0)")
    return report
  }
}
