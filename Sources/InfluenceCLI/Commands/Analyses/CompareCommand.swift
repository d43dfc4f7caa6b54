import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence compare`, the main job: every method against exact on the same gradients.
struct CompareCommand: FittingCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Every method against exact on the same gradients: the main job.",
    usage: """
      influence compare [--train <path> --query <path>] [<options>]
      influence compare --repeat <folder>
      """,
    discussion: """
      Without --train it trains a perceptron with LoRA adapters on handwritten digits, a fifth of whose \
      labels are flipped, and uses its gradients. It leaves a folder with the scores, the settings and \
      the table, from which --repeat computes everything again and checks that it is the same bit for bit.

      EXAMPLES
        influence compare
        influence compare --train grads/train --query grads/query \\
            --flipped examples.json
        influence compare --methods datainf exact lissa:depth=10 cg:tolerance=1e-2
        influence compare --train grads/train --query grads/query \\
            --aggregate normalized-mean --flipped flipped.json
        influence compare --repeat influence-runs/compare-1

      COLUMNS
        Pearson, Spearman   correlation with exact, mean over queries
        mean P, mean S      the same for all queries' scores in one row
                            (--aggregate; their mean by default)
        top 10 %            share of the 10 % most helpful in common with exact
        residual            |(F + λI)x − v|/|v|, median over queries: 0 is exact
        AUC                 how well harm to all queries tells flipped labels
        rec. 10 %, 20 %     share of flipped labels in the most harmful 10 %, 20 %

      Below it: each method against each other, by Spearman's correlation and by the \
      share of the 10 % most helpful in common.

      METHODS
      \(MethodHelp.methods)

      METHODS ON REPRESENTATIONS (`influence gradients --representations`)
      \(MethodHelp.representationMethods)
      """)

  @Option("The training gradients; digits unless given.", value: "path") var train: String?
  @Option("The queries' gradients.", value: "path") var query: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Methods, with settings after a colon; all unless given.", valueName: "name")
  )
  var methods: [String] = []
  @OptionGroup var length: NormalizeOption
  @Option("JSON with the indices of mislabelled training rows under \"flipped\".", value: "path")
  var flipped: String?
  @Option(
    "How all queries' scores become one row: mean, median, normalized-mean or vote. (default: mean)",
    value: "way")
  var aggregate: ScoreAggregation?
  @Option("The seed of the digits model; 0 unless given.", number: "number") var seed: UInt64?
  @Option("The folder for the results; a new one in influence-runs unless given.", value: "folder")
  var output: String?
  @Option(
    "Repeat the run in this folder, and check that its scores come out the same.", value: "folder")
  var `repeat`: String?
  @Option("A page of `influence report` of this run, too.", value: "file") var report: String?
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var fit: FitOptions

  /// A repeated run takes as many threads as the run before.
  func threadCount() -> Int? {
    `repeat`.map { ComparisonFolder.Settings.threads(recordedIn: URL(filePath: $0)) } ?? fit.threads
  }

  func validate() throws {
    if (train == nil) != (query == nil) {
      throw ValidationError("--train and --query go together: give both, or neither for the digits")
    }
    if flipped != nil, train == nil {
      throw ValidationError("--flipped goes with --train: the digits' flipped labels are known")
    }
    try fit.requireFixedDamping()
    if length.normalize == .unit, methods.isEmpty {
      throw ValidationError(
        "--normalize unit is of the methods that are named, some of which are of unit length anyway: give --methods"
      )
    }
    if aggregate == ScoreAggregation.none {
      throw ValidationError(
        "--aggregate none: one row is compared; give mean, median, normalized-mean or vote")
    }
    if `repeat` != nil {
      let given =
        [
          ("--train", train != nil), ("--flipped", flipped != nil), ("--output", output != nil),
          ("--aggregate", aggregate != nil), ("--methods", !methods.isEmpty),
          ("--report", report != nil), ("--normalize", length.normalize != .none),
          ("--seed", seed != nil),
        ].filter(\.1).map(\.0) + fit.namesOfChanged
      if !given.isEmpty {
        throw ValidationError(
          "--repeat takes all settings from its folder: leave out \(given.joined(separator: ", "))")
      }
    }
    if seed != nil, train != nil {
      throw ValidationError("--seed is the digits model's: leave it out with --train")
    }
  }

  func run() throws {
    if let folder = `repeat` {
      var earlier = try ComparisonFolder.Settings(recordedIn: URL(filePath: folder))
      earlier.memory = fit.memory?.bytes
      let fresh = FileManager.default.temporaryDirectory
        .appending(path: "influence-repeat-\(ProcessInfo.processInfo.processIdentifier)")
      defer { try? FileManager.default.removeItem(at: fresh) }
      let run = try ComparisonFolder(earlier, folder: fresh, quiet: fit.quiet)
      let different = try run.differences(from: URL(filePath: folder))
      guard different.isEmpty else {
        throw Failure.data(
          "\(folder): scores came out differently for \(different.joined(separator: ", ")); compare versions and threads in its run.json with this machine's"
        )
      }
      try finish(run)
      if !fit.quiet, !json {
        let count = run.comparison.entries.count
        Console.print(
          "",
          "repeated: \(count == 1 ? "the score file is" : "all \(count) score files are") the same bit for bit"
        )
      }
      return
    }
    // Paths in full: the run can be repeated from any folder.
    func whole(_ path: String?) -> String? {
      path.map { URL(filePath: $0).standardizedFileURL.path }
    }
    let settings = ComparisonFolder.Settings(
      train: whole(train), query: whole(query), flipped: whole(flipped), seed: seed ?? 0,
      methods: try methods.isEmpty
        ? EstimatorCatalog.compared : MethodList.specifications(in: methods).map(length.method),
      aggregation: aggregate ?? .mean, partition: try fit.partition(), damping: fit.damping,
      side: fit.side,
      precision: fit.precision, threads: fit.threads,
      memory: fit.memory?.bytes, check: fit.check)
    let page = try report.map {
      try ReportDestination($0, inputs: [train, query].compactMap(\.self), option: "--report")
    }
    let folder = try output.map { URL(filePath: $0) } ?? ResultFolder.fresh("compare")
    let run = try FitOptions.grouping(by: fit.givenBlocks) {
      try ComparisonFolder(settings, folder: folder, quiet: fit.quiet)
    }
    try finish(run)
    if !fit.quiet, !json {
      Console.print("", "scores, settings and this table: \(folder.relativePath)")
    }
    guard let page else { return }
    let outcome = try ReportOutcome(
      ReportSource.request(ofRunIn: folder.path, memory: fit.memory?.bytes), quiet: fit.quiet)
    try page.write(outcome.page)
    if !fit.quiet, !json { Console.print(outcome.line(page.path)) }
  }

  private func finish(_ run: ComparisonFolder) throws {
    if json {
      try Console.print(run.record())
    } else {
      if !fit.quiet { Console.print(run.headline, "") }
      try Console.print(run.table())
      for agreement in run.agreementTables where !fit.quiet {
        Console.print("", agreement.title, "")
        Console.print(agreement.table)
      }
    }
    Console.warn(run.warnings)
  }
}
