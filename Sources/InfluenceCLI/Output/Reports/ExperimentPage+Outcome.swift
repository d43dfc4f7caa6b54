import Experiments
import InfluenceKit
import Reports

extension ExperimentPage {
  /// The page of an experiment's results.
  init(_ file: ExperimentFile, _ report: ExperimentReport, command: [String]) {
    let failed = report.checks.count { !$0.holds }
    let checks =
      report.checks.isEmpty
      ? "nothing is checked of these results"
      : failed == 0
        ? "all \(report.checks.count) things that must hold do"
        : "\(failed) of \(report.checks.count) things that must hold do not"
    self.init(
      title: file.title, kind: file.experiment.kind,
      asked: "\(file.experiment.summary). \(file.experiment.source)",
      trust:
        "\(Counted(file.seeds.count, "seed"))\(file.isQuick ? " at the quick size" : ""); \(checks).",
      facts: [
        ("kind", file.experiment.kind), ("seeds", "\(file.seeds.count)"),
        ("size", file.isQuick ? "quick" : "full"),
      ])
    findings = report.findings
    tables = report.tables.map { ($0.caption, $0.content) }
    pictures = report.pictures.map { ($0.caption, $0.content) }
    self.checks = report.checks.map { ($0.claim, $0.detail, $0.holds) }
    warnings = report.warnings
    settings = file.settings.values.map { ($0.key, ExperimentSummary.text($0.value)) }
    self.command = command
  }
}
