import ArgumentParser

/// `influence experiment`: experiments from files, and what there are.
struct ExperimentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "experiment",
    abstract: "Experiments from files: run, list, describe.",
    discussion: """
      A file names an experiment, its seeds and its settings; scripts/experiments has one for each. \
      The same file and seeds give the same results.

      EXAMPLES
        influence experiment list
        influence experiment describe mislabelled-data
        influence experiment run scripts/experiments/mislabelled-digits.yaml --quick
        influence experiment run scripts/experiments/truth.yaml \\
            --set model.units=32 --seeds 20 --output runs/truth
        influence experiment run scripts/experiments/truth.yaml \\
            --set model.units=32 --seeds 20 --output runs/truth --resume
      """,
    subcommands: [
      ExperimentRunCommand.self, ExperimentListCommand.self, ExperimentDescribeCommand.self,
    ])
}
