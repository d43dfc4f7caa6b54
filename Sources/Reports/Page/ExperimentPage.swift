internal import InfluenceKit
package import Reporting

/// The summary of an experiment as one HTML file that needs nothing else.
package struct ExperimentPage {
  private let title: String
  private let kind: String
  private let asked: String
  private let trust: String
  private let facts: [(name: String, value: String)]
  package var findings: [String] = []
  package var tables: [(caption: String, content: Table)] = []
  /// SVG documents, as `Picture` makes them.
  package var pictures: [(caption: String, svg: String)] = []
  package var checks: [(claim: String, detail: String, holds: Bool)] = []
  package var warnings: [String] = []
  package var settings: [(name: String, value: String)] = []
  package var command: [String] = []

  package init(
    title: String, kind: String, asked: String, trust: String,
    facts: [(name: String, value: String)]
  ) {
    (self.title, self.kind, self.asked, self.trust) = (title, kind, asked, trust)
    self.facts = facts
  }

  /// The whole page.
  package func html() -> String {
    let script = PageFiles.text("theme.js")
    func lines(_ texts: [String]) -> OrderedJSON { .list(texts.map { PageText.visible($0) }) }
    func pairs(_ values: [(name: String, value: String)]) -> OrderedJSON {
      .array(
        values.map {
          ["name": .string(PageText.name($0.name)), "value": .string(PageText.visible($0.value))]
        })
    }
    return PageFiles.rendered(
      "experiment",
      [
        "title": .string(PageText.name(title)), "kind": .string(PageText.name(kind)),
        "asked": .string(PageText.visible(asked)), "trusted": .string(PageText.visible(trust)),
        "scriptSource": .string(SHA256.source(of: script)), "style": .string(ReportPage.style),
        "script": .string(script), "facts": pairs(facts),
        "hasFindings": .boolean(!findings.isEmpty),
        "firstFinding": findings.first.map { ["parts": PageText.sentence($0)] } ?? false,
        "findings": .array(findings.map { ["parts": PageText.sentence($0)] }),
        "hasTables": .boolean(!tables.isEmpty),
        "tables": .array(
          tables.map {
            ["caption": .string(PageText.visible($0.caption)), "content": Self.context($0.content)]
          }),
        "hasPictures": .boolean(!pictures.isEmpty),
        "pictures": .array(
          pictures.map {
            ["caption": .string(PageText.visible($0.caption)), "svg": .string($0.svg)]
          }),
        "hasChecks": .boolean(!checks.isEmpty),
        "checks": .array(
          checks.map {
            [
              "claim": .string(PageText.visible($0.claim)),
              "detail": .string(PageText.visible($0.detail)), "holds": .boolean($0.holds),
            ]
          }),
        "hasWarnings": .boolean(!warnings.isEmpty), "warnings": lines(warnings),
        "settings": pairs(settings),
        "command": .string(PageText.visible(command.joined(separator: " "))),
      ])
  }

  /// A table with as many text columns at its front as it has.
  private static func context(_ table: Table) -> OrderedJSON {
    PageTable.context(
      heads: table.columns.map(\.name), texts: table.columns.prefix { $0.isLeading }.count,
      rows: table.rows.map { row in zip(table.columns, row).map { $0.text(of: $1) } })
  }
}
