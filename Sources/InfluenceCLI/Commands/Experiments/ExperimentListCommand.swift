import ArgumentParser
import Experiments
import InfluenceKit
import Reporting

/// `influence experiment list`: what experiments there are.
struct ExperimentListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "The experiments, one per line.",
    discussion: """
      EXAMPLE
        influence experiment list --json
      """)

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let experiments = ExperimentCatalog.all
    if json {
      let list = OrderedJSON.array(
        experiments.map {
          [
            "experiment": .string($0.kind), "summary": .string($0.summary),
            "source": .string($0.source),
          ]
        })
      return try Console.print(list)
    }
    let table = try Table(
      of: experiments,
      .text("experiment") { $0.kind }, .text("question") { $0.summary })
    Console.print(table)
    Console.print(
      "",
      "scripts/experiments has a file for each; `influence experiment describe NAME` has the settings"
    )
  }
}
