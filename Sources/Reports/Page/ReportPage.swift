internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

/// A report as one HTML file that needs nothing else.
///
/// The page is readable without its script: it holds the hardest query, all flagged suspects, near-duplicates, trust and
/// provenance. The script fills the same templates with the same data for the other queries.
package struct ReportPage {
  private let contents: ReportContents

  package init(_ contents: ReportContents) { self.contents = contents }

  /// The whole page.
  ///
  /// - Throws: `PictureError`.
  package func html() throws -> String {
    let examples = ExampleData.data(contents.examples)
    let queries = contents.queries.flatMap { $0.shown.isEmpty ? nil : QueryData($0, in: contents) }
    let suspects = contents.suspects.map { SuspectData($0, in: contents) }
    let flagged = suspects?.flagged ?? []
    let warnings = TrustWarnings(of: contents)
    let opening = OpeningText(of: contents)
    let data: OrderedJSON = [
      "common": queries?.common ?? false, "keys": .list(queries?.keys ?? []),
      "queries": .array(queries?.queries ?? []), "examples": examples,
      "suspects": suspects?.data ?? false,
      "templates": .object(
        OrderedDictionary(
          uniqueKeysWithValues: Self.shared.map { ($0, .string(PageFiles.template($0))) })),
    ]
    let script = [
      PageFiles.text("theme.js"), PageFiles.text("mustache.js"), PageFiles.text("report.js"),
    ]
    .joined(separator: "\n")
    var context: OrderedDictionary<String, OrderedJSON> = [
      "title": .string(PageText.name(contents.title)),
      "heading": .string(opening.heading), "asked": .string(PageText.visible(opening.asked)),
      "found": .string(PageText.visible(opening.found)),
      "trusted": .string(PageText.visible(opening.trust)),
      "facts": .array(
        facts.map { ["name": .string($0.name), "value": .string(PageText.name($0.value))] }),
      "scriptSource": .string(SHA256.source(of: script)),
      "style": .string(Self.style), "script": .string(script),
      "data": .string(HTMLText.embedded(json: try data.serialized())),
      "hasQueries": .boolean(queries != nil), "hasSuspects": .boolean(suspects != nil),
      "hasDuplicates": .boolean(contents.duplicates != nil),
      "trust": try TrustData.section(contents, warnings),
      "warningCount": .integer(warnings.all.count),
      "warningNoun": warnings.all.count == 1 ? "warning" : "warnings",
      "provenance": provenance,
    ]
    if let queries, let part = contents.queries {
      context["queryCount"] = .integer(part.shown.count)
      context["queries"] = [
        "article": queries.article(query: 0, method: 0, examples: examples, flagged: flagged),
        "hasMistakes": .boolean(part.shown.contains { $0.isMistake }),
        "byLoss": .boolean(part.order == .loss),
      ]
    }
    if let suspects {
      context["suspectCount"] = .integer(suspects.part.flagged)
      context["suspects"] = suspects.section(examples: examples)
    }
    if let duplicates = contents.duplicates {
      context["duplicateCount"] = .integer(duplicates.groupCount + duplicates.leakCount)
      context["duplicates"] = DuplicateData.section(duplicates, in: contents, flagged: flagged)
    }
    return PageFiles.rendered("page", .object(context))
  }

  /// The templates that the script fills too.
  private static let shared = ["article", "card", "item", "suspect", "text"]

  /// The style sheet: colours, type and layout, and the colours of pictures in the theme that was chosen.
  static var style: String {
    let paints =
      [
        Palette.background, Palette.ink, Palette.quiet, Palette.axis, Palette.reference,
        Palette.grid,
      ] + Palette.series
    func variables(_ color: (Paint) -> String) -> String {
      paints.dropFirst().map { "--ik-\($0.name):\(color($0))" }.joined(separator: ";")
    }
    return [
      PageFiles.text("style.css"), PageFiles.text("layout.css"),
      ":root .ik{--ik-\(Palette.background.name):var(--bg)}",
      ":root[data-theme=light] .ik{\(variables(\.light))}",
      ":root[data-theme=dark] .ik{\(variables(\.dark))}",
      "@media print{:root .ik{\(variables(\.light))}}",
    ].joined(separator: "\n")
  }

  private var provenance: OrderedJSON {
    [
      "facts": .array(
        contents.provenance.facts.map {
          ["name": .string(PageText.name($0.name)), "value": .string(PageText.visible($0.value))]
        }),
      "command": .string(contents.provenance.command.map(Self.quoted).joined(separator: " ")),
    ]
  }

  /// A word as a shell takes it.
  private static func quoted(_ word: String) -> String {
    let word = PageText.visible(word)
    let isPlain =
      !word.isEmpty
      && word.unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || $0.properties.numericType != nil
            || "-_./=:,+@%".unicodeScalars.contains($0))
      }
    return isPlain
      ? word
      : "'"
        + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        + "'"
  }

  /// The figures beside the opening.
  private var facts: [(name: String, value: String)] {
    let training = contents.training
    var facts = [
      (
        "training",
        PageNumbers.counted(training.count, training.hasTexts ? "text" : "example")
      )
    ]
    if let queries = contents.queries {
      let shown = queries.shown.count
      let which = queries.order == .loss ? "hardest" : "first"
      facts.append(
        (
          "queries",
          shown == queries.total
            ? PageNumbers.grouped(shown)
            : "\(PageNumbers.grouped(queries.total)), the \(shown) \(which) shown"
        ))
      if queries.scored < queries.total {
        facts.append(("scored", "the shown and the first others: \(queries.scored)"))
      }
    }
    facts.append(
      (
        "gradients",
        "\(PageNumbers.counted(training.columnCount, "column")), \(PageNumbers.counted(training.blockCount, "block"))"
      ))
    if let first = contents.queries?.methods.first {
      facts.append(
        ("scores by", first.specification + (contents.trust.damping.map { ", λ = \($0)" } ?? "")))
      facts.append(("positive", "lowers the query’s loss"))
    }
    if let seconds = contents.trust.seconds {
      let memory = contents.trust.peakMemory.map { ", " + NumberFormat.bytes($0) } ?? ""
      facts.append(("time, memory", NumberFormat.seconds(seconds) + memory))
    }
    return facts
  }
}
