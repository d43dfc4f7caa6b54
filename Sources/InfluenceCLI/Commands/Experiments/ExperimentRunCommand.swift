import ArgumentParser
import Experiments
import Foundation
import InfluenceKit
import Reporting
import Reports

/// `influence experiment run`: one file, one folder of results.
struct ExperimentRunCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the experiment of a file.",
    usage: "influence experiment run <file> [<options>]",
    discussion: """
      Checks the file before any work, computes part by part, keeps each part, and writes results.json, \
      tables as CSV, pictures as SVG and a summary in Markdown. A run that was stopped or killed goes on \
      with --resume, and its results are those of an unbroken one. More --seeds may be asked for then.

      EXAMPLES
        influence experiment run scripts/experiments/inner-product-ensemble.yaml --quick
        influence experiment run scripts/experiments/fairness-adult.yaml \\
            --set data.folder=/data --seeds 20 --output runs/adult

      Ends with code 65 if the results do not show what the experiment must show.
      """)

  @Argument(help: ArgumentHelp("The experiment's YAML file.", valueName: "file")) var file: String
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "A setting, as YAML; wins over the file. May be given several times.", valueName: "key=value")
  )
  var overrides: [String] = []
  @Option("Repetitions, with seeds from 0.", value: "number") var seeds: Int?
  @Flag(help: "The small size of the file's \"quick\" part.") var quick = false
  @Flag(help: "Go on with an earlier run in the folder.") var resume = false
  @Option("The folder for the results; a new one in influence-runs unless given.", value: "folder")
  var output: String?
  @Option("The summary as one page with tables and pictures, too: an .html file.", value: "file")
  var report: String?
  @Option("Threads; all cores unless given.", value: "number") var threads: Int?
  @Flag(help: "Print results.json.") var json = false
  @Flag(help: "Print nothing but the results' folder and errors.") var quiet = false

  func threadCount() -> Int? { threads }

  func validate() throws {
    if resume, output == nil {
      throw ValidationError("--resume needs --output: the folder of the run to go on with")
    }
    if let threads, threads < 1 {
      throw ValidationError("--threads \(threads): give 1 or more")
    }
  }

  func run() throws {
    guard FileManager.default.fileExists(atPath: file) else {
      throw Failure.noInput("\(file): there is no such file")
    }
    let page = try report.map { try ReportDestination($0, inputs: [file], option: "--report") }
    let description = try ExperimentFile(
      contentsOf: URL(filePath: file), overrides: overrides, seedCount: seeds, isQuick: quick)
    let folder =
      try output.map { URL(filePath: $0) } ?? ResultFolder.fresh(description.experiment.kind)
    let run = try ExperimentRun(description, in: folder)
    let path = Console.shortened(folder.path)
    Interruption.leaves {
      FileManager.default.fileExists(atPath: folder.path)
        ? "\(path) has what was computed; add --output \(path) --resume to go on"
        : Interruption.nothing
    }
    let outcome = try ProgressBar.during(quiet: quiet) {
      try run.run(resumes: resume, versions: RunRecord.versions, progress: $0)
    }
    try page?.write(
      ExperimentPage(description, outcome.report, command: ReportFacts.command).html())
    if json {
      try Console.print(OrderedJSON(contentsOf: folder.appending(path: "results.json")))
    } else if quiet {
      Console.print(path)
    } else {
      show(outcome, run, path)
    }
    Console.warn(outcome.report.warnings)
    guard outcome.failures.isEmpty else {
      throw ExperimentError.checksFailed(
        outcome.failures.map { "\($0.claim) (\($0.detail))" }, folder: path)
    }
  }

  private func show(_ outcome: ExperimentRun.Outcome, _ run: ExperimentRun, _ path: String) {
    let report = outcome.report
    Console.print(
      "\(run.file.title) (\(run.file.experiment.kind)\(quick ? ", quick" : "")), \(Counted(run.file.seeds.count, "seed"))"
    )
    for table in report.tables {
      Console.print("", table.caption, "")
      Console.print(table.content)
    }
    if !report.findings.isEmpty { Console.print("") }
    for finding in report.findings { Console.print("- \(finding)") }
    if !report.checks.isEmpty { Console.print("") }
    for check in report.checks {
      Console.print("\(check.holds ? "holds" : "FAILS"): \(check.claim) (\(check.detail))")
    }
    let kept = outcome.kept == 0 ? "" : ", \(outcome.kept) of them kept from before"
    Console.print(
      "",
      "\(path): summary.md, results.json, \(report.tables.count) tables, \(report.pictures.count) pictures; \(outcome.computed + outcome.kept) parts\(kept); \(NumberFormat.seconds(outcome.seconds))"
    )
  }
}
