import ArgumentParser
import InfluenceKit
import Reporting

/// `influence methods`: what methods there are, and what each says of itself.
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods", abstract: "The methods, or all that one of them says of itself.",
    discussion: """
      Formula, source, what is needed beside gradients, sides, cost, damping, settings and sign. n \
      training examples, m queries and d parameters of a block; blocks that are linear maps are q × p. \
      docs/methods.md explains the notation.

      EXAMPLES
        influence methods
        influence methods datainf
        influence methods unit:base=ekfac
        influence methods --json
      """)

  @Argument(
    help: ArgumentHelp("A method, with settings after a colon if you like.", valueName: "name"))
  var method: String?
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    guard let method else {
      let pages = try (EstimatorCatalog.names + RepresentationCatalog.names).map(MethodSheet.init)
      if json { return try Console.print(.array(pages.map(\.json))) }
      Console.print(
        try Table(of: pages, .text("method") { $0.name }, .text("what it is") { $0.summary }))
      return Console.print(
        "", "`influence methods NAME` has formula, source, needs, cost and settings")
    }
    let page = try MethodSheet(method)
    if json { return try Console.print(page.json) }
    Console.print(page.lines)
    if !page.settings.isEmpty {
      Console.print("")
      Console.print(
        try Table(
          of: page.settings, .text("setting") { $0.name }, .text("as it is given") { $0.usage },
          .text("value") { $0.value ?? "none" }))
    }
  }
}
