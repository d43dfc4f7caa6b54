package import InfluenceKit
internal import OrderedCollections
internal import Reporting

package struct ExperimentSummary {
  private let file: ExperimentFile
  private let report: ExperimentReport
  private let cellCount: Int

  init(_ file: ExperimentFile, _ report: ExperimentReport, cellCount: Int) {
    self.file = file
    self.report = report
    self.cellCount = cellCount
  }

  func markdown() -> String {
    var parts = ["# \(MarkdownText.plain(file.title))"]
    parts.append("\(file.experiment.summary). \(file.experiment.source)")
    let seeds = file.seeds.count == 1 ? "1 seed" : "\(file.seeds.count) seeds"
    parts.append(
      "`\(file.experiment.kind)`\(file.isQuick ? " at its quick size" : ""), \(seeds); \(cellCount) parts."
    )
    if !report.findings.isEmpty {
      parts.append(report.findings.map { "- \(MarkdownText.sentence($0))" }.joined(separator: "\n"))
    }
    for table in report.tables {
      parts.append(
        "\(MarkdownText.sentence(table.caption))\n\n\(table.content.markdown().trimmedEnd)")
    }
    for picture in report.pictures {
      let caption = MarkdownText.sentence(picture.caption)
      parts.append("![\(caption)](pictures/\(picture.name).svg)\n\n\(caption)")
    }
    if !report.checks.isEmpty {
      parts.append(
        "## What must hold\n\n"
          + report.checks.map {
            "- \($0.holds ? "holds" : "**does not hold**"): "
              + MarkdownText.sentence("\($0.claim) (\($0.detail))")
          }.joined(separator: "\n"))
    }
    if !report.warnings.isEmpty {
      parts.append(
        "## Warnings\n\n"
          + report.warnings.map { "- \(MarkdownText.sentence($0))" }.joined(separator: "\n"))
    }
    let settings = file.settings.values.map {
      "- `\($0.key)`: \(MarkdownText.plain(Self.text($0.value)))"
    }
    parts.append("## Settings\n\n" + settings.joined(separator: "\n"))
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// A setting's value in a line.
  package static func text(_ value: OrderedJSON) -> String {
    switch value {
    case .null: "none"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value
    case .array(let values): "[\(values.map(text).joined(separator: ", "))]"
    case .object: "…"
    }
  }
}

extension String {
  fileprivate var trimmedEnd: String {
    var text = self
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }
}
