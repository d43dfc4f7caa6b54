import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence finetune`: trains an adapter of a language model.
struct FinetuneCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "finetune",
    abstract: "Train an adapter of a language model.",
    discussion: """
      Trains pairs of low rank (LoRA) beside linear maps of a model, and a classifier where it has \
      one; the model's own weights stay as they are. OUTPUT is a folder that PEFT loads too, with \
      training.json beside the adapter: settings, losses, what was held out; and \
      optimizer.safetensors: AdamW's moments, which less and trackstar need.

      EXAMPLES
        influence finetune --model minilm --data train.jsonl --text sentence \\
            --label label --epochs 5 --batch 16 --max-length 128 \\
            --test dev.jsonl --output adapter
        influence finetune --model minilm --data train.jsonl --text sentence \\
            --label label --flip 0.2 --checkpoints 3 --output noisy
        influence finetune --model smollm2.gguf --data train.jsonl \\
            --prompt prompt --text answer --rank 8 --alpha 16 --output adapter

      \(TextDataOptions.discussion)

      TRAINING
        Each step is AdamW on the mean loss of --batch × --accumulate texts. The
        learning rate rises linearly over the share --warmup of all steps, and
        falls linearly to zero. Every epoch is a new order of the texts. A run is
        the same to the last bit on any number of threads.

      WHAT ELSE IS WRITTEN
        --flip          OUTPUT/flipped.json: the rows whose labels were made
                        wrong, and OUTPUT/train.jsonl: the examples as learnt
        --hold-out      OUTPUT/train.jsonl, without the part that was held out
        --checkpoints   OUTPUT/checkpoint-1, 2, ...: the adapter on the way, each
                        with its step and learning rates; the last is OUTPUT

      A run that is killed leaves OUTPUT.part; the same command with --resume goes on, to the same \
      bytes.
      """)

  @Option("A folder of Hugging Face, or a .gguf file.", value: "path") var model: String
  @Option("The examples: .jsonl, .json, .csv or .tsv.", value: "path") var data: String
  @OptionGroup var texts: TextDataOptions
  @Option("The new folder.", value: "folder") var output: String
  @Option("Examples that are asked after each epoch, of the same fields.", value: "path")
  var test: String?
  @Option("The share of --data that is held out to be asked instead.", number: "share")
  var holdOut: Double?
  @Option("The rank of the pairs.", number: "count") var rank = 8
  @Option("The pairs are multiplied by alpha / rank.", number: "number") var alpha = 16.0
  @Option("The share of what pairs read that is dropped in training.", number: "share")
  var dropout = 0.05
  @Option(
    "The linear maps with a pair: names with commas between them, a regular expression, all-linear, or none for the classifier alone. (default: queries and values)",
    value: "names")
  var targets: String?
  @Option("Passes over the texts.", number: "count") var epochs = 5
  @Option("Texts whose gradients are taken together.", number: "count") var batch = 16
  @Option("Batches of a step.", number: "count") var accumulate = 1
  @Option("The largest learning rate of AdamW.", number: "number") var learningRate = 3e-4
  @Option("The share of steps in which it rises.", number: "share") var warmup = 0.06
  @Option("The weight decay of AdamW.", number: "number") var weightDecay = 0.0
  @Option("The largest norm of a step's gradient; 0: any.", number: "number") var clip = 1.0
  @Option("The share of labels that is made wrong.", number: "share") var flip = 0.0
  @Option("Times that the adapter is kept on the way.", number: "count") var checkpoints = 0
  @Option("Decides all that is random.", number: "number") var seed: UInt64 = 0
  @Flag(help: "Go on with the run that was killed.") var resume = false
  @Option("Threads; all cores by default.", number: "count") var threads: Int?
  @Option(
    "The most memory for weights, such as 8GB; a quarter of the machine by default. Where it is short, they are converted anew in each pass.",
    value: "size")
  var memory: ByteCount?
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only warnings and errors.")
  var quiet = false

  func threadCount() -> Int? { threads }

  func validate() throws {
    _ = try texts.fields()
    try ValidationError.require(atLeast: 0, atMost: 10_000, ("--checkpoints", checkpoints))
    try ValidationError.require(
      atLeast: 1, ("--rank", rank), ("--epochs", epochs), ("--batch", batch),
      ("--accumulate", accumulate), ("--threads", threads))
    if test != nil, holdOut != nil {
      throw ValidationError("--test and --hold-out both say what is asked: give one of them")
    }
    if flip != 0, texts.label == nil {
      throw ValidationError("--flip makes labels wrong: give --label")
    }
  }

  func run() throws {
    let run = try FinetuneRun(self)
    if let pooler = run.checkpoint.missingPooler {
      Console.warn([
        "\(model): the checkpoint has no \(pooler); it is drawn at random and trained whole, as the classifier is"
      ])
    }
    let folder = try ResultFolder(
      URL(filePath: output), inputs: [model, data, test].compactMap { $0 },
      state: FineTuningState.fileName, resumes: resume)
    let outcome = try ProgressBar.during(quiet: quiet) {
      try run.train(into: folder, progress: $0)
    }
    // Giving the folder its name, and the account of it, are one step.
    Interruption.postpone()
    defer { Interruption.allow() }
    try folder.keep()
    Interruption.leaves("\(Console.shortened(folder.url.path)) is complete")
    if !quiet { try outcome.show(folder: Console.shortened(folder.url.path)) }
  }
}
