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
      print(try list.serialized(.indented))
      return
    }
    var table = Table(columns: [.init("experiment"), .init("question")])
    for experiment in experiments {
      table.append([.text(experiment.kind), .text(experiment.summary)])
    }
    print(table.plainText(), terminator: "")
    print(
      "\nscripts/experiments has a file for each; `influence experiment describe NAME` has the settings"
    )
  }
}
