import ArgumentParser
import Foundation
import InfluenceKit

/// `influence convert`: gradients of one tool as another reads them.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write gradients in the layout of another tool.",
    usage: "influence convert <source> --to <layout> --output <path> [<options>]",
    discussion: """
      Reads whatever can be opened, a chunk at a time, and writes it as --to says:

        influence    a store directory, with norms and checksums, as import does
        safetensors  a .safetensors file, one tensor per block, n x ...
        npy          a folder of .npy files, one per block; one file for a name that ends in .npy
        bergson      a folder with info.json and gradients.bin, as bergson reads its indexes

      Numbers keep their type where the layout has it, and become float32 otherwise (int8; bfloat16 in .npy), which \
      holds all of them. Ids, texts, labels and losses are written to examples.jsonl in the folder, or to \
      <path>.examples.jsonl beside a file; names, order and shapes of blocks, and what the store remembers of its making, to \
      influencekit.json in a folder or the metadata of .safetensors. Commands find these again. Files and folders appear \
      whole or not at all, and nothing is replaced; a folder is called <path>.part until then.

      EXAMPLES
        influence convert grads/train --to safetensors --output train.safetensors
        influence convert grads/train --to npy --output arrays --dtype float16
        influence convert trak/0 --to bergson --output index
        influence convert logix-run --to influence --output grads/train
        influence convert grads/train --to npy --output head.npy \\
            --select-blocks '*score.weight'
      """)

  @Argument(help: "Gradients of any kind: a store, a file, or a folder of another tool.")
  var source: String
  @Option(
    help: ArgumentHelp(
      "What to write.",
      valueName: "layout"))
  var to: StoreConversion.Target
  @Option(help: ArgumentHelp("The new file or folder.", valueName: "path")) var output: String
  @Option(
    "int8, float16, bfloat16, float32 or float64; the source's type by default.", value: "type")
  var dtype: ElementType?
  @Flag(help: "Print what was done and lost as JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var opening: SourceOptions
  @OptionGroup var losses: LossOptions
  @OptionGroup var copying: CopyOptions

  func run() throws {
    let store = try opening.open(source, check: copying.check)
    // What an unfinished store is known by; other layouts do not go on.
    let marker = to == .influence ? StoreManifest.fileName : ""
    let place = try StoreDestination(output, sources: [source], marker: marker).url
    let conversion = try StoreConversion(
      of: store, to: to, at: place, elementType: dtype, chunkBytes: copying.bytes)
    let loss = try losses.loss(storing: store, as: dtype)
    if to == .influence { Interruption.leavesStore(output) }
    let outcome = try ProgressBar.during(quiet: quiet || json) { try conversion.run(progress: $0) }
    guard !quiet || json else { return }
    let report = ImportReport(
      destination: output, elementType: conversion.elementType, outcome: outcome, loss: loss,
      fidelity: loss == nil
        ? nil : try StoreFidelity(of: GradientStore(opening: conversion.destination), from: store))
    if json {
      return try Console.print(
        report.json.adding([
          "layout": .string(to.rawValue), "remarks": .array(conversion.remarks.map { .string($0) }),
        ]))
    }
    report.printAll()
    Console.print(conversion.remarks)
  }
}
