import ArgumentParser
import InfluenceKit
import Reports

/// The page beside the table of the top examples.
extension ScoreCommand {
  /// The most training examples of each side that a page shows of a query.
  private static let mostCards = 100

  /// Refuses a page of what is no table of top examples of each query.
  func validateReport() throws {
    guard report != nil else { return }
    try fit.requireFixedDamping()
    if top == nil {
      throw ValidationError(
        "--report is of the top examples: give --top, or see `influence report`")
    }
    let others = [
      ("--fit", keptFit != nil), ("--aggregate", aggregate != .none),
      ("--convention", convention != .helpful),
      ("--checkpoint or --members", ensemble.isGiven),
    ]
    if let other = others.first(where: \.1) {
      throw ValidationError("--report scores each query of one store anew: leave out \(other.0)")
    }
    if try RepresentationCatalog.method(MethodArgument.one(of: method, for: "score")) != nil {
      throw ValidationError("--report is of gradients: give a method on gradients, or leave it out")
    }
  }

  /// Where the page goes; nil where none was asked for.
  func reportDestination(inputs: [String]) throws -> ReportDestination? {
    try report.map { try ReportDestination($0, inputs: inputs, option: "--report") }
  }

  /// Makes the page.
  func writeReport(
    to page: ReportDestination?, _ training: GradientStore, _ queries: GradientStore,
    by method: String
  ) throws {
    guard let page else { return }
    var request = try ReportSource.request(
      ofTraining: training, queries, examples: texts.examples, texts.texts(),
      options: fit.curvatureOptions(certifies: true, expectedQueries: queries.count))
    request.methods = [method]
    request.top = min(top ?? request.top, Self.mostCards)
    let outcome = try ReportOutcome(request, quiet: fit.quiet)
    try page.write(outcome.page)
    guard !fit.quiet else { return }
    Console.print("", outcome.line(page.path))
    if let top, top > Self.mostCards {
      Console.print("the page shows the first \(Self.mostCards) of each side; the table has \(top)")
    }
  }
}
