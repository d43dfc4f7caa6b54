import ArgumentParser
import Experiments
import Foundation
import InfluenceKit
import OrderedCollections
import Reporting

/// `influence experiment describe`: what a file may say.
struct ExperimentDescribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "The settings of an experiment.",
    discussion: """
      EXAMPLES
        influence experiment describe mislabelled-data
        influence experiment describe scripts/experiments/truth.yaml
      """)

  @Argument(
    help: ArgumentHelp("An experiment, or the file of one.", valueName: "name or file"))
  var name: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    var experiment = ExperimentCatalog.experiment(name)
    var given: Settings?
    if experiment == nil, FileManager.default.fileExists(atPath: name) {
      let file = try ExperimentFile(contentsOf: URL(filePath: name))
      experiment = file.experiment
      given = file.settings
    }
    guard let experiment else {
      let known = ExperimentCatalog.all.map { $0.kind }.joined(separator: ", ")
      throw Failure.usage(
        "\(name): there is no such experiment and no such file; there are \(known)")
    }
    if json { return try Console.print(Self.json(experiment, given)) }
    Console.print("\(experiment.kind): \(experiment.summary). \(experiment.source)", "")
    let table = try Table(
      of: experiment.settings,
      .text("setting") { $0.key },
      .field(given == nil ? "unless given" : "value") { setting in
        let value = given.map { $0.values[setting.key] } ?? setting.standard
        return .text(value.map(Self.text) ?? (setting.isRequired ? "must be given" : "none"))
      },
      .field("meaning") {
        .text("\($0.help) (\(Advice.withOptions($0.allowed)))")
      })
    Console.print(table)
  }

  private static func text(_ value: OrderedJSON) -> String {
    (try? value.serialized(.compact)) ?? "…"
  }

  private static func json(
    _ experiment: any Experiment.Type, _ given: Settings?
  ) -> OrderedJSON {
    [
      "experiment": .string(experiment.kind),
      "summary": .string(experiment.summary),
      "source": .string(experiment.source),
      "settings": .array(
        experiment.settings.map { setting in
          [
            "key": .string(setting.key),
            "allowed": .string(Advice.withOptions(setting.allowed)),
            "required": .boolean(setting.isRequired),
            "standard": setting.standard ?? .null,
            "value": given?.values[setting.key] ?? .null,
            "meaning": .string(setting.help),
          ]
        }),
    ]
  }
}
