public import ArgumentParser
import Foundation
public import InfluenceKit
import Reporting

/// `influence gradients`: per-example gradients of a language model's adapter, or of a small model that is trained here.
struct GradientsCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradients",
    abstract: "Write per-example gradients of a language model, or of a small one trained here.",
    discussion: """
      With a language model, an adapter (of `influence finetune`, or of PEFT) and a file of texts: \
      writes OUTPUT as a gradient store with a row for each text, and its id, text, label and loss. \
      Training texts and queries are two runs.

      With a small model, or without --model: trains it on handwritten digits, or on a table of \
      numbers with a column of classes, and writes OUTPUT/train and OUTPUT/query as gradient stores, \
      and OUTPUT/flipped.json with the rows whose labels were made wrong. On demand also what some \
      methods need beside the gradients.

      EXAMPLES
        influence gradients --model minilm --adapter adapter \\
            --data adapter/train.jsonl --text sentence --label label \\
            --max-length 128 --output grads/train
        influence gradients --model smollm2.gguf --adapter adapter \\
            --data train.jsonl --prompt prompt --text answer \\
            --dtype bfloat16 --output grads/train
        influence gradients --model smollm2.gguf --adapter adapter \\
            --data questions.jsonl --prompt prompt --generate 32 --output grads/query
        influence gradients --output grads
        influence gradients --model perceptron --hidden 16 \\
            --factors sampled --hessian --margins --output grads
        influence gradients --model softmax --data table.csv --label class \\
            --hessian --flip 0 --output grads
        influence gradients --dropout-members 5 --dropout-max 0.01 \\
            --output grads

      \(TextDataOptions.discussion)

      LANGUAGE MODELS
        --measure           what is differentiated: loss; margin, log p/(1 - p); logit
        --generate          queries of what the model says: the tokens that it finds
                            most likely after each prompt, up to the end or so many
        --select-blocks     '*.lora_B.*', '*.layer.1?.*': gradients of some of the
                            adapter's blocks alone; layers below are not gone
                            back through
        --dropout-members   with --output NAME/train: NAME/0/train, NAME/1/train, ...:
                            gradients under dropout of what the adapter reads;
                            0 has none
        --representations   what the last layer reads of each text, for similarity;
                            with --label also the labels, and a last layer fitted
                            to them with --penalty, for rps and knn-shapley
        --factors           Kronecker factors per token for kfac and ekfac: of the
                            labels and answers of the data, or drawn from the model
        A run that is killed leaves a store that says it is incomplete; the same
        command goes on from its last row.

      SMALL MODELS
        lora         a perceptron with low-rank adapters, as influence compare has it
                     (digits only)
        perceptron   every weight and bias of a perceptron, by AdamW
        softmax      softmax regression at the minimum of its penalised loss, by
                     Newton's method, so that leave-one-out is well defined

      WHAT ELSE IS WRITTEN OF SMALL MODELS
        --factors           Kronecker factors for kfac and ekfac, beside train
        --hessian           Hessian and Gauss-Newton matrix, for exact-hessian and
                            exact-ggn, beside train
        --representations   what the last layer reads, with labels, beside train and
                            query, and beside train a last layer fitted to them
                            with --penalty, for rps and knn-shapley
        --margins           OUTPUT/margins/train and query: gradients of
                            log p/(1 - p), with p beside train, for trak
        --dropout-members   OUTPUT/members/0, 1, ...: gradients under dropout, each
                            with train and query; 0 has none
        --checkpoints       OUTPUT/checkpoints/epoch-N, each with train and query
      """)

  @Option("The new folder.", value: "folder") var output: String
  @Option(
    "A folder of Hugging Face, a .gguf file, or one of lora, perceptron and softmax.",
    value: "path")
  var model = GradientsRun.Model.lora.rawValue
  @Option("The adapter's folder, of a language model.", value: "folder") var adapter: String?
  @Option("The texts; or a .csv file with a header, digits unless given.", value: "path")
  var data: String?
  @OptionGroup var texts: TextDataOptions
  @Option("What is differentiated: loss, margin or logit.", value: "kind")
  var measure: AnswerMeasure = .loss
  @Option(
    "In place of --text: what the model itself answers to --prompt, of up to so many tokens.",
    number: "count")
  var generate: Int?
  @Option("How numbers are stored: float32, float16, bfloat16, int8.", value: "type")
  var dtype: ElementType = .float32
  @Option(
    help: ArgumentHelp(
      "Only blocks whose names fit; * and ? stand for any characters. May be given again.",
      valueName: "glob"))
  var selectBlocks: [String] = []
  @Option("Threads; all cores by default.", number: "count") var threads: Int?
  @Option("The most memory, such as 8GB; a quarter of the machine by default.", value: "size")
  var memory: ByteCount?
  @Option("Training examples; 1000, or four fifths of the table.", number: "count") var train: Int?
  @Option("Queries; 200, or the rest of the table.", number: "count") var queries: Int?
  @Option("The share of training labels that is made wrong.", number: "share") var flip = 0.2
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Units of each hidden layer of a perceptron.", valueName: "count"))
  var hidden: [Int] = [32]
  @Option("Epochs of a perceptron.", number: "count") var epochs = 20
  @Option("AdamW's rate for a perceptron.", number: "number") var learningRate = 2e-3
  @Option(
    "The penalty of softmax, and of the last layer of --representations: (penalty/2)|w|².",
    number: "number")
  var penalty = 1e-2
  @Option("Decides all that is random.", number: "number") var seed: UInt64 = 0
  @Option("Kronecker factors: empirical or sampled labels.", value: "labels")
  var factors: GradientsRun.Factors?
  @Flag(help: "Hessian and Gauss-Newton matrix.") var hessian = false
  @Flag(help: "What the last layer reads, and a last layer fitted to it.") var representations =
    false
  @Flag(help: "Gradients of the margin log p/(1 - p).") var margins = false
  @Option("Members of an ensemble of gradients under dropout.", number: "count")
  var dropoutMembers: Int?
  @Option(
    name: .customLong("dropout-max"), parsing: .unconditional,
    help: ArgumentHelp("Their largest dropout rate.", valueName: "rate"))
  var dropoutMaximum = 0.01
  @Option("Gradients at so many epochs of a perceptron.", number: "count") var checkpoints: Int?
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false

  /// The small model that is named; nil for a path.
  var smallModel: GradientsRun.Model? { GradientsRun.Model(rawValue: model) }

  func threadCount() -> Int? { threads }

  func validate() throws {
    try ValidationError.require(
      atLeast: 1, ("--threads", threads), ("--train", train), ("--queries", queries),
      ("--dropout-members", dropoutMembers), ("--generate", generate))
    guard dropoutMaximum >= 0, dropoutMaximum < 1 else {
      throw ValidationError("--dropout-max \(dropoutMaximum): give a rate from 0 up to below 1")
    }
    guard smallModel == nil else { return try validateSmallModel() }
    for (name, isGiven) in [
      ("--train", train != nil), ("--queries", queries != nil), ("--hessian", hessian),
      ("--margins", margins), ("--checkpoints", checkpoints != nil),
      ("--flip", flip != 0.2),
      ("--hidden", hidden != [32]), ("--epochs", epochs != 20),
      ("--learning-rate", learningRate != 2e-3),
    ]
    where isGiven {
      throw ValidationError("\(name) goes with the small models lora, perceptron and softmax")
    }
    try validateCompanions()
    guard adapter != nil else {
      throw ValidationError(
        "--model \(model) is a language model: give its --adapter, which `influence finetune` writes; small models are lora, perceptron and softmax"
      )
    }
    guard data != nil else { throw ValidationError("--data names the file of the texts: give it") }
    _ = try texts.fields(answers: generate != nil)
  }

  /// What a language model writes beside gradients.
  private func validateCompanions() throws {
    for (name, isGiven) in [
      ("--representations", representations), ("--factors", factors != nil),
    ]
    where isGiven && dropoutMembers != nil {
      throw ValidationError(
        "\(name) is of the model without dropout: write it with gradients of their own, without --dropout-members"
      )
    }
    guard factors == nil || measure == .loss else {
      throw ValidationError(
        "--factors are of the loss: write them with its gradients, without --measure")
    }
    guard representations || penalty == 1e-2 else {
      throw ValidationError("--penalty is of the last layer of --representations: give both")
    }
    guard penalty > 0, penalty.isFinite else {
      throw ValidationError("--penalty \(penalty): give a number above 0")
    }
  }

  private func validateSmallModel() throws {
    for (name, isGiven) in [
      ("--adapter", adapter != nil), ("--text", texts.text != nil),
      ("--prompt", texts.prompt != nil), ("--text-pair", texts.textPair != nil),
      ("--measure", measure != .loss), ("--dtype", dtype != .float32),
      ("--memory", memory != nil), ("--max-length", texts.maxLength != nil),
      ("--loss-on", texts.lossOn != nil), ("--loss-reduction", texts.lossReduction != .mean),
      ("--end", texts.end != nil), ("--id", texts.id != nil), ("--generate", generate != nil),
      ("--select-blocks", !selectBlocks.isEmpty),
    ]
    where isGiven {
      throw ValidationError("\(name) is about a language model: name its path with --model")
    }
    let label = texts.label
    let model = smallModel
    if (data == nil) != (label == nil) {
      throw ValidationError("--data and --label go together: give both, or neither for the digits")
    }
    if data != nil, model == .lora {
      throw ValidationError("--model lora is for digits: choose perceptron or softmax with --data")
    }
    if checkpoints != nil, model != .perceptron {
      throw ValidationError("--checkpoints goes with --model perceptron")
    }
    if dropoutMembers != nil, model == .softmax {
      throw ValidationError(
        "--dropout-members needs hidden units, which softmax has none of: choose lora or perceptron"
      )
    }
    try ValidationError.require(
      atLeast: 1, atMost: 1_000_000, ("--epochs", epochs), ("--checkpoints", checkpoints))
    for units in hidden { try ValidationError.require(atLeast: 1, ("--hidden", units)) }
    if let checkpoints, checkpoints > epochs {
      throw ValidationError("--checkpoints \(checkpoints): there are \(epochs) epochs")
    }
  }

  func run() throws {
    if smallModel == nil, let adapter, let data {
      let lines = try ModelGradients(self, adapter: adapter, data: data).run()
      if !quiet { for line in lines { Console.print(line) } }
      return
    }
    let run = GradientsRun(options: self)
    let parts = try run.parts()
    let folder = try ResultFolder(
      URL(filePath: output), inputs: [data].compactMap { $0 })
    let lines = try ProgressBar.during(quiet: quiet) {
      try run.write(
        parts, to: folder.unfinished, shown: Console.shortened(URL(filePath: output).path),
        progress: $0 ?? { _, _ in })
    }
    // Giving the folder its name, and the account of it, are one step.
    Interruption.postpone()
    defer { Interruption.allow() }
    try folder.keep()
    Interruption.leaves("\(Console.shortened(folder.url.path)) is complete")
    if !quiet { for line in lines { Console.print(line) } }
  }
}

extension AnswerMeasure: ExpressibleByArgument {}
extension GradientsRun.Factors: ExpressibleByArgument {}
