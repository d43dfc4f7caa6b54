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
        influence import grads/train grads/factored --factored 1 --dtype int8
        influence import train.safetensors grads/train \\
            --factors influence_results/run/factors_ekfac
        influence import train.npy grads/train --examples train.jsonl \\
            --text sentence --label label

      With --factored C, each row of a block that is a matrix of outputs x inputs is kept as the C products of two vectors \
      that are nearest to it: an adapter's 8 x 5120 numbers become 5128 for C = 1, in float16 unless --dtype says otherwise, \
      with a scale for each vector in int8. Vectors, and blocks that would not become smaller, stay whole. What is kept of the \
      squared norm, and of the order of scores, is measured and printed. All methods read such a store.

      With --factors, the store gets kronfluence's Kronecker factors of the same layers beside its gradients, and weight and \
      bias of a layer become one block, outputs x (inputs + 1), as kronfluence has them: import the gradients \
      of queries with the same --factors.

      The store keeps the ids, texts and labels of --examples, one example per row of gradients.

      \(ExampleTextOptions.discussion)
      """)

  @Argument(
    help:
      "A store directory, .safetensors, its .index.json, .npy, .pt, or a directory of such files.")
  var source: String
  @Argument(help: "The new store's folder.") var destination: String
  @Option(
    "int8, float16, bfloat16, float32 or float64; what loses nothing by default, float16 with --factored.",
    value: "type")
  var dtype: ElementType?
  @Option(
    "Keep rows of matrices as factors of this rank, the best approximation; not to be taken for --factors.",
    number: "rank")
  var factored: Int?
  @Option(
    "kronfluence's folder factors_NAME of the same model, to be kept beside the gradients.",
    value: "folder")
  var factors: String?
  @Flag(help: "Print what was done and lost as JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var opening: SourceOptions
  @OptionGroup var texts: LabelledTextOptions
  @OptionGroup var losses: LossOptions
  @OptionGroup var copying: CopyOptions

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--factored", factored))
  }

  func run() throws {
    var store = try opening.open(source, check: copying.check)
    if let factors { store = try store.withFactors(ofKronfluenceAt: URL(filePath: factors)) }
    let target = try StoreDestination(
      destination, sources: [source] + (factors.map { [$0] } ?? [])
    ).url
    let loss = factored == nil ? try losses.loss(storing: store, as: dtype) : nil
    var copy = StoreCopy(
      of: store, to: target, elementType: dtype, factorRank: factored, chunkBytes: copying.bytes)
    copy.examples = try texts.texts(count: store.count)?.known
    Interruption.leavesStore(destination)
    let outcome = try ProgressBar.during(quiet: quiet || json) { [copy] in
      try copy.run(progress: $0)
    }
    guard !quiet || json else { return }
    if factored != nil { return try reportFactors(copy, outcome, of: store) }
    let report = ImportReport(
      destination: destination, elementType: copy.elementType, factorRank: copy.factorRank,
      outcome: outcome, loss: loss,
      fidelity: loss == nil
        ? nil : try StoreFidelity(of: GradientStore(opening: target), from: store))
    if json { return try Console.print(report.json) }
    report.printAll()
  }

  private func reportFactors(
    _ copy: StoreCopy, _ outcome: StoreCopy.Outcome, of source: GradientStore
  ) throws {
    let made = try GradientStore(opening: copy.destination)
    let report = FactoringReport(
      destination: destination, copy: copy, outcome: outcome,
      loss: try FactoringLoss(of: made, from: source),
      rowBytes: (source.bytesPerRow, made.bytesPerRow))
    report.warn()
    if json { try Console.print(report.json) } else { report.printAll() }
  }
}

extension StoreCopy.Outcome {
  /// `12 rows in float16 factors of rank 1`, and where the copy went on.
  func summary(of type: ElementType, factorRank: Int? = nil) -> String {
    Self.summary(rows: rows, resumed: resumedRows, of: type, factorRank: factorRank)
  }

  static func summary(
    rows: Int, resumed: Int, of type: ElementType, factorRank: Int? = nil
  ) -> String {
    let kept = factorRank.map { " factors of rank \($0)" } ?? ""
    let resumed = resumed > 0 ? ", of which an earlier run wrote \(resumed)" : ""
    return "\(Counted(rows, "row")) in \(type)\(kept)\(resumed)"
  }
}
