import ArgumentParser
import Foundation
import InfluenceKit

/// `influence import`: any gradients as a store directory.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Write any gradients as a store directory, with checksums.",
    usage: "influence import <source> <destination> [--dtype <type>] [<options>]",
    discussion: """
      Reads whatever can be opened, a chunk at a time, and writes it with a manifest, norms and \
      checksums. When stopped, give the same command again: it goes on from the last committed row. \
      A narrower type saves space, and what it loses is measured on sampled rows and printed for each \
      block: norms, numbers that become zero, exact and DataInf scores; and how far scores keep their order \
      (Spearman) and their top ten. A type that destroys a block is refused before anything is written, \
      unless --allow-loss is given. int8 keeps integers from -127 to 127, with one scale for each row and \
      block: a quarter of float32.

      EXAMPLES
        influence import train.safetensors grads/train
        influence import train.safetensors grads/half --dtype bfloat16
        influence import grads/train grads/small --dtype int8
        influence import peft.safetensors grads/train \\
            --strip-prefix base_model.model. --select-blocks '*.lora_?.*'
        influence import bergson-index grads/train --sum-tokens
        influence import train.npy grads/train --examples train.jsonl \\
            --text sentence --label label

      The store keeps the ids, texts and labels of --examples, one example per row of gradients.

      \(ExampleTextOptions.discussion)
      """)

  @Argument(
    help:
      "A store directory, .safetensors, its .index.json, .npy, .pt, or a directory of such files.")
  var source: String
  @Argument(help: "The new store's folder.") var destination: String
  @Option(
    "Take this away at the beginning of blocks' names, such as base_model.model.", value: "prefix")
  var stripPrefix: String?
  @Option(
    "Take this away between dots of blocks' names, such as default, a PEFT adapter's name.",
    value: "part")
  var stripPart: String?
  @Option(
    help: ArgumentHelp(
      "Only blocks whose names fit; * and ? stand for any characters. May be given again.",
      valueName: "glob"))
  var selectBlocks: [String] = []
  @Flag(help: "Sum the token gradients of each example, of a bergson store with attribute_tokens.")
  var sumTokens = false
  @Flag(
    help:
      "Take .npy or .pt files called alike but for a number at the end, and tensors of a list, for rows, not for blocks."
  )
  var joinRows = false
  @Option(
    "int8, float16, bfloat16, float32 or float64; what loses nothing by default.", value: "type")
  var dtype: ElementType?
  @Flag(help: "Print what was done and lost as JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var texts: LabelledTextOptions
  @OptionGroup var losses: LossOptions
  @OptionGroup var copying: CopyOptions

  func run() throws {
    let store = try GradientStore(
      opening: URL(filePath: source), summingTokens: sumTokens, joiningRows: joinRows,
      check: copying.check
    ).selectingBlocks(
      matching: selectBlocks, strippingPrefix: stripPrefix ?? "", strippingPart: stripPart ?? "")
    guard store.count > 0 else { throw InfluenceError.empty(source: source) }
    let target = try StoreDestination(destination, sources: [source]).url
    let loss = try losses.loss(storing: store, as: dtype)
    var copy = StoreCopy(
      of: store, to: target, elementType: dtype, chunkBytes: copying.bytes)
    copy.examples = try texts.texts(count: store.count)?.known
    Interruption.leavesStore(destination)
    let outcome = try ProgressBar.during(quiet: quiet || json) { [copy] in
      try copy.run(progress: $0)
    }
    guard !quiet || json else { return }
    let report = ImportReport(
      destination: destination, elementType: copy.elementType, outcome: outcome, loss: loss,
      fidelity: loss == nil
        ? nil : try StoreFidelity(of: GradientStore(opening: target), from: store))
    if json { return try Console.print(report.json) }
    report.printAll()
  }
}

extension StoreCopy.Outcome {
  /// `12 rows in float32`, and where the copy went on.
  func summary(of type: ElementType) -> String {
    Self.summary(rows: rows, resumed: resumedRows, of: type)
  }

  static func summary(rows: Int, resumed: Int, of type: ElementType) -> String {
    let resumed = resumed > 0 ? ", of which an earlier run wrote \(resumed)" : ""
    return "\(Counted(rows, "row")) in \(type)\(resumed)"
  }
}
