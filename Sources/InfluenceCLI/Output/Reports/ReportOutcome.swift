import InfluenceKit
import Reporting
import Reports

/// A finished page, and what is said of it on a terminal.
struct ReportOutcome {
  let contents: ReportContents
  let page: String

  /// Computes the page.
  ///
  /// - Parameters:
  ///   - request: What it is made of.
  ///   - quiet: Whether progress is not shown.
  init(_ request: ReportRequest, quiet: Bool) throws {
    var contents = try ProgressBar.during(quiet: quiet) { progress in
      var maker = try ReportMaker(request, progress: progress)
      return try maker.contents()
    }
    // The page is for people at a command line, as messages are.
    contents.trust.warnings = contents.trust.warnings.map(Advice.withOptions)
    contents.trust.leftOut = contents.trust.leftOut.map { ($0.part, Advice.withOptions($0.reason)) }
    guard contents.queries != nil || contents.suspects != nil || contents.duplicates != nil else {
      let reasons = contents.trust.leftOut.map { "\($0.part): \($0.reason)" }
      throw Failure.data(
        "\(contents.training.name): there is nothing to report; give --query, or labels or texts by --examples\(reasons.isEmpty ? "" : " (\(reasons.prefix(3).joined(separator: "; ")))")"
      )
    }
    self.contents = contents
    page = try ReportPage(contents).html()
  }

  /// The opening of the page, and where it is.
  func printAll(path: String) {
    let opening = OpeningText(of: contents)
    Console.print(opening.found, opening.trust, "", line(path))
  }

  /// What a page holds, in a line.
  func line(_ path: String) -> String {
    var parts: [String] = []
    if let queries = contents.queries {
      parts.append(
        "\(queries.shown.count) of \(Counted(queries.total, "query", "queries")) by \(Counted(queries.methods.count, "method"))"
      )
    }
    if let suspects = contents.suspects {
      parts.append(
        "\(Counted(suspects.suspects.count, "suspect")), \(suspects.flagged) of them flagged")
    }
    if let duplicates = contents.duplicates {
      parts.append(
        "\(Counted(duplicates.groupCount, "group")) of near-duplicates")
    }
    parts.append(NumberFormat.bytes(page.utf8.count))
    return "\(path): \(parts.joined(separator: "; ")); open it in a browser"
  }
}
